"""What an embedded job shows of itself: counters, and whether it gets on."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram


class Progress:
    """Counters of one job in a registry of its own, and the reason why it is not ready."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.problem: str | None = "no answer from Pub/Sub yet"
        self._messages = Counter(
            "job_messages", "Messages in, out (reached their goal), dead_lettered.", ["outcome"], registry=self.registry
        )
        self._details = Counter(
            "job_details",
            "What else the job counts, by name; its documentation lists them.",
            ["name"],
            registry=self.registry,
        )
        self._runs = Histogram("job_run_seconds", "Runs of the graph.", registry=self.registry)
        self._acknowledged = Counter(
            "job_acknowledged", "Messages Pub/Sub need not deliver again.", registry=self.registry
        )
        self._retries = Counter("job_retries", "Tries that met a service that is away.", registry=self.registry)

    def ran(self, outcomes: Mapping[str, int], details: Mapping[str, int], seconds: float) -> None:
        """A run ended well; `outcomes` and `details` are the job's own counters."""
        for outcome, count in outcomes.items():
            self._messages.labels(outcome).inc(count)
        for name, count in details.items():
            self._details.labels(name).inc(count)
        self._runs.observe(seconds)
        self.succeeded()

    def buried(self) -> None:
        """A message that broke the job became a dead letter."""
        self._messages.labels("in").inc()
        self._messages.labels("dead_lettered").inc()

    def acknowledged(self, messages: int) -> None:
        self._acknowledged.inc(messages)

    def succeeded(self) -> None:
        self.problem = None

    def failed(self, misconfigured: Exception | None) -> None:
        """A service did not do its part; only what someone must change turns the job not ready."""
        self._retries.inc()
        if misconfigured is not None:
            self.problem = str(misconfigured)
