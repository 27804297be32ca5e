"""Cloud Run jobs, through Google's client."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.api_core.exceptions import Conflict
from google.cloud.run_v2 import JobsClient
from google.cloud.run_v2.services.jobs.transports import JobsGrpcTransport

from director.keys import CLOUD_RUN_JOBS
from director.provisioning.base import Wanted
from director.provisioning.clients import Clients
from director.provisioning.plan import change
from director.provisioning.provisioner import Provisioner
from director.provisioning.waiting import OperationFailed, StillGoing
from director.resources.catalogue import providers, wanted
from director.resources.cloud_run_jobs import CloudRunJobs
from director.retries import Retries
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from tests.director.resources.discovery import body_of, complaints
from tests.director.resources.plants import IMAGE, Recorder, blueprint, hasty, only

JOB = {"name": "compact", "image": IMAGE, "service": "archive"}
FULL = {
    **JOB,
    "args": ["compact", "--all"],
    "env": {"LOG_LEVEL": "info"},
    "secret_env": {"KEY": "projects/other/secrets/key"},
    "cpu": "4",
    "memory": "8Gi",
    "vpc": {"subnetwork": "edge"},
    "tasks": 10,
    "parallelism": 2,
    "max_retries": 0,
    "timeout": "6h",
}


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def client(cloud: LocalCloud, recorder: Recorder) -> Any:
    channel = grpc.intercept_channel(grpc.insecure_channel(cloud.grpc_address), recorder)
    return JobsClient(transport=JobsGrpcTransport(channel=channel))


@pytest.fixture
def jobs(client: JobsClient) -> CloudRunJobs:
    return CloudRunJobs(client, hasty())


def job(tmp_path: Path, **fields: Any) -> Wanted[Any]:
    return only(blueprint(tmp_path, cloud_run_jobs=[{**JOB, **fields}]), CLOUD_RUN_JOBS)


def test_a_created_job_is_as_wanted_with_every_field(jobs: CloudRunJobs, tmp_path: Path) -> None:
    one = job(tmp_path, **FULL)
    assert jobs.observe(one) is None
    jobs.create(one)
    observed = jobs.observe(one)
    assert observed is not None
    assert replace(observed.state, execution_environment=None) == one.state
    assert observed.owner == one.owner
    assert change(one, observed).action == "none"
    assert jobs.survey([one]) == {one.full_name: observed}


@pytest.mark.parametrize(
    ("field", "value"),
    [("tasks", 3), ("parallelism", 3), ("max_retries", 5), ("timeout", 60), ("env", {}), ("image", "x/other:2")],
)
def test_every_field_drifts_and_is_put_right_alone(jobs: CloudRunJobs, tmp_path: Path, field: str, value: Any) -> None:
    one = job(tmp_path, **FULL)
    jobs.create(one)
    changed = replace(one, state=replace(one.state, **{field: value}))
    observed = jobs.observe(changed)
    assert observed is not None
    assert change(changed, observed).fields == {field}
    jobs.update(changed, observed, frozenset({field}))
    assert getattr(jobs.observe(changed).state, field) == value  # type: ignore[union-attr]


def test_a_failed_operation_is_a_failure_and_the_next_apply_mends_it(
    jobs: CloudRunJobs, cloud: LocalCloud, tmp_path: Path
) -> None:
    one = job(tmp_path)
    number = cloud.faults.add(
        Fault(method="run.CreateJob.finish", code="FAILED_PRECONDITION", message="No such image.")
    )
    with pytest.raises(OperationFailed, match="No such image"):
        jobs.create(one)
    cloud.faults.remove(number)
    observed = jobs.observe(one)
    assert observed is not None
    assert change(one, observed).fields == {"ready"}


def test_an_unfinished_operation_is_waited_for_by_the_next_apply(
    client: JobsClient, cloud: LocalCloud, tmp_path: Path, recorder: Recorder
) -> None:
    one = job(tmp_path)
    number = cloud.faults.add(Fault(method="run.CreateJob.finish", action="hang"))
    with pytest.raises(StillGoing):
        CloudRunJobs(client, hasty(0.2)).create(one)
    jobs = CloudRunJobs(client, hasty())
    observed = jobs.observe(one)
    assert observed is not None
    cloud.faults.remove(number)
    jobs.update(one, observed, change(one, observed).fields)
    assert change(one, jobs.observe(one)).action == "none"
    assert not recorder.bodies("UpdateJob")


def test_an_update_across_anothers_is_decided_anew(jobs: CloudRunJobs, client: JobsClient, tmp_path: Path) -> None:
    one = job(tmp_path)
    jobs.create(one)
    observed = jobs.observe(one)
    assert observed is not None
    live = client.get_job(name=one.full_name)
    live.labels["other"] = "was-here"
    client.update_job(job=live).result(timeout=10)
    with pytest.raises(Conflict, match="changed meanwhile"):
        jobs.update(one, observed, frozenset({"env"}))


def test_a_running_execution_is_what_a_job_holds(
    jobs: CloudRunJobs, client: JobsClient, cloud: LocalCloud, tmp_path: Path
) -> None:
    one = job(tmp_path)
    jobs.create(one)
    assert jobs.holding(one, frozenset()) is None
    number = cloud.faults.add(Fault(method="run.executions.complete", action="hang"))
    running = client.run_job(name=one.full_name)
    held = jobs.holding(one, frozenset())
    assert held is not None
    assert held.what.startswith("the running execution compact-")
    cloud.faults.remove(number)
    running.result(timeout=10)
    assert jobs.holding(one, frozenset()) is None
    jobs.delete(one)
    assert jobs.observe(one) is None


def test_every_request_is_one_that_cloud_run_understands(
    jobs: CloudRunJobs, recorder: Recorder, tmp_path: Path
) -> None:
    one = job(tmp_path, **FULL)
    jobs.create(one)
    observed = jobs.observe(one)
    assert observed is not None
    jobs.update(replace(one, state=replace(one.state, tasks=3)), observed, frozenset({"tasks"}))
    sent = [body_of(request.job) for request in recorder.bodies("CreateJob", "UpdateJob")]
    assert len(sent) == 2
    assert [found for body in sent for found in complaints("run.v2", "GoogleCloudRunV2Job", body)] == []


def test_two_applies_through_the_loop(clients: Clients, retries: Retries, tmp_path: Path) -> None:
    found = blueprint(tmp_path, cloud_run_jobs=[FULL])
    with Clients.open(found.architecture.project_id) as opened:
        loop = Provisioner(providers(opened, found), retries)
        assert {outcome.result for outcome in loop.apply(wanted(found, "air"))} == {"created"}
        assert {outcome.result for outcome in loop.apply(wanted(found, "air"))} == {"unchanged"}
