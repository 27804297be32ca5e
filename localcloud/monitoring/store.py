"""The time series of a project: what may follow what, and the metric descriptors that come into being with them.

Source: https://cloud.google.com/monitoring/api/ref_v3/rpc/google.monitoring.v3#timeinterval
"""

from collections import deque
from collections.abc import Iterator
from typing import Any

from localcloud.monitoring.checks import label_faults
from localcloud.monitoring.messages import (
    CUMULATIVE,
    GAUGE,
    MetricDescriptor,
    TimeSeries,
    identity,
    micros,
    value_type,
)

CLOSEST = 5_000_000  # microseconds between the ends of two points of a series
AFTER_RESET = 1_000  # microseconds from the end of a point to the start of one that counts from zero
MOST_POINTS = 10_000  # kept of a series; older ones are forgotten

_ORDER = "Points must be written in order. One or more of the points had an older {} time than the most recent point."
_TOO_OFTEN = (
    "One or more points were written more frequently than the maximum sampling period configured for the metric."
)


class Refused(Exception):
    """A point that cannot be written; the others of its request can."""


class Project:
    """Descriptors by metric type, and series with their points, oldest first. In memory only."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.descriptors: dict[str, Any] = {}
        self._series: dict[Any, _Series] = {}

    def write(self, series: Any) -> None:
        """One checked time series of one point. Raises Refused."""
        descriptor = self._descriptor(series)
        known = self._series.get(identity(series)) or _Series(series, descriptor)
        known.append(series.points[0])
        self._series[identity(series)] = known
        self.descriptors[series.metric.type] = descriptor

    def kind(self, metric_type: str) -> int:
        """The metric kind of a series that names none."""
        descriptor = self.descriptors.get(metric_type)
        return int(descriptor.metric_kind) if descriptor else GAUGE

    def put(self, descriptor: Any) -> Any:
        descriptor.name = f"{self.name}/metricDescriptors/{descriptor.type}"
        self.descriptors[descriptor.type] = descriptor
        return descriptor

    def delete(self, metric_type: str) -> None:
        """The descriptor, and all its data."""
        del self.descriptors[metric_type]
        self._series = {key: each for key, each in self._series.items() if each.config.metric.type != metric_type}

    def series(self) -> Iterator[tuple[Any, Iterator[Any]]]:
        """Every series without points, and its points, newest first."""
        for each in self._series.values():
            yield each.config, reversed(each.points)

    def _descriptor(self, series: Any) -> Any:
        """The series' own, with its labels, made up where there is none. Nothing is changed."""
        metric_type = series.metric.type
        descriptor = MetricDescriptor()
        if known := self.descriptors.get(metric_type):
            descriptor.CopyFrom(known)
        else:
            descriptor.name, descriptor.type = f"{self.name}/metricDescriptors/{metric_type}", metric_type
            descriptor.metric_kind, descriptor.value_type = series.metric_kind, value_type(series)
            descriptor.unit, descriptor.description = series.unit, series.description
        _check_fits(series, descriptor)
        _add_labels(series, descriptor)
        return descriptor


class _Series:
    def __init__(self, series: Any, descriptor: Any) -> None:
        self.config = TimeSeries(metric=series.metric, resource=series.resource)
        self.config.metric_kind, self.config.value_type = descriptor.metric_kind, descriptor.value_type
        self.points: deque[Any] = deque(maxlen=MOST_POINTS)

    def append(self, point: Any) -> None:
        if self.points:
            self._check_follows(point.interval, self.points[-1].interval)
        if not point.interval.HasField("start_time"):
            point.interval.start_time.CopyFrom(point.interval.end_time)
        self.points.append(point)

    def _check_follows(self, new: Any, last: Any) -> None:
        start, end = micros(new.start_time), micros(new.end_time)
        last_start, last_end = micros(last.start_time), micros(last.end_time)
        if end <= last_end:
            raise Refused(_ORDER.format("end"))
        if self.config.metric_kind == CUMULATIVE and start != last_start and start < last_end + AFTER_RESET:
            raise Refused(_ORDER.format("start"))
        if end - last_end < CLOSEST:
            raise Refused(_TOO_OFTEN)


def _check_fits(series: Any, descriptor: Any) -> None:
    names = MetricDescriptor
    for what, wanted, is_now, enum in (
        ("Metric kind", descriptor.metric_kind, series.metric_kind, names.MetricKind),
        ("Value type", descriptor.value_type, value_type(series), names.ValueType),
    ):
        if wanted != is_now:
            raise Refused(
                f"{what} for metric {descriptor.type} must be {enum.Name(wanted)}, but is {enum.Name(is_now)}."
            )


def _add_labels(series: Any, descriptor: Any) -> None:
    for key in sorted(set(series.metric.labels) - {label.key for label in descriptor.labels}):
        descriptor.labels.add(key=key)
    for what in label_faults([label.key for label in descriptor.labels]):
        raise Refused(what)
