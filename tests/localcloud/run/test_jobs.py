"""Jobs and executions of Cloud Run, through Google's own clients."""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.cloud.run_v2 import ExecutionsClient, JobsClient
from google.cloud.run_v2.services.executions.transports import ExecutionsGrpcTransport
from google.cloud.run_v2.services.jobs.transports import JobsGrpcTransport

from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from tests.localcloud.run.parts import job, parent


@pytest.fixture
def channel(cloud: LocalCloud) -> Iterator[Any]:
    with grpc.insecure_channel(cloud.grpc_address) as opened:
        yield opened


@pytest.fixture
def client(channel: Any) -> JobsClient:
    return JobsClient(transport=JobsGrpcTransport(channel=channel))


@pytest.fixture
def executions(channel: Any) -> ExecutionsClient:
    return ExecutionsClient(transport=ExecutionsGrpcTransport(channel=channel))


def made(client: JobsClient, **template: Any) -> Any:
    wanted = job()
    wanted["template"] |= template
    return client.create_job(parent=parent(), job_id="compact", job=wanted).result(timeout=10)


def test_a_job_is_complete_and_ready(client: JobsClient) -> None:
    live = made(client)
    assert live.terminal_condition.state.name == "CONDITION_SUCCEEDED"
    assert (live.template.task_count, live.template.template.max_retries) == (1, 3)
    assert live.template.template.timeout.total_seconds() == 600
    assert live.template.template.service_account.endswith("-compute@developer.gserviceaccount.com")


def test_no_retries_is_something_else_than_retries_not_said(client: JobsClient) -> None:
    live = made(client)
    live.template.template.max_retries = 0
    client.update_job(job=live).result(timeout=10)
    assert client.get_job(name=live.name).template.template.max_retries == 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"template": {"template": {}}}, "containers"),
        ({"template": {**job()["template"], "task_count": 20_000}}, "task_count"),
        ({"template": {"template": {**job()["template"]["template"], "max_retries": 11}}}, "max_retries"),
        ({**job(), "run_execution_token": "now"}, "RunJob only"),
    ],
)
def test_what_cloud_run_would_not_take_is_refused(client: JobsClient, wrong: Any, said: str) -> None:
    with pytest.raises(exceptions.InvalidArgument, match=said):
        client.create_job(parent=parent(), job_id="compact", job=wrong)


def test_an_update_of_an_older_version_is_refused_and_a_name_given_once(client: JobsClient) -> None:
    live = made(client)
    client.update_job(job={"name": live.name, **job(image="x:2")}).result(timeout=10)
    with pytest.raises(exceptions.Aborted, match="etag"):
        client.update_job(job=live)
    with pytest.raises(exceptions.AlreadyExists):
        client.create_job(parent=live.name.partition("/jobs/")[0], job_id="compact", job=job())


def test_an_execution_is_over_at_once_and_its_job_knows(client: JobsClient, executions: ExecutionsClient) -> None:
    live = made(client, task_count=3)
    done = client.run_job(name=live.name).result(timeout=10)
    assert (done.succeeded_count, done.running_count) == (3, 0)
    (listed,) = executions.list_executions(parent=live.name)
    assert listed.name == done.name
    live = client.get_job(name=live.name)
    assert live.execution_count == 1
    assert live.latest_created_execution.completion_status.name == "EXECUTION_SUCCEEDED"


def test_faults_let_an_execution_fail(client: JobsClient, cloud: LocalCloud) -> None:
    live = made(client)
    cloud.faults.add(Fault(method="run.executions.complete", message="exit 1"))
    done = client.run_job(name=live.name).result(timeout=10)
    assert (done.failed_count, done.conditions[0].message) == (1, "exit 1")
    assert client.get_job(name=live.name).latest_created_execution.completion_status.name == "EXECUTION_FAILED"


def test_a_running_execution_can_be_cancelled_and_stays_so(
    client: JobsClient, executions: ExecutionsClient, cloud: LocalCloud
) -> None:
    live = made(client)
    number = cloud.faults.add(Fault(method="run.executions.complete", action="hang"))
    running = client.run_job(name=live.name)
    (execution,) = executions.list_executions(parent=live.name)
    assert execution.running_count == 1
    executions.cancel_execution(name=execution.name).result(timeout=10)
    cloud.faults.remove(number)
    running.result(timeout=10)
    assert executions.get_execution(name=execution.name).cancelled_count == 1
    with pytest.raises(exceptions.FailedPrecondition, match="over already"):
        executions.cancel_execution(name=execution.name)


def test_a_deleted_job_is_gone_with_its_executions(client: JobsClient, executions: ExecutionsClient) -> None:
    live = made(client)
    client.run_job(name=live.name).result(timeout=10)
    client.delete_job(name=live.name).result(timeout=10)
    with pytest.raises(exceptions.NotFound):
        client.get_job(name=live.name)
    assert not list(executions.list_executions(parent=live.name))


def test_what_is_not_covered_names_itself(client: JobsClient) -> None:
    live = made(client)
    with pytest.raises(exceptions.MethodNotImplemented, match="container_overrides"):
        client.run_job(request={"name": live.name, "overrides": {"container_overrides": [{"args": ["x"]}]}})


def test_validating_changes_nothing(client: JobsClient, executions: ExecutionsClient, cloud: LocalCloud) -> None:
    live = made(client)
    client.run_job(request={"name": live.name, "validate_only": True}).result(timeout=10)
    assert not list(executions.list_executions(parent=live.name))
    assert client.get_job(name=live.name).execution_count == 0
    absent = {**job(), "name": f"{live.name}-2"}
    client.update_job(request={"job": absent, "allow_missing": True, "validate_only": True}).result(timeout=10)
    assert [each.name for each in client.list_jobs(parent=live.name.partition("/jobs/")[0])] == [live.name]
    cloud.faults.add(Fault(method="run.executions.complete", action="hang"))
    client.run_job(name=live.name)
    (running,) = executions.list_executions(parent=live.name)
    executions.cancel_execution(request={"name": running.name, "validate_only": True}).result(timeout=10)
    assert executions.get_execution(name=running.name).running_count == 1


def test_an_execution_may_have_other_tasks_and_another_timeout_than_its_job(client: JobsClient) -> None:
    live = made(client)
    overrides = {"task_count": 2, "timeout": {"seconds": 30}}
    done = client.run_job(request={"name": live.name, "overrides": overrides}).result(timeout=10)
    assert (done.task_count, done.template.timeout.total_seconds()) == (2, 30)
