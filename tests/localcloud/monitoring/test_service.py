"""Cloud Monitoring through Google's own client, over the wire: what is written, what is refused and how."""

import time
import uuid
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.cloud.monitoring_v3 import MetricServiceClient, types
from google.cloud.monitoring_v3.services.metric_service.transports import MetricServiceGrpcTransport

from localcloud.cloud import LocalCloud
from localcloud.faults import Fault

TYPE = "custom.googleapis.com/test/figure"
TASK = {"location": "global", "namespace": "plant", "job": "bridge", "task_id": "0"}


@pytest.fixture
def client(cloud: LocalCloud) -> Iterator[MetricServiceClient]:
    opened = MetricServiceClient(
        transport=MetricServiceGrpcTransport(channel=grpc.insecure_channel(cloud.grpc_address))
    )
    yield opened
    opened.transport.close()


@pytest.fixture
def project() -> str:
    return f"projects/p-{uuid.uuid4().hex[:8]}"


def series(end: float, value: float = 1.0, start: float | None = None, **other: Any) -> dict[str, Any]:
    """A gauge, or with a start a cumulative, of one point."""
    interval = {"end_time": moment(end)} | ({"start_time": moment(start)} if start is not None else {})
    return {
        "metric": {"type": TYPE, "labels": {}},
        "resource": {"type": "generic_task", "labels": TASK},
        "metric_kind": "CUMULATIVE" if start is not None else "GAUGE",
        "points": [{"interval": interval, "value": {"double_value": value}}],
        **other,
    }


