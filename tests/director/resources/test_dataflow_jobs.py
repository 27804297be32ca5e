"""Dataflow jobs, through Google's clients: launched once, updated in place, drained to the end."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.api_core.exceptions import AlreadyExists, Conflict
from google.cloud.dataflow_v1beta3 import FlexTemplatesServiceClient, JobsV1Beta3Client, MessagesV1Beta3Client
from google.cloud.dataflow_v1beta3.services.flex_templates_service.transports import FlexTemplatesServiceGrpcTransport
from google.cloud.dataflow_v1beta3.services.jobs_v1_beta3.transports import JobsV1Beta3GrpcTransport
from google.cloud.dataflow_v1beta3.services.messages_v1_beta3.transports import MessagesV1Beta3GrpcTransport

from director.keys import DATAFLOW_JOBS
from director.provisioning.base import Wanted
from director.provisioning.clients import Clients
from director.provisioning.plan import change, layers
from director.provisioning.provisioner import Provisioner
from director.provisioning.waiting import OperationFailed, StillGoing, Waiting
from director.resources.catalogue import providers, wanted
from director.resources.dataflow_jobs import DataflowJobs
from director.retries import Retries
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from tests.director.resources.discovery import body_of, complaints
from tests.director.resources.plants import Recorder, blueprint, hasty, only

JOB = {
    "name": "enrichment",
    "service": "archive",
    "template": "gs://templates/enrichment.json",
    "parameters": {"input_subscription": "projects/p/subscriptions/ingestion"},
}
FULL: dict[str, Any] = {
    **JOB,
    "region": "europe-west4",
    "labels": {"tier": "edge"},
    "num_workers": 1,
    "max_workers": 4,
    "machine_type": "n2-standard-2",
    "disk_size_gb": 30,
    "network": "default",
    "subnetwork": "regions/europe-west4/subnetworks/edge",
    "ip_configuration": "private",
    "temp_location": "gs://templates/temp",
    "staging_location": "gs://templates/staging",
    "streaming_engine": True,
    "streaming_mode": "at-least-once",
    "launcher_machine_type": "e2-medium",
    "launch_options": {"expansion": "none"},
    "additional_experiments": ["use_runner_v2"],
    "transform_name_mapping": {"old": "new"},
}


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


class Google:
    """Its clients, and providers made of them."""

    def __init__(self, address: str, recorder: Recorder) -> None:
        channel = grpc.intercept_channel(grpc.insecure_channel(address), recorder)
        self.templates = FlexTemplatesServiceClient(transport=FlexTemplatesServiceGrpcTransport(channel=channel))
        self.jobs = JobsV1Beta3Client(transport=JobsV1Beta3GrpcTransport(channel=channel))
        self.messages = MessagesV1Beta3Client(transport=MessagesV1Beta3GrpcTransport(channel=channel))

    def provider(self, waiting: Waiting) -> DataflowJobs:
        return DataflowJobs(self.templates, self.jobs, self.messages, waiting)

    def states(self, one: Wanted[Any]) -> list[str]:
        """Of all jobs there ever were, newest first."""
        _, project, _, region, _, _ = one.full_name.split("/")
        listed = self.jobs.list_jobs(request={"project_id": project, "location": region})
        return [job.current_state.name.removeprefix("JOB_STATE_") for job in listed]


@pytest.fixture
def google(cloud: LocalCloud, recorder: Recorder) -> Google:
    return Google(cloud.grpc_address, recorder)


@pytest.fixture
def jobs(google: Google) -> DataflowJobs:
    return google.provider(hasty())


def job(tmp_path: Path, **fields: Any) -> Wanted[Any]:
    return only(blueprint(tmp_path, dataflow_jobs=[{**JOB, **fields}]), DATAFLOW_JOBS)


def again(one: Wanted[Any], **fields: Any) -> Wanted[Any]:
    return replace(one, state=replace(one.state, **fields))


def applied(jobs: DataflowJobs, one: Wanted[Any]) -> None:
    observed = jobs.observe(one)
    if observed is None:
        jobs.create(one)
    else:
        jobs.update(one, observed, change(one, observed).fields)


def test_a_launched_job_is_as_wanted_and_runs(jobs: DataflowJobs, google: Google, tmp_path: Path) -> None:
    one = job(tmp_path, **FULL)
    assert jobs.observe(one) is None
    jobs.create(one)
    observed = jobs.observe(one)
    assert change(one, observed).action == "none"
    assert observed is not None
    assert observed.owner == one.owner
    assert google.states(one) == ["RUNNING"]


def test_every_request_is_one_that_dataflow_understands(jobs: DataflowJobs, recorder: Recorder, tmp_path: Path) -> None:
    one = job(tmp_path, **FULL)
    jobs.create(one)
    applied(jobs, again(one, parameters={"other": "1"}))
    jobs.delete(one)
    launches = [body_of(request) for request in recorder.bodies("LaunchFlexTemplate")]
    for body in launches:  # what REST has in the address
        del body["projectId"], body["location"]
    assert len(launches) == 2
    assert [
        found for body in launches for found in complaints("dataflow.v1b3", "LaunchFlexTemplateRequest", body)
    ] == []
    assert launches[1]["launchParameter"]["update"] is True
    assert launches[1]["launchParameter"]["transformNameMappings"] == {"old": "new"}
    ends = [body_of(request.job) for request in recorder.bodies("UpdateJob")]
    assert [found for body in ends for found in complaints("dataflow.v1b3", "Job", body)] == []


@pytest.mark.parametrize(
    ("field", "written"),
    [
        ("parameters", {"parameters": {"input_subscription": "projects/p/subscriptions/other"}}),
        ("template", {"template": "gs://templates/enrichment-2.json"}),
        ("environment", {"max_workers": 8}),
        ("labels", {"labels": {"tier": "core"}}),
    ],
)
def test_a_job_that_is_not_what_it_was_launched_with_is_updated_in_place(
    jobs: DataflowJobs, google: Google, tmp_path: Path, field: str, written: Any
) -> None:
    one = job(tmp_path)
    jobs.create(one)
    other = job(tmp_path, **written)
    changed = replace(other, full_name=one.full_name)
    observed = jobs.observe(changed)
    assert observed is not None
    todo = change(changed, observed)
    assert todo.action == "update"
    assert todo.fields - {"environment"} == {field} - {"environment"}  # the account is of another project
    jobs.update(changed, observed, todo.fields)
    assert google.states(one) == ["RUNNING", "UPDATED"]
    assert change(changed, jobs.observe(changed)).action == "none"


def test_labels_that_others_gave_a_job_outlive_its_update(jobs: DataflowJobs, google: Google, tmp_path: Path) -> None:
    one = job(tmp_path)
    jobs.create(again(one, labels={**one.state.labels, "cost": "x", "goog-dataflow-something": "y"}))
    applied(jobs, again(one, parameters={}))
    observed = jobs.observe(one)
    assert observed is not None
    assert observed.state.labels["cost"] == "x"
    assert "goog-dataflow-something" not in observed.state.labels  # what is Dataflow's own


def test_with_update_never_the_same_difference_is_refused_with_a_way_out(jobs: DataflowJobs, tmp_path: Path) -> None:
    one = job(tmp_path, update="never")
    jobs.create(one)
    assert change(one, jobs.observe(one)).action == "none"
    changed = again(one, parameters={})
    todo = change(changed, jobs.observe(changed))
    assert todo.action == "refuse"
    assert "let it say replace" in str(todo)


def test_a_job_that_never_runs_is_a_failure_with_dataflows_reason(
    jobs: DataflowJobs, cloud: LocalCloud, tmp_path: Path
) -> None:
    one = job(tmp_path)
    cloud.faults.add(Fault(method="dataflow.jobs.start", message="The template has no parameter x."))
    with pytest.raises(OperationFailed, match=r"JOB_STATE_FAILED, The template has no parameter x\."):
        jobs.create(one)
    assert jobs.observe(one) is None


def test_of_an_update_that_fails_the_job_before_runs_on(
    jobs: DataflowJobs, google: Google, cloud: LocalCloud, tmp_path: Path
) -> None:
    one = job(tmp_path)
    jobs.create(one)
    cloud.faults.add(Fault(method="dataflow.jobs.start", marker="incompatible", message="The graph does not fit."))
    changed = again(one, parameters={"graph": "incompatible"})
    with pytest.raises(OperationFailed, match=r"The graph does not fit.* runs on as it was"):
        applied(jobs, changed)
    assert google.states(one) == ["FAILED", "RUNNING"]
    assert change(changed, jobs.observe(changed)).fields == {"parameters"}


def test_a_launch_whose_answer_was_lost_is_not_made_twice(
    clients: Clients, cloud: LocalCloud, google: Google, retries: Retries, tmp_path: Path
) -> None:
    found = blueprint(tmp_path, dataflow_jobs=[JOB])
    resources = wanted(found, "air")
    cloud.faults.add(Fault(method="dataflow.LaunchFlexTemplate", when="after", calls=1))
    with Clients.open(found.architecture.project_id) as opened:
        loop = Provisioner(providers(opened, found), retries)
        assert {outcome.result for outcome in loop.apply(resources)} == {"created"}
        assert google.states(resources[0]) == ["RUNNING"]
        assert {outcome.result for outcome in loop.apply(resources)} == {"unchanged"}
        assert google.states(resources[0]) == ["RUNNING"]


def test_an_update_whose_answer_was_lost_is_not_made_twice(
    clients: Clients, cloud: LocalCloud, google: Google, retries: Retries, tmp_path: Path
) -> None:
    found = blueprint(tmp_path, dataflow_jobs=[JOB])
    (one,) = wanted(found, "air")
    with Clients.open(found.architecture.project_id) as opened:
        loop = Provisioner(providers(opened, found), retries)
        loop.apply([one])
        cloud.faults.add(Fault(method="dataflow.LaunchFlexTemplate", when="after", calls=1))
        changed = again(one, parameters={})
        assert {outcome.result for outcome in loop.apply([changed])} == {"updated"}
        assert google.states(one) == ["RUNNING", "UPDATED"]


def test_a_second_launch_under_an_active_name_is_refused_before_it_is_made(
    jobs: DataflowJobs, recorder: Recorder, tmp_path: Path
) -> None:
    one = job(tmp_path)
    jobs.create(one)
    with pytest.raises(AlreadyExists, match="is active already"):
        jobs.create(one)
    assert len(recorder.bodies("LaunchFlexTemplate")) == 1


def test_an_update_across_anothers_is_decided_anew(jobs: DataflowJobs, tmp_path: Path) -> None:
    one = job(tmp_path)
    jobs.create(one)
    old = jobs.observe(one)
    assert old is not None
    applied(jobs, again(one, parameters={"a": "1"}))
    with pytest.raises(Conflict, match="updated meanwhile"):
        jobs.update(again(one, parameters={"b": "2"}), old, frozenset({"parameters"}))


def test_a_start_that_outlasts_the_budget_is_waited_for_by_the_next_apply(
    google: Google, cloud: LocalCloud, recorder: Recorder, tmp_path: Path
) -> None:
    one = job(tmp_path)
    number = cloud.faults.add(Fault(method="dataflow.jobs.start", action="hang"))
    with pytest.raises(StillGoing):
        google.provider(hasty(0.2)).create(one)
    jobs = google.provider(hasty())
    assert change(one, jobs.observe(one)).reasons == ("state: starting -> running",)
    cloud.faults.remove(number)
    applied(jobs, one)
    assert change(one, jobs.observe(one)).action == "none"
    assert len(recorder.bodies("LaunchFlexTemplate")) == 1


def test_a_deleted_job_is_drained_to_the_end(jobs: DataflowJobs, google: Google, tmp_path: Path) -> None:
    one = job(tmp_path)
    jobs.create(one)
    assert jobs.holding(one, frozenset()) is None
    jobs.delete(one)
    assert google.states(one) == ["DRAINED"]
    assert jobs.observe(one) is None


def test_a_drain_that_outlasts_the_budget_is_waited_for_and_not_asked_for_again(
    google: Google, cloud: LocalCloud, recorder: Recorder, tmp_path: Path
) -> None:
    one = job(tmp_path)
    google.provider(hasty()).create(one)
    number = cloud.faults.add(Fault(method="dataflow.jobs.end", action="hang"))
    with pytest.raises(StillGoing, match="the same again"):
        google.provider(hasty(0.2)).delete(one)
    assert google.states(one) == ["DRAINING"]
    cloud.faults.remove(number)
    google.provider(hasty()).delete(one)
    assert google.states(one) == ["DRAINED"]
    assert len(recorder.bodies("UpdateJob")) == 1


def test_a_job_wanted_again_while_it_drains_is_launched_anew_afterwards(
    google: Google, cloud: LocalCloud, jobs: DataflowJobs, tmp_path: Path
) -> None:
    one = job(tmp_path)
    jobs.create(one)
    number = cloud.faults.add(Fault(method="dataflow.jobs.end", action="hang"))
    with pytest.raises(StillGoing):
        google.provider(hasty(0.1)).delete(one)
    assert change(one, jobs.observe(one)).reasons == ("state: draining -> running",)
    with pytest.raises(StillGoing):
        applied(google.provider(hasty(0.1)), one)
    cloud.faults.remove(number)
    applied(jobs, one)
    assert google.states(one) == ["RUNNING", "DRAINED"]


def test_on_delete_cancel_says_what_is_lost_and_cancels(jobs: DataflowJobs, google: Google, tmp_path: Path) -> None:
    one = job(tmp_path, on_delete="cancel")
    jobs.create(one)
    held = jobs.holding(one, frozenset())
    assert held is not None
    assert "in flight" in held.what
    jobs.delete(one, data=True)
    assert google.states(one) == ["CANCELLED"]


def test_a_job_that_has_not_begun_is_cancelled_since_it_has_nothing_to_drain(
    google: Google, cloud: LocalCloud, tmp_path: Path
) -> None:
    one = job(tmp_path)
    cloud.faults.add(Fault(method="dataflow.jobs.start", action="hang"))
    with pytest.raises(StillGoing):
        google.provider(hasty(0.1)).create(one)
    google.provider(hasty()).delete(one)
    assert google.states(one) == ["CANCELLED"]


def test_a_job_of_that_name_that_is_not_ours_is_refused(jobs: DataflowJobs, google: Google, tmp_path: Path) -> None:
    one = job(tmp_path)
    _, project, _, region, _, name = one.full_name.split("/")
    launch = {"job_name": name, "container_spec_gcs_path": "gs://a/b"}
    google.templates.launch_flex_template(
        request={"project_id": project, "location": region, "launch_parameter": launch}
    )
    todo = change(one, jobs.observe(one))
    assert todo.action == "refuse"
    assert "is not ours" in str(todo)


def test_it_is_launched_once_the_buckets_of_its_workers_are_there(tmp_path: Path) -> None:
    folders = {"temp_location": "gs://plant-temp/jobs", "staging_location": "gs://of-others/jobs"}
    found = blueprint(tmp_path, gcs_buckets=[{"name": "plant-temp"}], dataflow_jobs=[{**JOB, **folders}])
    assert layers(wanted(found, "air"))[-1][0].kind == DATAFLOW_JOBS
    assert ("gcs_buckets", "plant-temp") in only(found, DATAFLOW_JOBS).needs


class Meanwhile(Recorder):
    """Lets something happen right before the first look at a job itself."""

    def __init__(self, happening: Callable[[], None]) -> None:
        super().__init__()
        self._happening = [happening]

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        if details.method.endswith("/GetJob") and self._happening:
            self._happening.pop()()
        return super().intercept_unary_unary(continuation, details, request)


def test_a_job_that_ends_while_it_is_looked_at_is_not_there(google: Google, cloud: LocalCloud, tmp_path: Path) -> None:
    one = job(tmp_path)
    google.provider(hasty()).create(one)
    meanwhile = Meanwhile(lambda: google.provider(hasty()).delete(one))
    assert Google(cloud.grpc_address, meanwhile).provider(hasty()).observe(one) is None
    assert google.states(one) == ["DRAINED"]
