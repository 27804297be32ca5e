"""Executions of jobs. Nothing is run: each is over at once and has succeeded, unless faults say otherwise.

Faults on `run.executions.complete` are asked as if that were a method on the execution: `hang` keeps it running until
the fault is taken away, `fail` lets all its tasks fail.
"""

from typing import Any

from google.longrunning.operations_pb2 import Operation

from localcloud.clock import Clock
from localcloud.faults import Call, Faults, Struck
from localcloud.operations import Operations
from localcloud.paging import page
from localcloud.rpc import failed_precondition, unary, unsupported
from localcloud.run import messages
from localcloud.run.entities import LARGEST_PAGE, Shelf, check_etag
from localcloud.run.messages import FAILED, RECONCILING, SUCCEEDED, Condition, ExecutionReference, condition_of
from localcloud.run.revisions import letters


class Executions(Shelf):
    service = "google.cloud.run.v2.Executions"
    permissions = frozenset(f"run.executions.{verb}" for verb in ("get", "cancel", "delete"))

    def __init__(self, faults: Faults, clock: Clock, operations: Operations) -> None:
        super().__init__(faults, clock)
        self._operations = operations

    def make(self, job: Any, overrides: Any) -> Any:
        """A running one, not kept yet. Raises UNIMPLEMENTED for what a caller changes in the containers."""
        if overrides.container_overrides:
            raise unsupported("container_overrides in RunJob")
        execution = messages.Execution()
        short, number = job.name.rpartition("/")[2], job.execution_count + 1
        self.begun(execution, f"{job.name}/executions/{short}-{letters(job.uid + str(number))}{number}")
        execution.job, execution.parallelism = short, job.template.parallelism
        execution.template.CopyFrom(job.template.template)
        if overrides.HasField("timeout"):
            execution.template.timeout.CopyFrom(overrides.timeout)
        execution.task_count = overrides.task_count or job.template.task_count
        execution.running_count, execution.reconciling = execution.task_count, True
        execution.start_time.CopyFrom(execution.create_time)
        execution.conditions.append(condition_of("Completed", RECONCILING, self.clock.time_ns()))
        return execution

    async def complete(self, execution: Any) -> None:
        try:
            await self.faults.before(Call("run.executions.complete", execution.name, execution.SerializeToString))
        except Struck as struck:
            self._end(execution, FAILED, struck.fault.message, execution_reason=Condition.NON_ZERO_EXIT_CODE)
        else:
            self._end(execution, SUCCEEDED)

    def status(self, execution: Any) -> int:
        """As its job tells it."""
        if execution.reconciling:
            return int(ExecutionReference.EXECUTION_RUNNING)
        if execution.cancelled_count:
            return int(ExecutionReference.EXECUTION_CANCELLED)
        failed = execution.failed_count > 0
        return int(ExecutionReference.EXECUTION_FAILED if failed else ExecutionReference.EXECUTION_SUCCEEDED)

    def forget(self, job: str) -> None:
        for name in [name for name in self.kept if name.startswith(f"{job}/")]:
            del self.kept[name]

    @unary(messages.GetExecutionRequest)
    async def GetExecution(self, request: Any) -> Any:
        return self.found(request.name)

    @unary(messages.ListExecutionsRequest)
    async def ListExecutions(self, request: Any) -> Any:
        shown, token = page(self.below(request.parent, "executions"), request, LARGEST_PAGE)
        return messages.ListExecutionsResponse(executions=shown, next_page_token=token)

    @unary(messages.CancelExecutionRequest)
    async def CancelExecution(self, request: Any) -> Any:
        execution = self.found(request.name)
        check_etag(execution, request.etag)
        if not execution.reconciling:
            raise failed_precondition(f"Execution {request.name} is over already.")

        async def cancelled() -> Any:
            if not request.validate_only:
                self._end(execution, FAILED, "Cancelled.", execution_reason=Condition.CANCELLED)
            return execution

        return self._begin("run.CancelExecution", execution, cancelled)

    @unary(messages.DeleteExecutionRequest)
    async def DeleteExecution(self, request: Any) -> Any:
        execution = self.found(request.name)
        check_etag(execution, request.etag)

        async def gone() -> Any:
            if not request.validate_only:
                self.kept.pop(request.name, None)
            return execution

        return self._begin("run.DeleteExecution", execution, gone)

    def _end(self, execution: Any, state: int, message: str = "", **reason: int) -> None:
        """Once: what was cancelled meanwhile stays so."""
        if not execution.reconciling:
            return
        now, tasks = self.clock.time_ns(), execution.running_count
        execution.reconciling, execution.running_count = False, 0
        cancelled = reason.get("execution_reason") == Condition.CANCELLED
        execution.succeeded_count = tasks if state == SUCCEEDED else 0
        execution.cancelled_count = tasks if cancelled else 0
        execution.failed_count = tasks if state == FAILED and not cancelled else 0
        execution.completion_time.FromNanoseconds(now)
        del execution.conditions[:]
        execution.conditions.append(condition_of("Completed", state, now, message, **reason))

    def _begin(self, call: str, execution: Any, finish: Any) -> Operation:
        parent = execution.name.partition("/jobs/")[0]
        return self._operations.begin(parent, Call(call, execution.name), execution, finish)
