"""Every kind of Prometheus figure becomes the time series that says the same."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.api.metric_pb2 import MetricDescriptor
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, Summary

from director.time_series import PREFIX, Origin, time_series

ORIGIN = Origin("my-project", "global", "plant", "bridge", "bridge-0", 1000.0)
CUMULATIVE, GAUGE = MetricDescriptor.CUMULATIVE, MetricDescriptor.GAUGE


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def converted(registry: CollectorRegistry) -> Iterator[tuple[str, dict[str, str], int, Any]]:
    for series in time_series(registry.collect(), ORIGIN, 1060.25):
        [point] = series.points
        assert point.interval.end_time.ToMicroseconds() == 1_060_250_000
        if series.metric_kind == CUMULATIVE:
            assert point.interval.start_time.ToMicroseconds() == 1_000_000_000
        else:
            assert not point.interval.HasField("start_time")
        value = getattr(point.value, point.value.WhichOneof("value"))
        yield series.metric.type.removeprefix(PREFIX), dict(series.metric.labels), series.metric_kind, value


def test_a_counter_counts_from_the_start_of_its_process(registry: CollectorRegistry) -> None:
    counter = Counter("received", "Messages.", ["route"], registry=registry)
    counter.labels("a").inc(3)
    counter.labels("b").inc(0.5)
    assert list(converted(registry)) == [
        ("received", {"route": "a"}, CUMULATIVE, 3.0),
        ("received", {"route": "b"}, CUMULATIVE, 0.5),
    ]


def test_a_gauge_is_of_now(registry: CollectorRegistry) -> None:
    Gauge("in_flight", "Messages.", registry=registry).set(-7)
    Info("build", "What runs.", registry=registry).info({"version": "1"})
    assert list(converted(registry)) == [
        ("in_flight", {}, GAUGE, -7.0),
        ("build_info", {"version": "1"}, GAUGE, 1.0),
    ]


def test_a_histogram_becomes_a_distribution_for_each_set_of_labels(registry: CollectorRegistry) -> None:
    histogram = Histogram("seconds", "Latency.", ["route"], buckets=(0.1, 1.0), registry=registry)
    for value in (0.05, 0.1, 0.5, 30.0):
        histogram.labels("a").observe(value)
    histogram.labels("b")
    [(name, labels, kind, used), (_, other, _, empty)] = converted(registry)
    assert (name, labels, kind, other) == ("seconds", {"route": "a"}, CUMULATIVE, {"route": "b"})
    assert (used.count, used.mean) == (4, pytest.approx(30.65 / 4))
    assert list(used.bucket_options.explicit_buckets.bounds) == [0.1, 1.0]
    assert list(used.bucket_counts) == [2, 1, 1]
    assert (empty.count, empty.mean, list(empty.bucket_counts)) == (0, 0.0, [0, 0, 0])


def test_a_summary_becomes_its_count_and_its_sum(registry: CollectorRegistry) -> None:
    summary = Summary("size", "Bytes.", registry=registry)
    summary.observe(2)
    summary.observe(3)
    assert list(converted(registry)) == [("size_count", {}, CUMULATIVE, 2.0), ("size_sum", {}, CUMULATIVE, 5.0)]


def test_what_is_unknown_makes_no_point(registry: CollectorRegistry) -> None:
    Gauge("age", "Of nothing.", registry=registry).set(float("nan"))
    Gauge("limit", "None.", registry=registry).set(float("inf"))
    assert list(converted(registry)) == []


def test_the_resource_says_whose_it_is(registry: CollectorRegistry) -> None:
    Gauge("up", "Up.", registry=registry)
    [series] = time_series(registry.collect(), ORIGIN, 1060.0)
    assert series.resource.type == "generic_task"
    assert dict(series.resource.labels) == {
        "project_id": "my-project",
        "location": "global",
        "namespace": "plant",
        "job": "bridge",
        "task_id": "bridge-0",
    }
