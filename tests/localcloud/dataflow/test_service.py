"""Dataflow's launches and jobs, through Google's own clients, with and without something that runs them."""

import uuid
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.cloud.dataflow_v1beta3 import FlexTemplatesServiceClient, JobsV1Beta3Client, MessagesV1Beta3Client, types
from google.cloud.dataflow_v1beta3.services.flex_templates_service.transports import FlexTemplatesServiceGrpcTransport
from google.cloud.dataflow_v1beta3.services.jobs_v1_beta3.transports import JobsV1Beta3GrpcTransport
from google.cloud.dataflow_v1beta3.services.messages_v1_beta3.transports import MessagesV1Beta3GrpcTransport

from localcloud.cloud import LocalCloud, Options, in_thread
from localcloud.dataflow.launching import Kept, Launch, Tell
from localcloud.dataflow.messages import DRAINED, RUNNING
from localcloud.faults import Fault
from localcloud.rpc import failed_precondition

ACTIVE = types.ListJobsRequest.Filter.ACTIVE
TERMINATED = types.ListJobsRequest.Filter.TERMINATED
DRAIN, CANCEL = types.JobState.JOB_STATE_DRAINED, types.JobState.JOB_STATE_CANCELLED


class Google:
    """Its clients, in a project of one's own."""

    def __init__(self, address: str) -> None:
        self.channel = grpc.insecure_channel(address)
        self.templates = FlexTemplatesServiceClient(transport=FlexTemplatesServiceGrpcTransport(channel=self.channel))
        self.jobs = JobsV1Beta3Client(transport=JobsV1Beta3GrpcTransport(channel=self.channel))
        self.messages = MessagesV1Beta3Client(transport=MessagesV1Beta3GrpcTransport(channel=self.channel))
        self.place = {"project_id": f"p-{uuid.uuid4().hex[:8]}", "location": "europe-west1"}

    def launch(self, name: str = "enrichment", **parameter: Any) -> Any:
        launch = {"job_name": name, "container_spec_gcs_path": "gs://templates/e.json", **parameter}
        return self.templates.launch_flex_template(request={**self.place, "launch_parameter": launch}).job

    def job(self, job: Any, view: int = 3) -> Any:
        return self.jobs.get_job(request={**self.place, "job_id": job.id, "view": view})

    def state(self, job: Any) -> str:
        return str(self.job(job).current_state.name).removeprefix("JOB_STATE_")

    def ask(self, job: Any, state: Any) -> Any:
        return self.jobs.update_job(request={**self.place, "job_id": job.id, "job": {"requested_state": state}})

    def names(self, **request: Any) -> list[str]:
        return [job.name for job in self.jobs.list_jobs(request={**self.place, **request})]


@pytest.fixture
def google(cloud: LocalCloud) -> Iterator[Google]:
    opened = Google(cloud.grpc_address)
    yield opened
    opened.channel.close()


def test_a_launched_job_is_queued_and_then_runs(google: Google, cloud: LocalCloud, eventually: Any) -> None:
    number = cloud.faults.add(Fault(method="dataflow.jobs.start", action="hang"))
    job = google.launch()
    assert job.current_state.name == "JOB_STATE_QUEUED"
    assert google.state(job) == "QUEUED"
    cloud.faults.remove(number)
    eventually(lambda: google.state(job) == "RUNNING")


def test_labels_are_told_by_a_job_and_not_by_summaries(google: Google) -> None:
    environment = {"additional_user_labels": {"managed-by": "me"}, "service_account_email": "a@b"}
    job = google.launch(environment=environment)
    assert dict(google.job(job).labels) == {"managed-by": "me"}
    assert google.job(job).environment.service_account_email == "a@b"
    assert not google.job(job, types.JobView.JOB_VIEW_SUMMARY).labels
    assert not next(iter(google.jobs.list_jobs(request=google.place))).labels


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": "Enrichment"}, "job_name"),
        ({"name": "enrichment-"}, "job_name"),
        ({"container_spec_gcs_path": "templates/e.json"}, "gs://"),
        ({"environment": {"temp_location": "/somewhere"}}, "temp_location must begin"),
        ({"environment": {"max_workers": 5_000}}, "max_workers"),
        ({"environment": {"additional_user_labels": {"A": "b"}}}, "additional_user_labels"),
    ],
)
def test_what_dataflow_would_not_take_is_refused(google: Google, wrong: Any, said: str) -> None:
    with pytest.raises(exceptions.InvalidArgument, match=said):
        google.launch(**wrong)


