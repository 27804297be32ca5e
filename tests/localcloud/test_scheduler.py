"""Cloud Scheduler through Google's own client: what a job may be, and what it does when it is run."""

import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.cloud.scheduler_v1 import CloudSchedulerClient
from google.cloud.scheduler_v1.services.cloud_scheduler.transports import CloudSchedulerGrpcTransport
from google.cloud.scheduler_v1.types import Job
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from localcloud.cloud import LocalCloud
from localcloud.faults import Fault

URI = "https://example.com/run"


@pytest.fixture
def channel(cloud: LocalCloud) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(cloud.grpc_address) as opened:
        yield opened


@pytest.fixture
def client(channel: grpc.Channel) -> CloudSchedulerClient:
    return CloudSchedulerClient(transport=CloudSchedulerGrpcTransport(channel=channel))


@pytest.fixture
def project() -> str:
    return f"projects/p-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def parent(project: str) -> str:
    return f"{project}/locations/europe-west1"


def create(client: CloudSchedulerClient, parent: str, name: str = "nightly", **settings: Any) -> Job:
    job = {"name": f"{parent}/jobs/{name}", "schedule": "0 3 * * *", "http_target": {"uri": URI}, **settings}
    return client.create_job(parent=parent, job={key: value for key, value in job.items() if value is not None})


def test_a_job_is_kept_with_what_was_left_out_settled(client: CloudSchedulerClient, parent: str) -> None:
    made = create(client, parent, http_target={"uri": URI, "body": b"{}", "oidc_token": {"service_account_email": "a"}})
    assert client.get_job(name=made.name) == made
    assert (made.state, made.time_zone, made.attempt_deadline.total_seconds()) == (Job.State.ENABLED, "UTC", 180)
    retry = made.retry_config
    assert (retry.retry_count, retry.max_doublings, retry.max_backoff_duration.total_seconds()) == (0, 5, 3600)
    assert made.http_target.oidc_token.audience == URI
    assert dict(made.http_target.headers) == {
        "User-Agent": "Google-Cloud-Scheduler",
        "Content-Type": "application/octet-stream",
    }
    with pytest.raises(exceptions.AlreadyExists):
        create(client, parent)


def test_jobs_are_listed_by_pages_within_their_location(client: CloudSchedulerClient, parent: str) -> None:
    names = [create(client, parent, name).name for name in ("a", "b", "c")]
    create(client, parent.replace("west1", "west2"))
    assert [job.name for job in client.list_jobs(request={"parent": parent, "page_size": 2})] == names
    client.delete_job(name=names[0])
    assert [job.name for job in client.list_jobs(parent=parent)] == names[1:]
    with pytest.raises(exceptions.NotFound):
        client.get_job(name=names[0])


def test_an_update_changes_what_its_mask_names(client: CloudSchedulerClient, parent: str) -> None:
    made = create(client, parent, description="old", retry_config={"retry_count": 3})
    client.pause_job(name=made.name)
    wanted = Job(name=made.name, schedule="every 5 minutes", description="new")
    changed = client.update_job(job=wanted, update_mask={"paths": ["schedule", "retry_config"]})
    assert (changed.schedule, changed.description, changed.retry_config.retry_count) == ("every 5 minutes", "old", 0)
    assert changed.state == Job.State.PAUSED
    topic = {"topic_name": f"{parent.partition('/locations')[0]}/topics/t", "data": b"x"}
    other = Job(name=made.name, pubsub_target=topic)
    with pytest.raises(exceptions.InvalidArgument, match="type of a job's target"):
        client.update_job(job=other, update_mask={"paths": ["pubsub_target"]})
    with pytest.raises(exceptions.InvalidArgument, match="Invalid mask for Job: state"):
        client.update_job(job=Job(name=made.name), update_mask={"paths": ["state"]})


