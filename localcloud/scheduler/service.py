"""Cloud Scheduler on one machine: jobs are kept in memory, and run when they are told to; their schedules are not kept.

Source: https://cloud.google.com/scheduler/docs/reference/rpc/google.cloud.scheduler.v1
"""

from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf.empty_pb2 import Empty

from localcloud.clock import Clock
from localcloud.faults import Faults
from localcloud.paging import page
from localcloud.rest import RestService
from localcloud.rpc import RpcService, already_exists, failed_precondition, not_found, refused, unary
from localcloud.scheduler import checks, messages
from localcloud.scheduler.attempts import Attempts
from localcloud.scheduler.messages import Job, State

LARGEST_PAGE = 500
_NAME = "google.cloud.scheduler.v1.CloudScheduler"


class CloudScheduler(RpcService):
    service = _NAME
    short = "cloudscheduler"

    def __init__(self, faults: Faults, clock: Clock, attempts: Attempts) -> None:
        super().__init__(faults)
        self._clock = clock
        self._attempts = attempts
        self._jobs: dict[str, Any] = {}

    @unary(messages.CreateJobRequest)
    async def CreateJob(self, request: Any) -> Any:
        checks.check_parent(request.parent)
        checks.check_name(request.job.name, request.parent)
        if request.job.name in self._jobs:
            raise already_exists(f"Job {request.job.name} already exists.")
        job = checks.complete(request.job)
        job.state = State.ENABLED
        return self._kept(job)

    @unary(messages.GetJobRequest)
    async def GetJob(self, request: Any) -> Any:
        return self._job(request.name)

    @unary(messages.ListJobsRequest)
    async def ListJobs(self, request: Any) -> Any:
        checks.check_parent(request.parent)
        found = [job for name, job in sorted(self._jobs.items()) if name.startswith(f"{request.parent}/jobs/")]
        shown, token = page(found, request, LARGEST_PAGE)
        return messages.ListJobsResponse(jobs=shown, next_page_token=token)

    @unary(messages.UpdateJobRequest)
    async def UpdateJob(self, request: Any) -> Any:
        return self._kept(checks.changed(self._job(request.job.name), request))

    @unary(messages.DeleteJobRequest)
    async def DeleteJob(self, request: Any) -> Any:
        self._job(request.name)
        del self._jobs[request.name]
        return Empty()

    @unary(messages.PauseJobRequest)
    async def PauseJob(self, request: Any) -> Any:
        return self._moved(request.name, State.ENABLED, State.PAUSED)

    @unary(messages.ResumeJobRequest)
    async def ResumeJob(self, request: Any) -> Any:
        return self._moved(request.name, State.PAUSED, State.ENABLED)

    @unary(messages.RunJobRequest)
    async def RunJob(self, request: Any) -> Any:
        """One attempt, awaited; what came of it is the job's `status`. It is not tried again."""
        began, status = self._clock.time_ns(), await self._attempts.make(self._job(request.name))
        job = self._job(request.name)
        job.last_attempt_time.FromNanoseconds(began)
        job.status.CopyFrom(status)
        return job

    GetCmekConfig = refused(f"{_NAME}.GetCmekConfig")
    UpdateCmekConfig = refused(f"{_NAME}.UpdateCmekConfig")

    def _job(self, name: str) -> Any:
        checks.check_name(name)
        if name not in self._jobs:
            raise not_found(f"Job not found: {name}")
        return self._jobs[name]

    def _kept(self, job: Any) -> Any:
        job.user_update_time.FromNanoseconds(self._clock.time_ns())
        self._jobs[job.name] = job
        return job

    def _moved(self, name: str, before: State, after: State) -> Any:
        job = self._job(name)
        if job.state != before:
            raise failed_precondition(f"Job {name} is {State(job.state).name}, not {before.name}.")
        changed = Job()
        changed.CopyFrom(job)
        changed.state = after
        self._jobs[name] = changed
        return changed


class Scheduler:
    """`address` tells where gRPC answers here, for jobs that publish."""

    def __init__(self, clock: Clock, faults: Faults, address: Callable[[], str]) -> None:
        self._rpcs = [CloudScheduler(faults, clock, Attempts(address))]

    def rpcs(self) -> Sequence[RpcService]:
        return self._rpcs

    def rests(self) -> Sequence[RestService]:
        return []

    async def run(self) -> None:
        return None

    def close(self) -> None:
        return None
