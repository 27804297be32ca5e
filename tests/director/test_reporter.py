"""A process' figures arrive at Cloud Monitoring, and what goes wrong on the way stays there."""

import logging
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.cloud.monitoring_v3 import MetricServiceClient
from google.cloud.monitoring_v3.services.metric_service.transports import MetricServiceGrpcTransport
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from director.endpoints import channel
from director.reporter import MetricsReporter
from director.time_series import PREFIX
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault

CREATE = "monitoring.CreateTimeSeries"


class Time:
    """A clock that tests move, near the real one: what is too old or too new is refused."""

    def __init__(self) -> None:
        self.seconds = time.time()

    def __call__(self) -> float:
        return self.seconds


class Lab:
    """A registry, a reporter of it, and what arrived."""

    def __init__(self, client: MetricServiceClient, **settings: Any) -> None:
        self.client = client
        self.project = f"p-{uuid.uuid4().hex[:8]}"
        self.now = Time()
        self.registry = CollectorRegistry()
        self.reporter = self.another(**{"now": self.now, **settings})
        self.now.seconds += 1

    def another(self, registry: CollectorRegistry | None = None, **settings: Any) -> MetricsReporter:
        return MetricsReporter(registry or self.registry, self.project, "bridge", "plant", "bridge-0", **settings)

    def arrived(self, name: str) -> list[Any]:
        request = {
            "name": f"projects/{self.project}",
            "filter": f'metric.type = "{PREFIX}{name}" AND resource.labels.job = "bridge"',
            "interval": {"start_time": {"seconds": 0}, "end_time": {"seconds": int(time.time()) + 3600}},
        }
        return list(self.client.list_time_series(request=request))

    def values(self, name: str) -> list[list[float]]:
        """Of each series, oldest first."""
        return [[point.value.double_value for point in series.points][::-1] for series in self.arrived(name)]

    def failures(self) -> float:
        return self.registry.get_sample_value("reporter_failures_total") or 0.0


@pytest.fixture
def client(cloud: LocalCloud) -> Iterator[MetricServiceClient]:
    with channel("monitoring") as opened:
        yield MetricServiceClient(transport=MetricServiceGrpcTransport(channel=opened))


@pytest.fixture
def lab(client: MetricServiceClient) -> Iterator[Lab]:
    made = Lab(client)
    yield made
    made.now.seconds += 10
    made.reporter.stop()


def test_what_is_in_the_registry_arrives(lab: Lab) -> None:
    received = Counter("received", "Messages.", ["route"], registry=lab.registry)
    Gauge("in_flight", "Messages.", registry=lab.registry).set(4)
    latency = Histogram("seconds", "Latency.", registry=lab.registry)
    for _ in range(3):
        received.labels("uplinks").inc()
        latency.observe(0.2)
    lab.now.seconds += 60
    assert lab.reporter.push()
    received.labels("uplinks").inc(2)
    lab.now.seconds += 60
    assert lab.reporter.push()
    assert lab.values("received") == [[3, 5]]
    assert lab.values("in_flight") == [[4, 4]]
    assert lab.values("reporter_failures") == [[0, 0]]
    [series] = lab.arrived("seconds")
    assert series.points[0].value.distribution_value.count == 3
    assert dict(series.resource.labels) == {
        "project_id": lab.project,
        "location": "global",
        "namespace": "plant",
        "job": "bridge",
        "task_id": lab.reporter.task_id,
    }


def test_two_processes_of_one_name_are_told_apart(lab: Lab) -> None:
    other = lab.another(CollectorRegistry(), now=lab.now)
    assert lab.reporter.push()
    assert other.push()
    assert lab.reporter.task_id.startswith("bridge-0-")
    assert {series.resource.labels["task_id"] for series in lab.arrived("reporter_failures")} == {
        lab.reporter.task_id,
        other.task_id,
    }
    other.stop()


def test_two_pushes_are_ten_seconds_apart(lab: Lab) -> None:
    assert lab.reporter.push()
    lab.now.seconds += 9.9
    assert not lab.reporter.push()
    lab.now.seconds += 0.2
    assert lab.reporter.push()
    assert lab.values("reporter_failures") == [[0, 0]]
    assert lab.failures() == 0
    with pytest.raises(ValueError, match="at most every 10 s"):
        lab.another(CollectorRegistry(), interval=9.0)


def test_no_call_has_more_than_200_series(lab: Lab) -> None:
    many = Gauge("many", "Figures.", ["n"], registry=lab.registry)
    for number in range(450):
        many.labels(str(number)).set(number)
    assert lab.reporter.push()
    assert sorted(value for [value] in lab.values("many")) == list(range(450))


