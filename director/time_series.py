"""Prometheus figures as Cloud Monitoring's time series. Pure.

    counter            CUMULATIVE DOUBLE, under the counter's name without _total
    histogram          CUMULATIVE DISTRIBUTION; the sum of squared deviations, which Prometheus does not keep, stays 0
    summary            CUMULATIVE DOUBLE, its _count and its _sum
    gauge and others   GAUGE DOUBLE

Values that are not finite say "unknown" in Prometheus; they make no point.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from google.api.distribution_pb2 import Distribution
from google.api.metric_pb2 import MetricDescriptor
from google.cloud.monitoring_v3 import types
from prometheus_client import Metric

TimeSeries = types.TimeSeries.pb()

# The prefix for figures of one's own whose descriptors and prices Google documents; workload.googleapis.com is for
# those that its agents collect.
PREFIX = "custom.googleapis.com/iot_dataflows/"
CREATED = "_created"


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose figures they are: a generic_task. `start` is when its counters were zero, in seconds since 1970."""

    project: str
    location: str
    dataflow: str
    service: str
    task: str
    start: float

    def labels(self) -> dict[str, str]:
        return {
            "project_id": self.project,
            "location": self.location,
            "namespace": self.dataflow,
            "job": self.service,
            "task_id": self.task,
        }


def time_series(figures: Iterable[Metric], origin: Origin, end: float) -> list[Any]:
    """One point of each, for the time up to `end`."""
    return [series for figure in figures for series in _of(figure, origin, end)]


def _of(figure: Metric, origin: Origin, end: float) -> Iterator[Any]:
    if figure.type == "histogram":
        yield from _histograms(figure, origin, end)
        return
    cumulative = figure.type in ("counter", "summary")
    for sample in figure.samples:
        if not math.isfinite(sample.value) or (cumulative and sample.name.endswith(CREATED)):
            continue
        name = figure.name if figure.type == "counter" else sample.name
        series = _series(name, sample.labels, origin, end, cumulative)
        series.points[0].value.double_value = sample.value
        yield series


def _histograms(figure: Metric, origin: Origin, end: float) -> Iterator[Any]:
    """The samples of one histogram lie scattered over its family: those of the same labels belong together."""
    buckets: dict[tuple[tuple[str, str], ...], dict[float, float]] = defaultdict(dict)
    sums: dict[tuple[tuple[str, str], ...], float] = defaultdict(float)
    for sample in figure.samples:
        labels = tuple(sorted((key, value) for key, value in sample.labels.items() if key != "le"))
        if sample.name.endswith("_bucket"):
            buckets[labels][float(sample.labels["le"])] = sample.value
        elif sample.name.endswith("_sum"):
            sums[labels] = sample.value
    for labels, cumulated in buckets.items():
        series = _series(figure.name, dict(labels), origin, end, cumulative=True)
        series.points[0].value.distribution_value.CopyFrom(_distribution(cumulated, sums[labels]))
        yield series


def _distribution(cumulated: Mapping[float, float], total: float) -> Distribution:
    """From how many values lie at or below each bound, the last one infinite."""
    bounds = sorted(cumulated)
    below = [0, *(int(cumulated[bound]) for bound in bounds)]
    count = below[-1]
    distribution = Distribution(count=count, mean=total / count if count and math.isfinite(total) else 0.0)
    distribution.bucket_options.explicit_buckets.bounds.extend(bounds[:-1])
    distribution.bucket_counts.extend(high - low for low, high in pairwise(below))
    return distribution


def _series(name: str, labels: Mapping[str, str], origin: Origin, end: float, cumulative: bool) -> Any:
    series = TimeSeries(
        metric={"type": PREFIX + name, "labels": labels},
        resource={"type": "generic_task", "labels": origin.labels()},
        metric_kind=MetricDescriptor.CUMULATIVE if cumulative else MetricDescriptor.GAUGE,
    )
    interval = series.points.add().interval
    interval.end_time.FromMicroseconds(round(end * 1e6))
    if cumulative:
        interval.start_time.FromMicroseconds(round(origin.start * 1e6))
    return series


def create_request(name: str, series: Iterable[Any]) -> bytes:
    """A CreateTimeSeriesRequest for `name`, `projects/...`."""
    return bytes(types.CreateTimeSeriesRequest.pb()(name=name, time_series=series).SerializeToString())