def moment(seconds: float) -> dict[str, int]:
    micros = round(seconds * 1e6)
    return {"seconds": micros // 1_000_000, "nanos": micros % 1_000_000 * 1000}


def labelled(**labels: str) -> dict[str, Any]:
    return {"metric": {"type": TYPE, "labels": labels}}


def write(client: MetricServiceClient, project: str, *time_series: dict[str, Any]) -> None:
    client.create_time_series(name=project, time_series=list(time_series))


def values(client: MetricServiceClient, project: str, extra: str = "", **request: Any) -> list[list[float]]:
    interval = {"start_time": {"seconds": 0}, "end_time": moment(time.time() + 3600)}
    wanted = {"name": project, "filter": f'metric.type = "{TYPE}"{extra}', "interval": interval, **request}
    return [[point.value.double_value for point in each.points] for each in client.list_time_series(request=wanted)]


def test_points_are_given_back_newest_first(client: MetricServiceClient, project: str) -> None:
    now = time.time()
    write(client, project, series(now - 10, 1))
    write(client, project, series(now - 5, 2))
    write(client, project, series(now, 3))
    assert values(client, project) == [[3, 2, 1]]
    assert values(client, f"{project}-other") == []


def test_a_list_is_of_an_interval_a_metric_and_labels(client: MetricServiceClient, project: str) -> None:
    now = time.time()
    write(client, project, series(now - 10, 1, **labelled(code="a")), series(now - 10, 2, **labelled(code="b")))
    write(client, project, series(now, 3, **labelled(code="b")))
    assert values(client, project, ' AND metric.labels.code = "b"') == [[3, 2]]
    assert values(client, project, ' AND metric.labels.code = starts_with("a")') == [[1]]
    assert values(client, project, ' AND resource.labels.job = "other"') == []
    assert values(client, project, ' AND resource.type = "generic_task"', page_size=1) == [[1], [3, 2]]
    recent = {"start_time": moment(now - 5), "end_time": moment(now)}
    assert values(client, project, interval=recent) == [[3]]
    assert values(client, project, view=types.ListTimeSeriesRequest.TimeSeriesView.HEADERS) == [[], []]


def test_what_a_list_cannot_do_it_says(client: MetricServiceClient, project: str) -> None:
    with pytest.raises(exceptions.InvalidArgument, match=r"single metric\.type"):
        values(client, project, filter='resource.type = "global"')
    with pytest.raises(exceptions.InvalidArgument, match=r"interval\.endTime"):
        values(client, project, interval={})
    for nonsense in (f'metric.type = "{TYPE}" OR metric.type = "b"', f'metric.type = "{TYPE}" AND', "x"):
        with pytest.raises(exceptions.MethodNotImplemented, match="this filter"):
            values(client, project, filter=nonsense)
    with pytest.raises(exceptions.MethodNotImplemented, match="aggregation"):
        values(client, project, aggregation={"alignment_period": {"seconds": 60}})


def test_a_gauge_has_no_interval_and_a_cumulative_has_one(client: MetricServiceClient, project: str) -> None:
    now = time.time()
    for wrong, complaint in (
        (series(now, metric_kind="GAUGE", start=now - 60), "must be equal to the end time"),
        (series(now, start=now), "must be before the end time"),
        (series(now, metric_kind="CUMULATIVE"), "must be before the end time"),
    ):
        with pytest.raises(exceptions.InvalidArgument, match=rf"timeSeries\[0\]\.points\[0\]\.interval.*{complaint}"):
            write(client, project, wrong)


def test_end_times_rise_and_lie_five_seconds_apart(client: MetricServiceClient, project: str) -> None:
    now = time.time()
    write(client, project, series(now))
    for end, complaint in ((now - 60, "older end time"), (now, "older end time"), (now + 4.9, "more frequently")):
        with pytest.raises(exceptions.InvalidArgument, match=complaint):
            write(client, project, series(end))
    write(client, project, series(now + 5))


def test_a_cumulative_counts_on_from_its_start_or_starts_again_later(client: MetricServiceClient, project: str) -> None:
    now = time.time()
    write(client, project, series(now - 30, 5, start=now - 60))
    write(client, project, series(now - 20, 6, start=now - 60))
    for start in (now - 70, now - 40, now - 20):
        with pytest.raises(exceptions.InvalidArgument, match="older start time"):
            write(client, project, series(now - 10, 1, start=start))
    write(client, project, series(now - 10, 1, start=now - 19.9))
    assert values(client, project) == [[1, 6, 5]]


def test_points_of_another_age_are_refused(client: MetricServiceClient, project: str) -> None:
    for end, complaint in ((time.time() + 400, "in the future"), (time.time() - 26 * 3600, "in the past")):
        with pytest.raises(exceptions.InvalidArgument, match=complaint):
            write(client, project, series(end))


def test_a_request_that_breaks_a_rule_is_refused_whole_with_every_place(
    client: MetricServiceClient, project: str
) -> None:
    now = time.time()
    two_points = series(now, **labelled(n="2"))
    two_points["points"] *= 2
    with pytest.raises(exceptions.InvalidArgument) as refused:
        write(
            client,
            project,
            series(now),
            two_points,
            series(now),
            series(now, metric={"type": "bad/type"}),
            series(now, resource={"type": "toaster"}),
            series(now, resource={"type": "generic_task", "labels": {"job": "a", "odd": "b"}}),
            series(now, **labelled(long="x" * 1025)),
            series(now, **labelled(**{f"l{number}": "x" for number in range(31)})),
            series(now, metric_kind="DELTA"),
        )
    for place in (
        "timeSeries[1].points had an invalid value",
        "timeSeries[2] had an invalid value: Duplicate",
        'timeSeries[3].metric.type had an invalid value of "bad/type"',
        'timeSeries[4].resource.type had an invalid value of "toaster"',
        "timeSeries[5].resource.labels had an invalid value: The set of resource labels is incomplete: location",
        "timeSeries[5].resource.labels had an invalid value: Unrecognized resource labels: odd",
        "timeSeries[6].metric.labels[long]",
        "timeSeries[7].metric.labels had an invalid value: A metric has at most 30 labels",
        "timeSeries[8].metricKind",
    ):
        assert place in refused.value.message
    assert "timeSeries[0]" not in refused.value.message
    assert values(client, project) == []


def test_200_time_series_are_the_most_of_one_call(client: MetricServiceClient, project: str) -> None:
    many = [series(time.time(), number, **labelled(n=str(number))) for number in range(201)]
    with pytest.raises(exceptions.InvalidArgument, match="maximum of 200"):
        write(client, project, *many)
    write(client, project, *many[:200])
    assert len(values(client, project)) == 200
    with pytest.raises(exceptions.InvalidArgument, match="missing field timeSeries"):
        write(client, project)


def test_what_can_be_written_is_and_the_error_tells_the_rest(client: MetricServiceClient, project: str) -> None:
    now = time.time()
    old = [series(now, 1, **labelled(n=str(number))) for number in range(3)]
    write(client, project, *old)
    with pytest.raises(exceptions.InvalidArgument) as refused:
        write(client, project, series(now, 7, **labelled(n="new")), *old)
    assert refused.value.message.startswith(
        "One or more TimeSeries could not be written: timeSeries[1-3]: write for resource=generic_task{job:bridge,"
    )
    [detail] = refused.value.details
    summary = types.CreateTimeSeriesSummary.pb()()
    assert detail.Unpack(summary)
    assert (summary.total_point_count, summary.success_point_count) == (4, 1)
    assert [(each.status.code, each.point_count) for each in summary.errors] == [(3, 3)]
    assert values(client, project, ' AND metric.labels.n = "new"') == [[7]]


def test_a_descriptor_comes_with_the_first_point_and_grows_with_labels(
    client: MetricServiceClient, project: str
) -> None:
    now = time.time()
    name = f"{project}/metricDescriptors/{TYPE}"
    with pytest.raises(exceptions.NotFound, match="Could not find descriptor"):
        client.get_metric_descriptor(name=name)
    write(client, project, series(now, start=now - 60, **labelled(a="1")))
    write(client, project, series(now, start=now - 60, **labelled(b="1")))
    found = client.get_metric_descriptor(name=name)
    assert (found.type, found.metric_kind, found.value_type) == (TYPE, 3, 3)  # CUMULATIVE, DOUBLE
    assert [label.key for label in found.labels] == ["a", "b"]


def test_later_points_are_of_the_metric_s_kind_and_type(client: MetricServiceClient, project: str) -> None:
    now = time.time()
    write(client, project, series(now - 60))
    with pytest.raises(exceptions.InvalidArgument, match=r"Metric kind for metric .* must be GAUGE, but is CUMULATIVE"):
        write(client, project, series(now, start=now - 60))
    whole = series(now)
    whole["points"][0]["value"] = {"int64_value": 1}
    with pytest.raises(exceptions.InvalidArgument, match=r"Value type for metric .* must be DOUBLE, but is INT64"):
        write(client, project, whole)
    write(client, project, series(now, metric_kind="METRIC_KIND_UNSPECIFIED"))


def test_descriptors_are_created_listed_and_deleted(client: MetricServiceClient, project: str) -> None:
    descriptor = {"type": TYPE, "metric_kind": "GAUGE", "value_type": "DOUBLE", "unit": "s"}
    created = client.create_metric_descriptor(name=project, metric_descriptor=descriptor)
    assert created.name == f"{project}/metricDescriptors/{TYPE}"
    with pytest.raises(exceptions.InvalidArgument, match="another metric kind"):
        client.create_metric_descriptor(name=project, metric_descriptor={**descriptor, "metric_kind": "CUMULATIVE"})
    odd = {"type": f"{TYPE}/odd", "metric_kind": "CUMULATIVE", "value_type": "BOOL"}
    with pytest.raises(exceptions.InvalidArgument, match="valueType"):
        client.create_metric_descriptor(name=project, metric_descriptor=odd)
    write(client, project, series(time.time(), metric={"type": "custom.googleapis.com/other"}), series(time.time()))

    def types_of(wanted: str) -> list[str]:
        return [each.type for each in client.list_metric_descriptors(request={"name": project, "filter": wanted})]

    assert types_of("") == ["custom.googleapis.com/other", TYPE]
    assert types_of('metric.type = starts_with("custom.googleapis.com/test/")') == [TYPE]
    client.delete_metric_descriptor(name=created.name)
    assert types_of("") == ["custom.googleapis.com/other"]
    assert values(client, project) == []


def test_a_distribution_adds_up(client: MetricServiceClient, project: str) -> None:
    now = time.time()

    def distribution(**changes: Any) -> dict[str, Any]:
        options = {"explicit_buckets": {"bounds": [0.1, 1]}}
        good = {"count": 3, "mean": 0.5, "bucket_options": options, "bucket_counts": [1, 1, 1]}
        whole = series(now, start=now - 60)
        whole["points"][0]["value"] = {"distribution_value": {**good, **changes}}
        return whole

    for wrong, complaint in (
        ({"bucket_counts": [1, 1]}, "Their sum 2 is not the count 3"),
        ({"bucket_counts": [1, 1, 0, 1]}, "4 bucket counts for 3 buckets"),
        ({"bucket_options": {"explicit_buckets": {"bounds": [1, 1]}}}, "each above the one before"),
        ({"bucket_options": {}}, "They must be set"),
        ({"mean": float("nan")}, "mean must be finite"),
        ({"count": 0, "bucket_counts": []}, "Without values"),
    ):
        with pytest.raises(exceptions.InvalidArgument, match=complaint):
            write(client, project, distribution(**wrong))
    write(client, project, distribution())


def test_faults_and_what_is_not_supported(cloud: LocalCloud, client: MetricServiceClient, project: str) -> None:
    with pytest.raises(exceptions.MethodNotImplemented, match="CreateServiceTimeSeries"):
        client.create_service_time_series(name=project, time_series=[series(time.time())])
    with pytest.raises(exceptions.InvalidArgument, match="projects/PROJECT"):
        write(client, "p", series(time.time()))
    cloud.faults.add(Fault(method="monitoring.CreateTimeSeries", resource=project, code="PERMISSION_DENIED"))
    with pytest.raises(exceptions.PermissionDenied):
        write(client, project, series(time.time()))
