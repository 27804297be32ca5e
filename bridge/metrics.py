"""Counters of one bridge. For every process: received = published + dead-lettered + in flight + superseded."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge


class Metrics:
    """In a registry of its own, so that two bridges can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.received = self._counter("bridge_received", "Messages taken from the broker.")
        self.published = self._counter("bridge_published", "Messages Pub/Sub has.")
        self.dead_lettered = self._counter("bridge_dead_lettered", "Messages that are dead letters now.")
        self.superseded = self._counter(
            "bridge_superseded", "Messages left to be delivered again by a newer connection, unpublished."
        )
        self.stale_acknowledgements = self._counter(
            "bridge_stale_acknowledgements", "Acknowledgements not sent because their connection is gone."
        )

    def gauge(self, name: str, text: str, value: Callable[[], float]) -> None:
        """A value read when someone asks."""
        Gauge(name, text, registry=self.registry).set_function(value)

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(name, text, registry=self.registry)