def test_a_failed_push_is_counted_told_and_made_up_for(
    cloud: LocalCloud, lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    received = Counter("received", "Messages.", registry=lab.registry)
    cloud.faults.add(Fault(method=CREATE, code="PERMISSION_DENIED", message="no right"))
    received.inc()
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            assert not lab.reporter.push()
            lab.now.seconds += 10
    assert lab.failures() == 3
    [told] = [record.getMessage() for record in caplog.records]
    assert "no right; grant this process' service account roles/monitoring.metricWriter" in told
    cloud.faults.clear()
    received.inc()
    assert lab.reporter.push()
    assert lab.values("received") == [[2]]
    assert lab.values("reporter_failures") == [[3]]


def test_series_that_are_refused_do_not_hold_up_the_others(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    bad = Gauge("bad", "Figures.", ["n"], registry=lab.registry)
    bad.labels("x" * 2000).set(1)
    good = Gauge("good", "Figures.", ["n"], registry=lab.registry)
    for number in range(400):
        good.labels(str(number)).set(1)
    assert not lab.reporter.push()
    assert lab.failures() == 1
    assert len(lab.arrived("good")) >= 200  # those of other calls than the bad one's
    assert "INVALID_ARGUMENT: Field timeSeries" in caplog.text


def test_a_figure_that_cannot_be_read_harms_nobody(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> float:
        raise RuntimeError("no figure")

    Gauge("broken", "Nothing.", registry=lab.registry).set_function(broken)
    assert not lab.reporter.push()
    assert "no figure" in caplog.text


def test_without_credentials_the_service_goes_on(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("MONITORING_EMULATOR_HOST")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/does/not/exist.json")
    assert not lab.reporter.push()
    assert "DefaultCredentialsError" in caplog.text


def test_a_started_reporter_pushes_by_itself_every_interval(lab: Lab, eventually: Callable[..., None]) -> None:
    lab.now.seconds -= 120
    lab.reporter = lab.another(CollectorRegistry(), now=lab.now, interval=10.0)
    lab.now.seconds += 11
    lab.reporter.start()
    eventually(lambda: lab.values("reporter_failures") == [[0]])
    lab.now.seconds += 11
    eventually(lambda: lab.values("reporter_failures") == [[0, 0]])


def test_stopping_pushes_a_last_time(client: MetricServiceClient) -> None:
    lab = Lab(client, now=time.time)
    received = Counter("received", "Messages.", registry=lab.registry)
    lab.reporter.start()
    received.inc(7)
    lab.reporter.stop()
    assert lab.values("received") == [[7]]


def test_a_last_push_keeps_its_distance_to_the_one_before(client: MetricServiceClient) -> None:
    lab = Lab(client, now=time.time)
    received = Counter("received", "Messages.", registry=lab.registry)
    lab.reporter.start()
    assert lab.reporter.push()
    received.inc()
    lab.reporter.stop()
    assert lab.values("received") == [[0, 1]]
    assert lab.failures() == 0


def test_a_last_push_that_cannot_be_made_in_time_is_left_out(
    client: MetricServiceClient, caplog: pytest.LogCaptureFixture
) -> None:
    lab = Lab(client, now=time.time)
    lab.reporter.start()
    assert lab.reporter.push()
    began = time.monotonic()
    with caplog.at_level(logging.INFO):
        lab.reporter.stop(seconds=1.0)
    assert time.monotonic() - began < 1.0
    assert "the last figures were not pushed" in caplog.text


def test_stopping_ends_in_time_though_google_does_not_answer(
    cloud: LocalCloud, client: MetricServiceClient, caplog: pytest.LogCaptureFixture
) -> None:
    lab = Lab(client, now=time.time)
    cloud.faults.add(Fault(method=CREATE, action="hang"))
    lab.reporter.start()
    began = time.monotonic()
    lab.reporter.stop(seconds=0.5)
    assert time.monotonic() - began < 2
    assert "figures did not reach Cloud Monitoring" in caplog.text
    assert lab.failures() >= 1


def test_the_data_flow_never_waits_for_a_push_that_hangs(
    cloud: LocalCloud, client: MetricServiceClient, eventually: Callable[..., None]
) -> None:
    lab = Lab(client)
    lab.now.seconds += 60
    received = Counter("received", "Messages.", registry=lab.registry)
    cloud.faults.log.clear()
    cloud.faults.add(Fault(method=CREATE, resource=f"projects/{lab.project}", action="hang"))
    lab.reporter.start()
    eventually(lambda: cloud.faults.log)
    began = time.monotonic()
    for _ in range(10_000):
        received.inc()
    assert time.monotonic() - began < 2
    lab.reporter.stop(seconds=0.5)


def test_a_channel_that_was_given_is_used_and_left_open(client: MetricServiceClient) -> None:
    with channel("monitoring") as given:
        lab = Lab(client, channel=given)
        assert lab.reporter.push()
        lab.reporter.stop()
        lab.now.seconds += 10
        other = lab.another(CollectorRegistry(), channel=given, now=lab.now)
        assert other.push()
