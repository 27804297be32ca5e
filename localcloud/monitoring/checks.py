"""What a request to write time series must be like before anything of it is written. Pure.

Sources: https://cloud.google.com/monitoring/api/ref_v3/rpc/google.monitoring.v3#timeseries,
https://cloud.google.com/monitoring/quotas, https://cloud.google.com/monitoring/custom-metrics/creating-metrics
"""

import math
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from localcloud.monitoring.messages import (
    CUMULATIVE,
    GAUGE,
    VALUE_TYPES,
    MetricDescriptor,
    identity,
    micros,
    value_type,
)
from localcloud.rpc import invalid_argument

MOST_SERIES = 200
MOST_LABELS = 30
LONGEST_KEY, LONGEST_VALUE = 100, 1024  # characters
MOST_BUCKETS = 200
FUTURE, PAST = 5 * 60 * 1_000_000, 25 * 3600 * 1_000_000  # microseconds from now

RESOURCES = {
    "global": {"project_id"},
    "generic_node": {"project_id", "location", "namespace", "node_id"},
    "generic_task": {"project_id", "location", "namespace", "job", "task_id"},
}
_PREFIXES = ("custom.googleapis.com/", "workload.googleapis.com/", "external.googleapis.com/")
_TYPE = re.compile(r"[a-z.]+/[A-Za-z][\w./-]{0,175}", re.ASCII)
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_TYPE_RULE = f"It must begin with one of {', '.join(_PREFIXES)}; letters, digits and any of _./- follow."
_DUPLICATE = "Duplicate TimeSeries encountered. Only one point can be written per TimeSeries per request."
_NUMBERS = (MetricDescriptor.INT64, MetricDescriptor.DOUBLE, MetricDescriptor.DISTRIBUTION)


def check_request(series: Sequence[Any], now: int) -> None:
    """Raises INVALID_ARGUMENT with everything that is wrong. `now` in microseconds."""
    if not series:
        raise invalid_argument("Request was missing field timeSeries.")
    if len(series) > MOST_SERIES:
        raise invalid_argument(
            f"Field timeSeries had an invalid value: A maximum of {MOST_SERIES} TimeSeries can be written in a single "
            f"request, not {len(series)}."
        )
    wrong = [f"Field timeSeries[{n}]{what}" for n, each in enumerate(series) for what in faults(each, now)]
    seen: set[tuple[object, ...]] = set()
    for number, each in enumerate(series):
        if identity(each) in seen:
            wrong.append(f"Field timeSeries[{number}] had an invalid value: {_DUPLICATE}")
        seen.add(identity(each))
    if wrong:
        raise invalid_argument("; ".join(wrong))


def faults(series: Any, now: int) -> Iterator[str]:
    """What is wrong with a time series: the path of a field, then what it has to be."""
    yield from _metric(series.metric)
    yield from _resource(series.resource)
    if series.metric_kind not in (0, GAUGE, CUMULATIVE):
        yield ".metricKind had an invalid value: It must be GAUGE or CUMULATIVE."
    if len(series.points) != 1:
        yield ".points had an invalid value: Only one point can be written per TimeSeries per request."
        return
    kind = value_type(series)
    if series.value_type not in (0, kind):
        yield ".valueType had an invalid value: It must be the type of the point."
    if not kind:
        yield ".points[0].value had an invalid value: A value must be set."
    elif series.metric_kind == CUMULATIVE and kind not in _NUMBERS:
        yield ".points[0].value had an invalid value: A CUMULATIVE metric has INT64, DOUBLE or DISTRIBUTION values."
    for what in _interval(series, now):
        yield f".points[0].interval{what}"
    if kind == MetricDescriptor.DISTRIBUTION:
        for what in _distribution(series.points[0].value.distribution_value):
            yield f".points[0].value.distributionValue{what}"


def check_descriptor(descriptor: Any) -> None:
    """Raises INVALID_ARGUMENT for what describes no user-defined metric."""
    if not (descriptor.type.startswith(_PREFIXES) and _TYPE.fullmatch(descriptor.type)):
        raise invalid_argument(f'Field metricDescriptor.type had an invalid value of "{descriptor.type}": {_TYPE_RULE}')
    if descriptor.metric_kind not in (GAUGE, CUMULATIVE):
        raise invalid_argument(
            "Field metricDescriptor.metricKind had an invalid value: It must be GAUGE or CUMULATIVE."
        )
    if descriptor.value_type not in (_NUMBERS if descriptor.metric_kind == CUMULATIVE else VALUE_TYPES.values()):
        raise invalid_argument(
            "Field metricDescriptor.valueType had an invalid value: It does not fit the metric kind."
        )
    for what in label_faults([label.key for label in descriptor.labels]):
        raise invalid_argument(f"Field metricDescriptor.labels had an invalid value: {what}")


