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
        self.stale = self._counter("bridge_stale", "Messages that ended unacknowledged, their connection gone.")
        self.best_effort_dropped = self._counter(
            "bridge_best_effort_dropped", "QoS 0 messages dropped, uncounted elsewhere, because too much was in flight."
        )

    def gauge(self, name: str, text: str, value: Callable[[], float]) -> None:
        """A value read when someone asks."""
        Gauge(name, text, registry=self.registry).set_function(value)

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(name, text, registry=self.registry)
