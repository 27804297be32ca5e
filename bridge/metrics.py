"""What one bridge counts. At any moment of a process, whatever happened to it:

    received + copies = published + dead_lettered + in_flight + joined + ignored

Counters move once for a read or a request, never once for a message.
"""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

PUBLISH_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60)  # seconds
DELIVERY_BUCKETS = (*PUBLISH_BUCKETS, 300, 600)
BATCH_BUCKETS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)  # messages


class Metrics:
    """In a registry of its own, so that two bridges can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.received = self._counter("received", "Messages taken from the broker.")
        self.published = self._counter("published", "Messages Pub/Sub has, dead letters aside.")
        self.dead_lettered = self._counter("dead_lettered", "Messages that are dead letters now.")
        self.joined = self._counter("joined", "Redeliveries joined to a publish under way or done.")
        self.ignored = self._counter("ignored", "Retained messages a route ignores.")
        self.copies = self._counter("copies", "Further envelopes of one message, on_overlap: all.")
        self.redelivered = self._counter("redelivered", "Messages the broker says it sent before (DUP).")
        self.stale = self._counter("stale", "Messages that ended unacknowledged, their connection gone.")
        self.best_effort_dropped = self._counter(
            "best_effort_dropped", "QoS 0 messages dropped, uncounted elsewhere, because too much was in flight."
        )
        self.retries = self._counter("publish_retries", "Publish requests tried again.")
        self.publishes = self._counter("publishes", "Tries of publish requests, by gRPC status.", "code")
        self.dead_letter_reasons = self._counter("dead_letters", "Dead letters by reason.", "reason")
        self.reloads = self._counter("reloads", "New configurations, by what became of them.", "outcome")
        self.publish_seconds = self._histogram("publish_seconds", "Duration of publish tries.", PUBLISH_BUCKETS)
        self.delivery_seconds = self._histogram(
            "delivery_seconds", "From receipt to acknowledgement, the oldest message of each batch.", DELIVERY_BUCKETS
        )
        self.batch_messages = self._histogram("batch_messages", "Messages that gathered for a publish.", BATCH_BUCKETS)

    def gauge(self, name: str, text: str, value: Callable[[], float]) -> None:
        """A value read when someone asks."""
        Gauge(f"bridge_{name}", text, registry=self.registry).set_function(value)

    def count(self, name: str, text: str, value: Callable[[], float]) -> None:
        """A counter that is kept elsewhere."""
        self.registry.register(_Kept(f"bridge_{name}", text, value))

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"bridge_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"bridge_{name}", text, buckets=buckets, registry=self.registry)


class _Kept(Collector):
    def __init__(self, name: str, text: str, value: Callable[[], float]) -> None:
        self._name, self._text, self._value = name, text, value

    def collect(self) -> Iterator[CounterMetricFamily]:
        yield CounterMetricFamily(self._name, self._text, value=self._value())