def test_a_name_is_given_once_among_active_jobs_and_free_again_afterwards(google: Google, eventually: Any) -> None:
    first = google.launch()
    with pytest.raises(exceptions.AlreadyExists, match="already an active job named enrichment"):
        google.launch()
    eventually(lambda: google.state(first) == "RUNNING")
    google.ask(first, CANCEL)
    eventually(lambda: google.state(first) == "CANCELLED")
    assert google.launch().id != first.id


def test_lists_tell_active_from_ended_jobs_and_names_apart(google: Google, eventually: Any) -> None:
    first = google.launch("a")
    google.launch("b")
    eventually(lambda: google.state(first) == "RUNNING")
    google.ask(first, CANCEL)
    eventually(lambda: google.names(filter=ACTIVE) == ["b"])
    assert google.names(filter=TERMINATED) == ["a"]
    assert google.names() == ["b", "a"]
    assert google.names(name="b") == ["b"]
    assert google.names(page_size=1) == ["b", "a"]
    elsewhere = {"project_id": google.place["project_id"], "location": "us-east1"}
    assert not list(google.jobs.list_jobs(request=elsewhere))
    assert len(list(google.jobs.aggregated_list_jobs(request=elsewhere))) == 2


def test_a_job_is_drained_when_it_is_asked_and_has_finished(google: Google, cloud: LocalCloud, eventually: Any) -> None:
    job = google.launch()
    eventually(lambda: google.state(job) == "RUNNING")
    number = cloud.faults.add(Fault(method="dataflow.jobs.end", action="hang"))
    google.ask(job, DRAIN)
    google.ask(job, DRAIN)  # once more is nothing new
    assert google.state(job) == "DRAINING"
    cloud.faults.remove(number)
    eventually(lambda: google.state(job) == "DRAINED")
    with pytest.raises(exceptions.FailedPrecondition, match="terminated"):
        google.ask(job, CANCEL)


def test_a_queued_job_can_be_cancelled_and_not_drained(google: Google, cloud: LocalCloud, eventually: Any) -> None:
    cloud.faults.add(Fault(method="dataflow.jobs.start", action="hang"))
    job = google.launch()
    with pytest.raises(exceptions.FailedPrecondition, match="cannot be drained"):
        google.ask(job, DRAIN)
    google.ask(job, CANCEL)
    eventually(lambda: google.state(job) == "CANCELLED")


def test_an_update_replaces_the_job_that_ran(google: Google, eventually: Any) -> None:
    first = google.launch()
    eventually(lambda: google.state(first) == "RUNNING")
    second = google.launch(update=True, transform_name_mappings={"a": "b"})
    eventually(lambda: google.state(second) == "RUNNING")
    assert google.state(first) == "UPDATED"
    assert google.job(first).replaced_by_job_id == second.id
    assert google.job(second).replace_job_id == first.id
    assert dict(google.job(second).transform_name_mapping) == {"a": "b"}


def test_of_an_update_that_fails_the_job_before_runs_on_and_the_reason_is_told(
    google: Google, cloud: LocalCloud, eventually: Any
) -> None:
    first = google.launch()
    eventually(lambda: google.state(first) == "RUNNING")
    cloud.faults.add(Fault(method="dataflow.jobs.start", marker="broken", message="It does not fit."))
    second = google.launch(update=True, parameters={"graph": "broken"})
    eventually(lambda: google.state(second) == "FAILED")
    assert google.state(first) == "RUNNING"
    (said,) = google.messages.list_job_messages(request={**google.place, "job_id": second.id})
    assert said.message_text == "It does not fit."
    assert not list(google.messages.list_job_messages(request={**google.place, "job_id": first.id}))