def test_only_a_running_job_is_paused_and_only_a_paused_one_resumed(client: CloudSchedulerClient, parent: str) -> None:
    name = create(client, parent).name
    with pytest.raises(exceptions.FailedPrecondition, match="is ENABLED, not PAUSED"):
        client.resume_job(name=name)
    assert client.pause_job(name=name).state == Job.State.PAUSED
    with pytest.raises(exceptions.FailedPrecondition, match="is PAUSED, not ENABLED"):
        client.pause_job(name=name)
    assert client.resume_job(name=name).state == Job.State.ENABLED


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"name": "projects/p/locations/europe-west1/jobs/x y"}, "Job name"),
        ({"schedule": "daily"}, "Schedule or time zone"),
        ({"time_zone": "Mars/Olympus"}, "Schedule or time zone"),
        ({"retry_config": {"retry_count": 6}}, "retry_count"),
        ({"http_target": None}, "target must be set"),
        ({"http_target": {"uri": "ftp://example.com"}}, "HttpTarget.url"),
        ({"http_target": {"uri": URI, "http_method": "GET", "body": b"x"}}, "body is allowed"),
        ({"attempt_deadline": {"seconds": 5}}, "attempt_deadline"),
        ({"http_target": None, "pubsub_target": {"topic_name": "projects/q/topics/t", "data": b"x"}}, "none of this"),
    ],
)
def test_a_job_that_cannot_be_is_refused(
    client: CloudSchedulerClient, parent: str, settings: dict[str, Any], says: str
) -> None:
    with pytest.raises(exceptions.InvalidArgument, match=says):
        create(client, parent, **settings)


def test_a_message_has_data_or_attributes(client: CloudSchedulerClient, parent: str, project: str) -> None:
    with pytest.raises(exceptions.InvalidArgument, match="non-empty data, or at least one attribute"):
        create(client, parent, http_target=None, pubsub_target={"topic_name": f"{project}/topics/t"})


def test_what_is_not_here_says_so(client: CloudSchedulerClient, parent: str) -> None:
    with pytest.raises(exceptions.MethodNotImplemented, match="app_engine_http_target"):
        create(client, parent, http_target=None, app_engine_http_target={"relative_uri": "/"})


def test_a_job_that_is_run_publishes_its_message(
    client: CloudSchedulerClient, channel: grpc.Channel, parent: str, project: str, cloud: LocalCloud
) -> None:
    topic, subscription = f"{project}/topics/ticks", f"{project}/subscriptions/ticks"
    PublisherClient(transport=PublisherGrpcTransport(channel=channel)).create_topic(name=topic)
    subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
    subscriber.create_subscription(name=subscription, topic=topic)
    target = {"topic_name": topic, "data": b"tick", "attributes": {"kind": "nightly"}}
    job = create(client, parent, http_target=None, pubsub_target=target)
    assert client.run_job(name=job.name).status.code == 0
    [received] = subscriber.pull(subscription=subscription, max_messages=10).received_messages
    assert (received.message.data, dict(received.message.attributes)) == (b"tick", {"kind": "nightly"})
    cloud.faults.add(Fault(method="pubsub.Publish", resource=topic, code="PERMISSION_DENIED"))
    denied = client.run_job(name=job.name)
    assert denied.status.code == grpc.StatusCode.PERMISSION_DENIED.value[0]
    assert denied.last_attempt_time


class Answering(BaseHTTPRequestHandler):
    """Keeps what it is told, and answers as its path says."""

    told: list[tuple[str, str, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.told.append((self.path, self.headers["X-CloudScheduler-JobName"], body))
        self.send_response(int(self.path.removeprefix("/")))
        self.send_header("Location", "/204")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Quietly."""


@pytest.fixture
def told() -> Iterator[tuple[str, list[tuple[str, str, bytes]]]]:
    """The address of a server here, and what it was told."""
    Answering.told = []
    server = HTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", Answering.told
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_job_that_is_run_calls_its_address(client: CloudSchedulerClient, parent: str, told: Any) -> None:
    root, heard = told
    good = create(client, parent, http_target={"uri": f"{root}/204", "body": b"go"})
    bad = create(client, parent, "failing", http_target={"uri": f"{root}/503"})
    assert client.run_job(name=good.name).status.code == 0
    failed = client.run_job(name=bad.name).status
    assert (failed.code, failed.message) == (grpc.StatusCode.UNKNOWN.value[0], "HTTP 503")
    assert heard == [("/204", "nightly", b"go"), ("/503", "failing", b"")]


def test_a_redirect_is_not_followed_since_it_may_lead_beyond_this_machine(
    client: CloudSchedulerClient, parent: str, told: Any
) -> None:
    root, heard = told
    moved = create(client, parent, http_target={"uri": f"{root}/307"})
    assert client.run_job(name=moved.name).status.message == "HTTP 307"
    assert [path for path, *_ in heard] == ["/307"]


def test_nothing_beyond_this_machine_is_called(client: CloudSchedulerClient, parent: str) -> None:
    status = client.run_job(name=create(client, parent).name).status
    assert status.code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
    assert "this machine" in status.message
