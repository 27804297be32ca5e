"""The doors of Dataflow: launching Flex Templates, and jobs."""

import re
from collections.abc import Callable
from typing import Any

from localcloud.dataflow.jobs import Jobs, active_state
from localcloud.dataflow.messages import (
    ERROR,
    GetJobRequest,
    Job,
    JobMessage,
    JobView,
    LaunchFlexTemplateRequest,
    LaunchFlexTemplateResponse,
    ListJobMessagesRequest,
    ListJobMessagesResponse,
    ListJobsRequest,
    ListJobsResponse,
    UpdateJobRequest,
)
from localcloud.faults import Faults
from localcloud.paging import page
from localcloud.rpc import RpcService, invalid_argument, refused, unary, unsupported

LARGEST_PAGE = 1_000

_NAME = re.compile(r"[a-z]([-a-z0-9]{0,1022}[a-z0-9])?", re.ASCII)
_OBJECT = re.compile(r"gs://[^/\s]+/\S+")
_LABEL_KEY, _LABEL = re.compile(r"[a-z][a-z0-9_-]{0,62}"), re.compile(r"[a-z0-9_-]{0,63}")
_FILTERS: dict[int, Callable[[Any], bool]] = {
    ListJobsRequest.UNKNOWN: lambda job: True,
    ListJobsRequest.ALL: lambda job: True,
    ListJobsRequest.TERMINATED: lambda job: not active_state(job),
    ListJobsRequest.ACTIVE: active_state,
}
_DETAILS = ("labels", "environment", "transform_name_mapping")  # of what lists and summaries leave out


class FlexTemplatesService(RpcService):
    service = "google.dataflow.v1beta3.FlexTemplatesService"
    short = "dataflow"

    def __init__(self, faults: Faults, jobs: Jobs) -> None:
        super().__init__(faults)
        self._jobs = jobs

    @unary(LaunchFlexTemplateRequest)
    async def LaunchFlexTemplate(self, request: Any) -> Any:
        _check_launch(request)
        if request.validate_only:
            return LaunchFlexTemplateResponse()
        job = self._jobs.launch(request.project_id, request.location, request.launch_parameter)
        return LaunchFlexTemplateResponse(job=_summary(job))


class JobsService(RpcService):
    service = "google.dataflow.v1beta3.JobsV1Beta3"
    short = "dataflow"

    def __init__(self, faults: Faults, jobs: Jobs) -> None:
        super().__init__(faults)
        self._jobs = jobs

    @unary(GetJobRequest)
    async def GetJob(self, request: Any) -> Any:
        job = self._jobs.found(request.project_id, request.location, request.job_id)
        detailed = request.view in (JobView.JOB_VIEW_DESCRIPTION, JobView.JOB_VIEW_ALL)
        return job if detailed else _summary(job)

    @unary(ListJobsRequest)
    async def ListJobs(self, request: Any) -> Any:
        """Of one region; summaries only."""
        return self._listed(request, request.location)

    @unary(ListJobsRequest)
    async def AggregatedListJobs(self, request: Any) -> Any:
        """Of all regions."""
        return self._listed(request, "-")

    @unary(UpdateJobRequest)
    async def UpdateJob(self, request: Any) -> Any:
        if request.update_mask.paths:
            raise unsupported("update_mask in UpdateJob")
        job = self._jobs.found(request.project_id, request.location, request.job_id)
        self._jobs.end(job, request.job.requested_state)
        return _summary(job)

    CreateJob = refused("google.dataflow.v1beta3.JobsV1Beta3.CreateJob")
    CheckActiveJobs = refused("google.dataflow.v1beta3.JobsV1Beta3.CheckActiveJobs")
    SnapshotJob = refused("google.dataflow.v1beta3.JobsV1Beta3.SnapshotJob")

    def _listed(self, request: Any, region: str) -> Any:
        if not request.project_id:
            raise invalid_argument("project_id is missing.")
        wanted = _FILTERS[request.filter]
        found = [
            job for job in self._jobs.of(request.project_id, region) if wanted(job) and request.name in ("", job.name)
        ]
        shown, token = page(found, request, LARGEST_PAGE)
        return ListJobsResponse(jobs=[_summary(job) for job in shown], next_page_token=token)


class MessagesService(RpcService):
    service = "google.dataflow.v1beta3.MessagesV1Beta3"
    short = "dataflow"

    def __init__(self, faults: Faults, jobs: Jobs) -> None:
        super().__init__(faults)
        self._jobs = jobs

    @unary(ListJobMessagesRequest)
    async def ListJobMessages(self, request: Any) -> Any:
        """Why a job failed; nothing else is told here."""
        job = self._jobs.found(request.project_id, request.location, request.job_id)
        text = self._jobs.message(job)
        said = [JobMessage(time=job.current_state_time, message_text=text, message_importance=ERROR)] if text else []
        return ListJobMessagesResponse(job_messages=said)


def _check_launch(request: Any) -> None:
    """Raises INVALID_ARGUMENT with everything that is wrong."""
    launch = request.launch_parameter
    wrong = [f"{name} is missing." for name in ("project_id", "location") if not getattr(request, name)]
    if not _NAME.fullmatch(launch.job_name):
        wrong.append(f"job_name: {launch.job_name!r} must match [a-z]([-a-z0-9]{{0,1022}}[a-z0-9])?.")
    if launch.HasField("container_spec"):
        raise unsupported("container_spec in LaunchFlexTemplate: write it to Cloud Storage")
    if not _OBJECT.fullmatch(launch.container_spec_gcs_path):
        wrong.append("container_spec_gcs_path must be the gs:// address of an object.")
    environment = launch.environment
    places = ("temp_location", "staging_location")
    astray = [field for field in places if not (getattr(environment, field) or "gs://").startswith("gs://")]
    wrong += [f"environment.{field} must begin with gs://." for field in astray]
    if not 0 <= environment.max_workers <= 4_000 or not 0 <= environment.num_workers <= 4_000:
        wrong.append("environment: num_workers and max_workers must be at most 4000.")
    labels = environment.additional_user_labels
    if len(labels) > 64 or not all(_LABEL_KEY.fullmatch(key) and _LABEL.fullmatch(labels[key]) for key in labels):
        wrong.append("environment.additional_user_labels: at most 64, of lower-case letters, digits, '_' and '-'.")
    if wrong:
        raise invalid_argument(" ".join(wrong))


def _summary(job: Any) -> Any:
    shown = Job()
    shown.CopyFrom(job)
    for field in _DETAILS:
        shown.ClearField(field)
    return shown
