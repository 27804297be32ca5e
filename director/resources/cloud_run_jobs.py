"""Cloud Run jobs: made and kept as documents say. When they run is not the director's."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Annotated, Any

from google.api_core.exceptions import Aborted, Conflict, NotFound
from google.cloud.run_v2 import JobsClient
from google.cloud.run_v2.services.jobs.transports import JobsGrpcTransport
from google.cloud.run_v2.types import ExecutionReference
from google.cloud.run_v2.types import Job as Message

from director import keys
from director.documents.loading import Blueprint
from director.documents.specs.run import CloudRunJob
from director.provisioning.base import CALL_TIMEOUT, Context, Holding, Observed, Provider, Wanted, owner_in
from director.provisioning.clients import Clients
from director.provisioning.waiting import PATIENT, OperationFailed, Waiting
from director.resources import containers
from director.resources.containers import READY, ROLLING_OUT
from director.resources.programs import needs, services
from director.resources.rules import where_said

PAGE = 100
REPLACES = "iot-director/generation"  # on a template: the failed generation instead of which another is made

_STATUS = ExecutionReference.CompletionStatus
_UNFINISHED = (_STATUS.EXECUTION_RUNNING, _STATUS.EXECUTION_PENDING)


@dataclass(frozen=True, slots=True)
class State(containers.Container):
    """`timeout` in seconds, of one attempt of one task."""

    tasks: int = 1
    parallelism: Annotated[int | None, where_said] = None
    max_retries: int = 3
    timeout: int = 600


def wanted(context: Context, spec: CloudRunJob) -> Wanted[State]:
    state = State(
        **containers.said(context, spec),
        tasks=spec.tasks,
        parallelism=spec.parallelism,
        max_retries=spec.max_retries,
        timeout=int(spec.timeout.total_seconds()),
    )
    key = keys.cloud_run_job(context.project, spec.location or context.architecture.region, spec.name)
    before = needs(context, spec, state.secret_env.values())
    return Wanted(*key, state, context.owner, needs=before, services=services(context, spec))


def provider(clients: Clients, blueprint: Blueprint) -> Provider[State]:
    return CloudRunJobs(JobsClient(transport=JobsGrpcTransport(channel=clients.channel("run"))))


class CloudRunJobs:
    """Jobs through Google's client; updates carry the etag of what was observed."""

    def __init__(self, client: JobsClient, waiting: Waiting = PATIENT) -> None:
        self._client = client
        self._waiting = waiting

    def observe(self, wanted: Wanted[State]) -> Observed[State] | None:
        try:
            return _observed(self._job(wanted.full_name))
        except NotFound:
            return None

    def survey(self, wanted: Sequence[Wanted[State]]) -> dict[str, Observed[State]]:
        names = {one.full_name for one in wanted}
        found: dict[str, Observed[State]] = {}
        for parent in {name.partition("/jobs/")[0] for name in names}:
            request = {"parent": parent, "page_size": PAGE}
            listed = self._client.list_jobs(request=request, retry=None, timeout=CALL_TIMEOUT)
            found |= {job.name: _observed(job) for job in listed if job.name in names}
        return found

    def create(self, wanted: Wanted[State]) -> None:
        job = Message(template={"template": {"containers": [{}]}})
        _fill(job, wanted.state, frozenset(field.name for field in fields(State)))
        parent, _, name = wanted.full_name.partition("/jobs/")
        request = {"parent": parent, "job_id": name, "job": job}
        begun = self._client.create_job(request=request, retry=None, timeout=CALL_TIMEOUT)
        self._finish(wanted.full_name, begun)

    def update(self, wanted: Wanted[State], observed: Observed[State], fields: frozenset[str]) -> None:
        job = Message(observed.handle)
        if fields == {"ready"} and observed.state.ready == ROLLING_OUT:
            self._settle(wanted.full_name)  # begun by one that ended before it was over
            return
        if "ready" in fields:
            job.template.annotations[REPLACES] = str(job.generation)
        _fill(job, wanted.state, fields)
        try:
            begun = self._client.update_job(job=job, retry=None, timeout=CALL_TIMEOUT)
        except Aborted as error:
            raise Conflict(f"{wanted.full_name} was changed meanwhile: {error.message}") from error
        self._finish(wanted.full_name, begun)

    def holding(self, wanted: Wanted[State], going: frozenset[str]) -> Holding | None:
        """An execution that is not over ends with its job."""
        last = self._job(wanted.full_name).latest_created_execution
        return Holding(f"the running execution {last.name}") if last.completion_status in _UNFINISHED else None

    def delete(self, wanted: Wanted[State], data: bool = False) -> None:
        begun = self._client.delete_job(name=wanted.full_name, retry=None, timeout=CALL_TIMEOUT)
        self._waiting.finished(begun, self._client.transport.operations_client, f"deleting {wanted.full_name}")

    def _finish(self, name: str, begun: Any) -> None:
        self._waiting.finished(begun, self._client.transport.operations_client, name)
        self._settle(name)

    def _settle(self, name: str) -> None:
        """Raises OperationFailed with Cloud Run's reason."""
        self._waiting.until(lambda: containers.readiness(self._job(name)) != ROLLING_OUT, name)
        ready = containers.readiness(self._job(name))
        if ready != READY:
            raise OperationFailed(f"{name} {ready}")

    def _job(self, name: str) -> Any:
        return self._client.get_job(name=name, retry=None, timeout=CALL_TIMEOUT)


def _observed(job: Any) -> Observed[State]:
    task = job.template.template
    state = State(
        **containers.seen(job, task, containers.readiness(job)),
        tasks=job.template.task_count or 1,
        parallelism=job.template.parallelism or None,
        max_retries=task.max_retries,
        timeout=int(task.timeout.total_seconds()) or 600,
    )
    return Observed(state, owner_in(state.labels), job)


def _fill(job: Any, state: State, fields: frozenset[str]) -> None:
    """Puts the fields that differ into a job; what a document cannot say stays."""
    job.labels = {**job.labels, **state.labels}
    containers.fill(job.template.template, state, fields)
    if "tasks" in fields:
        job.template.task_count = state.tasks
    if "parallelism" in fields and state.parallelism:
        job.template.parallelism = state.parallelism
    if "max_retries" in fields:
        job.template.template.max_retries = state.max_retries
    if "timeout" in fields:
        job.template.template.timeout = timedelta(seconds=state.timeout)
