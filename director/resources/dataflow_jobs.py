"""Dataflow jobs, launched from Flex Templates. They run until they are drained: streaming only.

A job has its name among the active jobs of its region, and each launch its own id. So what there is, is the newest
active job of the name; a launch is made only where there is none, right after looking; and what a job was launched
with is kept as digests in its labels, since Dataflow does not give that back.
"""

from collections.abc import Mapping
from typing import Any

from google.api_core.exceptions import AlreadyExists, Conflict
from google.cloud.dataflow_v1beta3 import FlexTemplatesServiceClient, JobsV1Beta3Client, MessagesV1Beta3Client
from google.cloud.dataflow_v1beta3.services.flex_templates_service.transports import FlexTemplatesServiceGrpcTransport
from google.cloud.dataflow_v1beta3.services.jobs_v1_beta3.transports import JobsV1Beta3GrpcTransport
from google.cloud.dataflow_v1beta3.services.messages_v1_beta3.transports import MessagesV1Beta3GrpcTransport
from google.cloud.dataflow_v1beta3.types import JobMessageImportance, JobState, JobView, ListJobsRequest

from director import keys
from director.documents.loading import Blueprint
from director.documents.specs.dataflow_jobs import DataflowJob
from director.provisioning.base import CALL_TIMEOUT, Context, Holding, Observed, Provider, Wanted, owner_in
from director.provisioning.clients import Clients
from director.provisioning.waiting import PATIENT, OperationFailed, Waiting
from director.resources import launches
from director.resources.launches import RUNNING, State, Unchanging
from director.resources.programs import needs, services

STARTING, DRAINING, CANCELLING = "starting", "draining", "cancelling"

_STATES = {
    JobState.JOB_STATE_RUNNING: RUNNING,
    JobState.JOB_STATE_DRAINING: DRAINING,
    JobState.JOB_STATE_CANCELLING: CANCELLING,
}
_ENDED = {
    JobState.JOB_STATE_DONE, JobState.JOB_STATE_FAILED, JobState.JOB_STATE_CANCELLED, JobState.JOB_STATE_UPDATED,
    JobState.JOB_STATE_DRAINED,
}  # fmt: skip


def wanted(context: Context, spec: DataflowJob) -> Wanted[State]:
    state = (State if spec.update == "replace" else Unchanging)(
        template=spec.template,
        parameters=spec.parameters,
        environment=launches.environment(context, spec),
        labels=context.labels(spec.labels),
        mapping=spec.transform_name_mapping,
        on_delete=spec.on_delete,
    )
    key = keys.dataflow_job(context.project, spec.region or context.architecture.region, spec.name)
    folders = tuple(keys.bucket(bucket) for bucket, _ in spec.folders)
    return Wanted(*key, state, context.owner, needs=(*needs(context, spec), *folders), services=services(context, spec))


def provider(clients: Clients, blueprint: Blueprint) -> Provider[State]:
    channel = clients.channel("dataflow")
    return DataflowJobs(
        FlexTemplatesServiceClient(transport=FlexTemplatesServiceGrpcTransport(channel=channel)),
        JobsV1Beta3Client(transport=JobsV1Beta3GrpcTransport(channel=channel)),
        MessagesV1Beta3Client(transport=MessagesV1Beta3GrpcTransport(channel=channel)),
    )