def test_without_a_running_job_there_is_nothing_to_update(google: Google) -> None:
    with pytest.raises(exceptions.FailedPrecondition, match="no running job"):
        google.launch(update=True)


def test_validating_launches_nothing(google: Google) -> None:
    launch = {"job_name": "enrichment", "container_spec_gcs_path": "gs://templates/e.json"}
    request = {**google.place, "launch_parameter": launch, "validate_only": True}
    assert not google.templates.launch_flex_template(request=request).job.id
    assert not google.names()


def test_what_is_not_covered_names_itself(google: Google) -> None:
    job = google.launch()
    with pytest.raises(exceptions.MethodNotImplemented, match="CreateJob"):
        google.jobs.create_job(request=google.place)
    with pytest.raises(exceptions.MethodNotImplemented, match="update_mask"):
        google.jobs.update_job(request={**google.place, "job_id": job.id, "update_mask": {"paths": ["labels"]}})
    with pytest.raises(exceptions.MethodNotImplemented, match="container_spec"):
        google.launch(container_spec_gcs_path=None, container_spec={"image": "x"})
    with pytest.raises(exceptions.NotFound):
        google.jobs.get_job(request={**google.place, "job_id": "none"})


class Runner:
    """A launcher that remembers what it was asked."""

    def __init__(self) -> None:
        self.launches: list[Launch] = []
        self.ended: list[tuple[str, bool]] = []
        self._tells: dict[str, Tell] = {}

    async def begin(self, launch: Launch, tell: Tell) -> None:
        if launch.parameters.get("bad"):
            raise failed_precondition("No parameter bad.")
        self.launches.append(launch)
        self._tells[launch.job_id] = tell
        tell(RUNNING)

    async def end(self, job_id: str, drain: bool) -> None:
        self.ended.append((job_id, drain))
        self._tells[job_id](DRAINED)


def test_a_launcher_runs_what_is_launched(eventually: Any) -> None:
    runner = Runner()
    with in_thread(Options(launcher=lambda cloud: runner)) as cloud:
        google = Google(cloud.grpc_address)
        job = google.launch(parameters={"a": "b"}, environment={"max_workers": 3})
        eventually(lambda: google.state(job) == "RUNNING")
        (launch,) = runner.launches
        assert (launch.job_id, launch.template) == (job.id, "gs://templates/e.json")
        assert (launch.parameters, launch.environment.max_workers) == ({"a": "b"}, 3)
        newer = google.launch(update=True)
        eventually(lambda: google.state(newer) == "RUNNING")
        assert runner.launches[1].replaces == job.id
        google.ask(newer, DRAIN)
        eventually(lambda: google.state(newer) == "DRAINED")
        assert runner.ended == [(newer.id, True)]
        bad = google.launch("other", parameters={"bad": "1"})
        eventually(lambda: google.state(bad) == "FAILED")
        google.channel.close()


def test_without_a_launcher_jobs_take_their_time_on_the_clouds_clock(eventually: Any) -> None:
    with in_thread(Options(launcher=lambda cloud: Kept(cloud.clock, starting=3600, ending=3600))) as cloud:
        google = Google(cloud.grpc_address)
        job = google.launch()
        assert google.state(job) == "QUEUED"
        cloud.clock.advance(3600)
        eventually(lambda: google.state(job) == "RUNNING")
        google.ask(job, DRAIN)
        assert google.state(job) == "DRAINING"
        cloud.clock.advance(3600)
        eventually(lambda: google.state(job) == "DRAINED")
        google.channel.close()


def test_a_draining_job_that_is_cancelled_ends_as_cancelled(google: Google, cloud: LocalCloud, eventually: Any) -> None:
    job = google.launch()
    eventually(lambda: google.state(job) == "RUNNING")
    number = cloud.faults.add(Fault(method="dataflow.jobs.end", action="hang"))
    google.ask(job, DRAIN)
    google.ask(job, CANCEL)
    assert google.state(job) == "CANCELLING"
    cloud.faults.remove(number)
    eventually(lambda: google.state(job) in ("DRAINED", "CANCELLED"))
    assert google.state(job) == "CANCELLED"
