"""Jobs: kept, never run. Source: https://cloud.google.com/run/docs/reference/rpc/google.cloud.run.v2"""

from collections.abc import Awaitable, Callable
from typing import Any

from localcloud.clock import Clock
from localcloud.faults import Call, Faults
from localcloud.masks import own_fields, replace
from localcloud.operations import Operations, at_once
from localcloud.paging import page
from localcloud.rpc import already_exists, unary
from localcloud.run import messages
from localcloud.run.checks import check_job, fill_job, place
from localcloud.run.entities import CALLER, LARGEST_PAGE, Shelf, check_etag, default_account
from localcloud.run.executions import Executions
from localcloud.run.messages import RECONCILING, SUCCEEDED, condition_of

OUTPUT_ONLY = (
    "name", "uid", "generation", "create_time", "update_time", "delete_time", "expire_time", "creator",
    "last_modifier", "observed_generation", "terminal_condition", "conditions", "execution_count",
    "latest_created_execution", "reconciling", "satisfies_pzs", "etag",
)  # fmt: skip
SETTABLE = own_fields(messages.Job, OUTPUT_ONLY)


class Jobs(Shelf):
    service = "google.cloud.run.v2.Jobs"
    permissions = frozenset(
        f"run.jobs.{verb}" for verb in ("get", "update", "delete", "run", "getIamPolicy", "setIamPolicy")
    )

    def __init__(self, faults: Faults, clock: Clock, operations: Operations, executions: Executions) -> None:
        super().__init__(faults, clock)
        self._operations = operations
        self._executions = executions

    @unary(messages.CreateJobRequest)
    async def CreateJob(self, request: Any) -> Any:
        place(request.parent)
        name = f"{request.parent}/jobs/{request.job_id}"
        if name in self.kept:
            raise already_exists(f"Resource '{request.job_id}' already exists.")
        job = messages.Job()
        replace(job, request.job, None, SETTABLE)
        _check(job, name)
        self.begun(job, name)
        return self._reconcile("run.CreateJob", job, request.validate_only)

    @unary(messages.GetJobRequest)
    async def GetJob(self, request: Any) -> Any:
        return self.found(request.name)

    @unary(messages.ListJobsRequest)
    async def ListJobs(self, request: Any) -> Any:
        place(request.parent)
        shown, token = page(self.below(request.parent, "jobs"), request, LARGEST_PAGE)
        return messages.ListJobsResponse(jobs=shown, next_page_token=token)

    @unary(messages.UpdateJobRequest)
    async def UpdateJob(self, request: Any) -> Any:
        name = request.job.name
        if name not in self.kept and request.allow_missing:
            parent, _, job_id = name.partition("/jobs/")
            create = {"parent": parent, "job_id": job_id, "job": request.job, "validate_only": request.validate_only}
            return await self.CreateJob(messages.CreateJobRequest(**create))
        live = self.found(name)
        check_etag(live, request.job.etag)
        job = messages.Job()
        job.CopyFrom(live)
        replace(job, request.job, None, SETTABLE)
        _check(job, name)
        job.generation += 1
        job.last_modifier = CALLER
        self.touched(job)
        return self._reconcile("run.UpdateJob", job, request.validate_only)

    @unary(messages.DeleteJobRequest)
    async def DeleteJob(self, request: Any) -> Any:
        """With its executions, those that run included."""
        job = self.found(request.name)
        check_etag(job, request.etag)

        async def gone() -> Any:
            if not request.validate_only and self.kept.pop(request.name, None) is not None:
                self._executions.forget(request.name)
            return job

        return self._begin("run.DeleteJob", job, gone)

    @unary(messages.RunJobRequest)
    async def RunJob(self, request: Any) -> Any:
        """The operation is over when the execution is."""
        job = self.found(request.name)
        check_etag(job, request.etag)
        execution = self._executions.make(job, request.overrides)
        parent, call = job.name.partition("/jobs/")[0], Call("run.RunJob", job.name)
        if request.validate_only:
            return self._operations.begin(parent, call, execution, at_once(execution))
        self._executions.kept[execution.name] = execution
        reference = job.latest_created_execution
        reference.name = execution.name.rpartition("/")[2]
        reference.create_time.CopyFrom(execution.create_time)
        reference.completion_status = messages.ExecutionReference.EXECUTION_RUNNING
        job.execution_count += 1

        async def over() -> Any:
            await self._executions.complete(execution)
            if reference.name == execution.name.rpartition("/")[2]:
                reference.completion_status = self._executions.status(execution)
                reference.completion_time.CopyFrom(execution.completion_time)
            return execution

        return self._operations.begin(parent, call, execution, over)

    def _reconcile(self, call: str, job: Any, validate_only: bool) -> Any:
        if not validate_only:
            job.reconciling = True
            job.terminal_condition.CopyFrom(condition_of("Ready", RECONCILING, self.clock.time_ns()))
            self.kept[job.name] = job

        async def reconciled() -> Any:
            job.reconciling, job.observed_generation = False, job.generation
            job.terminal_condition.CopyFrom(condition_of("Ready", SUCCEEDED, self.clock.time_ns()))
            return job

        return self._begin(call, job, reconciled)

    def _begin(self, call: str, job: Any, finish: Callable[[], Awaitable[Any]]) -> Any:
        parent = job.name.partition("/jobs/")[0]
        return self._operations.begin(parent, Call(call, job.name, job.SerializeToString), job, finish)


def _check(job: Any, name: str) -> None:
    """Complete and right, or INVALID_ARGUMENT."""
    check_job(name.rpartition("/")[2], job)
    fill_job(job, default_account(name.split("/")[1]))