class DataflowJobs:
    """Jobs through Google's clients, each change followed until it is over."""

    def __init__(
        self,
        templates: FlexTemplatesServiceClient,
        jobs: JobsV1Beta3Client,
        messages: MessagesV1Beta3Client,
        waiting: Waiting = PATIENT,
    ) -> None:
        self._templates = templates
        self._jobs = jobs
        self._messages = messages
        self._waiting = waiting

    def observe(self, wanted: Wanted[State]) -> Observed[State] | None:
        active = self._active(wanted)
        if not active:
            return None
        job = self._job(wanted, active[0].id)
        return None if job.current_state in _ENDED else _observed(job)  # it may have ended since it was listed

    def create(self, wanted: Wanted[State]) -> None:
        """Raises AlreadyExists where a job of the name is active: one launch, however often this is tried."""
        active = self._active(wanted)
        if active:
            raise AlreadyExists(f"{wanted.full_name} is active already, as {active[0].id}")
        self._settle(wanted, self._launched(wanted))

    def update(self, wanted: Wanted[State], observed: Observed[State], fields: frozenset[str]) -> None:
        state = observed.state.state
        if state in (DRAINING, CANCELLING):
            self._gone(wanted)
            self.create(wanted)
            return
        if state == STARTING:
            self._settle(wanted, observed.handle.id)  # nothing can be updated before it runs
        if fields <= {"state"}:
            return
        newest = self._active(wanted)
        if not newest or newest[0].id != observed.handle.id:
            raise Conflict(f"{wanted.full_name} was updated meanwhile")
        self._settle(wanted, self._launched(wanted, observed.state.labels), observed.handle.id)

    def holding(self, wanted: Wanted[State], going: frozenset[str]) -> Holding | None:
        """What a job that is cancelled has in flight; one that is drained finishes it."""
        return Holding("what is in flight in it, since on_delete is cancel") if _cancels(wanted) else None

    def delete(self, wanted: Wanted[State], data: bool = False) -> None:
        """Returns when all active jobs of the name have ended. Asks no job twice."""
        for job in self._active(wanted):
            if _state(job) in (RUNNING, STARTING):
                self._end(wanted, job)
        self._gone(wanted)

    def _launched(self, wanted: Wanted[State], replaced: Mapping[str, str] | None = None) -> str:
        """The new job's id."""
        project, region, name = _parts(wanted)
        parameter = launches.launch(name, wanted.state, replaced)
        request = {"project_id": project, "location": region, "launch_parameter": parameter}
        answer = self._templates.launch_flex_template(request=request, retry=None, timeout=CALL_TIMEOUT)
        return str(answer.job.id)

    def _settle(self, wanted: Wanted[State], job: str, before: str = "") -> None:
        """Raises OperationFailed where the job ended instead of running."""
        what = f"the start of {wanted.full_name} as {job}"
        self._waiting.until(lambda: _state(self._job(wanted, job)) != STARTING, what)
        state = self._job(wanted, job).current_state
        if state in _ENDED and state != JobState.JOB_STATE_DONE:
            rest = f"; {before} runs on as it was" if before in {each.id for each in self._active(wanted)} else ""
            raise OperationFailed(f"{what} ended as {state.name}, {self._reason(wanted, job)}{rest}")

    def _end(self, wanted: Wanted[State], job: Any) -> None:
        """A job that has not begun has nothing to drain."""
        queued = job.current_state == JobState.JOB_STATE_QUEUED
        state = JobState.JOB_STATE_CANCELLED if queued or _cancels(wanted) else JobState.JOB_STATE_DRAINED
        project, region, _ = _parts(wanted)
        request = {"project_id": project, "location": region, "job_id": job.id, "job": {"requested_state": state}}
        self._jobs.update_job(request=request, retry=None, timeout=CALL_TIMEOUT)

    def _reason(self, wanted: Wanted[State], job: str) -> str:
        """Dataflow's last word on it."""
        project, region, _ = _parts(wanted)
        request = {
            "project_id": project,
            "location": region,
            "job_id": job,
            "minimum_importance": JobMessageImportance.JOB_MESSAGE_ERROR,
        }
        said = [
            one.message_text
            for one in self._messages.list_job_messages(request=request, retry=None, timeout=CALL_TIMEOUT)
        ]
        return said[-1] if said else "no reason given"

    def _gone(self, wanted: Wanted[State]) -> None:
        self._waiting.until(lambda: not self._active(wanted), f"the end of {wanted.full_name}")

    def _active(self, wanted: Wanted[State]) -> list[Any]:
        """Newest first: while a job is updated there are two."""
        project, region, name = _parts(wanted)
        request = {"project_id": project, "location": region, "filter": ListJobsRequest.Filter.ACTIVE, "name": name}
        listed = self._jobs.list_jobs(request=request, retry=None, timeout=CALL_TIMEOUT)
        active = [job for job in listed if job.name == name and job.current_state not in _ENDED]
        return sorted(active, key=lambda job: (job.create_time, job.id), reverse=True)

    def _job(self, wanted: Wanted[State], job: str) -> Any:
        """With its labels, which lists do not have."""
        project, region, _ = _parts(wanted)
        request = {"project_id": project, "location": region, "job_id": job, "view": JobView.JOB_VIEW_DESCRIPTION}
        return self._jobs.get_job(request=request, retry=None, timeout=CALL_TIMEOUT)


def _parts(wanted: Wanted[State]) -> tuple[str, str, str]:
    """Project, region and name."""
    _, project, _, region, _, name = wanted.full_name.split("/")
    return project, region, name


def _cancels(wanted: Wanted[State]) -> bool:
    return wanted.state.on_delete == "cancel"


def _state(job: Any) -> str:
    return "ended" if job.current_state in _ENDED else _STATES.get(job.current_state, STARTING)


def _observed(job: Any) -> Observed[State]:
    labels = dict(job.labels)
    template, parameters, environment = launches.launched(labels)
    return Observed(State(template, parameters, environment, labels, _state(job)), owner_in(labels), job)