def label_faults(labels: Sequence[str]) -> Iterator[str]:
    if len(labels) > MOST_LABELS:
        yield f"A metric has at most {MOST_LABELS} labels, not {len(labels)}."
    for key in labels:
        if len(key) > LONGEST_KEY or not _KEY.fullmatch(key):
            yield f"The label key {key!r} is not of up to {LONGEST_KEY} letters, digits and underscores."


def _metric(metric: Any) -> Iterator[str]:
    if not (metric.type.startswith(_PREFIXES) and _TYPE.fullmatch(metric.type)):
        yield f'.metric.type had an invalid value of "{metric.type}": {_TYPE_RULE}'
    for what in label_faults(list(metric.labels)):
        yield f".metric.labels had an invalid value: {what}"
    for key, value in metric.labels.items():
        if len(value) > LONGEST_VALUE:
            yield f".metric.labels[{key}] had an invalid value: It is longer than {LONGEST_VALUE} characters."


def _resource(resource: Any) -> Iterator[str]:
    expected = RESOURCES.get(resource.type)
    if expected is None:
        known = ", ".join(RESOURCES)
        yield f'.resource.type had an invalid value of "{resource.type}": localcloud takes {known}.'
        return
    missing = sorted(expected - {"project_id"} - set(resource.labels))
    if missing:
        yield f".resource.labels had an invalid value: The set of resource labels is incomplete: {', '.join(missing)}."
    unknown = sorted(set(resource.labels) - expected)
    if unknown:
        yield f".resource.labels had an invalid value: Unrecognized resource labels: {', '.join(unknown)}."


def _interval(series: Any, now: int) -> Iterator[str]:
    interval, metric_type = series.points[0].interval, series.metric.type
    if not interval.HasField("end_time"):
        yield ".endTime had an invalid value: It must be set."
        return
    start, end = micros(interval.start_time), micros(interval.end_time)
    shown_start, shown_end = interval.start_time.ToJsonString(), interval.end_time.ToJsonString()
    wrong = f'.startTime had an invalid value of "{shown_start}"'
    if series.metric_kind == CUMULATIVE and (not interval.HasField("start_time") or start >= end):
        yield f"{wrong}: The start time must be before the end time ({shown_end}) for non-gauge metric '{metric_type}'."
    if series.metric_kind != CUMULATIVE and interval.HasField("start_time") and start != end:
        yield f"{wrong}: The start time must be equal to the end time ({shown_end}) for gauge metric '{metric_type}'."
    if end > now + FUTURE:
        yield f'.endTime had an invalid value of "{shown_end}": It is more than 5 minutes in the future.'
    if end < now - PAST:
        yield f'.endTime had an invalid value of "{shown_end}": It is more than 25 hours in the past.'


def _distribution(distribution: Any) -> Iterator[str]:
    if distribution.count < 0 or not math.isfinite(distribution.mean) or distribution.sum_of_squared_deviation < 0:
        yield " had an invalid value: Count and sum of squares must not be negative, the mean must be finite."
    if distribution.count == 0 and (distribution.mean or distribution.sum_of_squared_deviation):
        yield " had an invalid value: Without values mean and sum of squares must be zero."
    counts, options = distribution.bucket_counts, distribution.bucket_options
    if counts and sum(counts) != distribution.count:
        yield f".bucketCounts had an invalid value: Their sum {sum(counts)} is not the count {distribution.count}."
    kind = options.WhichOneof("options")
    if counts and kind is None:
        yield ".bucketOptions had an invalid value: They must be set where there are bucket counts."
    if kind == "explicit_buckets":
        yield from _bounds(options.explicit_buckets.bounds, len(counts))


def _bounds(bounds: Sequence[float], counted: int) -> Iterator[str]:
    wrong = ".bucketOptions.explicitBuckets.bounds had an invalid value"
    if not bounds or any(not low < high for low, high in pairwise(bounds)) or not all(map(math.isfinite, bounds)):
        yield f"{wrong}: There must be at least one, finite, each above the one before."
    if len(bounds) + 1 > MOST_BUCKETS:
        yield f"{wrong}: A distribution has at most {MOST_BUCKETS} buckets."
    if counted > len(bounds) + 1:
        yield f"{wrong}: There are {counted} bucket counts for {len(bounds) + 1} buckets."
