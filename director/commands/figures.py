"""The second door's own figures, for Prometheus. Labels are from closed lists, never from any configuration."""

from collections.abc import Callable, Iterable
from datetime import timedelta

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from director.commands.command import Reason
from director.commands.completion import Completion
from director.operations.vitals import Listening

SECONDS = (0.5, 2, 10, 60, 300, 1_200, 3_600)


class Figures:
    """In `registry`, with all else that the process tells of itself."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._received = Counter("director_commands_received", "deliveries of commands", registry=registry)
        self._told = Counter(
            "director_commands_completed", "ends of commands that were told", ["instruction", "status"],
            registry=registry,
        )  # fmt: skip
        self._letters = Counter(
            "director_commands_dead_lettered", "commands refused, by reason", ["reason"], registry=registry
        )
        self._age = Histogram(
            "director_command_seconds", "from when a command was published until its end was",
            buckets=SECONDS, registry=registry,
        )  # fmt: skip

    def received(self) -> None:
        self._received.inc()

    def told(self, completion: Completion, age: timedelta) -> None:
        self._told.labels(completion.instruction or "none", completion.status).inc()
        self._age.observe(max(0.0, age.total_seconds()))

    def dead_lettered(self, reason: Reason) -> None:
        self._letters.labels(reason).inc()

    def watch(self, listening: Callable[[], Listening]) -> None:
        self._registry.register(_Listening(listening))


class _Listening(Collector):
    def __init__(self, listening: Callable[[], Listening]) -> None:
        self._listening = listening

    def collect(self) -> Iterable[Metric]:
        now = self._listening()
        subscribed = GaugeMetricFamily("director_commands_subscribed", "1 while commands can come in")
        subscribed.add_metric([], float(now.subscribed))
        yield subscribed
        if now.quiet is not None:
            quiet = GaugeMetricFamily("director_commands_quiet_seconds", "since the last command came")
            quiet.add_metric([], now.quiet)
            yield quiet
