"""The door's own figures, for Prometheus: rate, errors and duration of requests, and what operations there are.

Labels are names of routes, never names from any configuration.
"""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

MEDIA_TYPE = CONTENT_TYPE_LATEST
SECONDS = (0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300)


class Figures:
    """Of one application; `operations` counts them by state when asked."""

    def __init__(self, operations: Callable[[], Mapping[str, int]]) -> None:
        self.registry = CollectorRegistry()  # others may tell of themselves in it
        self._requests = Counter(
            "director_requests", "requests by route and answer", ["route", "code"], registry=self.registry
        )
        self._seconds = Histogram(
            "director_request_seconds", "seconds to the answer", ["route"], buckets=SECONDS, registry=self.registry
        )
        self.registry.register(_Operations(operations))

    def answered(self, route: str, code: int, seconds: float) -> None:
        self._requests.labels(route, str(code)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> str:
        return generate_latest(self.registry).decode()


class _Operations(Collector):
    def __init__(self, counts: Callable[[], Mapping[str, int]]) -> None:
        self._counts = counts

    def collect(self) -> Iterable[Metric]:
        found = GaugeMetricFamily("director_operations", "operations that are kept, by state", labels=["state"])
        for state, count in self._counts().items():
            found.add_metric([state], count)
        yield found
