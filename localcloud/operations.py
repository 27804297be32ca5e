"""Long-running operations, of every service that has them: the one door google.longrunning.Operations.

    operation = self._operations.begin(parent, Call("run.CreateService", name), metadata, finish)

An operation is answered at once, unfinished. Then `finish` is awaited: what it returns is the operation's response, an
RpcError its error. Faults strike this second half by the name of the call and `.finish`: `delay` makes the operation
take that long, `hang` keeps it unfinished until the fault is taken away, `fail` lets Google give up.

Source: https://cloud.google.com/service-infrastructure/docs/service-management/reference/rpc/google.longrunning
"""

import asyncio
import itertools
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import grpc
from google.longrunning import operations_pb2
from google.protobuf.empty_pb2 import Empty

from localcloud.faults import Call, Faults, Struck
from localcloud.paging import page
from localcloud.rest import RestService
from localcloud.rpc import RpcError, RpcService, failed_precondition, not_found, refused, unary

LARGEST_PAGE = 1_000

Finish = Callable[[], Awaitable[Any]]


class Operations(RpcService):
    """Operations in memory, the newest last, and the work that they are still about."""

    service = "google.longrunning.Operations"
    short = "longrunning"

    def __init__(self, faults: Faults) -> None:
        super().__init__(faults)
        self._known: dict[str, Any] = {}
        self._numbers = itertools.count(1)
        self._working: set[asyncio.Task[None]] = set()

    def begin(
        self, parent: str, call: Call, metadata: Any, finish: Finish, gave_up: Callable[[], None] = lambda: None
    ) -> Any:
        """Below `parent`, `projects/P/locations/L` or the like. What is returned is a copy: it stays unfinished.

        `gave_up` is called where it ends with an error.
        """
        name = f"{parent}/operations/{uuid.uuid4().hex[:8]}-{next(self._numbers)}"
        operation = operations_pb2.Operation(name=name)
        operation.metadata.Pack(metadata)
        self._known[name] = operation
        task = asyncio.create_task(self._finished(operation, call, finish, gave_up), name=name)
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        return _copy(operation)

    @unary(operations_pb2.GetOperationRequest)
    async def GetOperation(self, request: Any) -> Any:
        return self._operation(request.name)

    @unary(operations_pb2.ListOperationsRequest)
    async def ListOperations(self, request: Any) -> Any:
        if request.filter:
            raise RpcError(grpc.StatusCode.UNIMPLEMENTED, "localcloud does not support filter in ListOperations.")
        below = [each for name, each in self._known.items() if name.startswith(f"{request.name}/operations/")]
        shown, token = page(below, request, LARGEST_PAGE)
        return operations_pb2.ListOperationsResponse(operations=shown, next_page_token=token)

    @unary(operations_pb2.DeleteOperationRequest)
    async def DeleteOperation(self, request: Any) -> Any:
        if not self._operation(request.name).done:
            raise failed_precondition(f"Operation {request.name} is still running.")
        del self._known[request.name]
        return Empty()

    CancelOperation = refused("google.longrunning.Operations.CancelOperation")
    WaitOperation = refused("google.longrunning.Operations.WaitOperation")

    def rpcs(self) -> Sequence[RpcService]:
        return [self]

    def rests(self) -> Sequence[RestService]:
        return []

    async def run(self) -> None:
        return None

    def close(self) -> None:
        for task in self._working:
            task.cancel()

    def _operation(self, name: str) -> Any:
        if name not in self._known:
            raise not_found(f"Operation {name} was not found.")
        return self._known[name]

    async def _finished(self, operation: Any, call: Call, finish: Finish, gave_up: Callable[[], None]) -> None:
        try:
            await self.faults.before(Call(f"{call.method}.finish", call.resource, call.body))
            operation.response.Pack(await finish())
        except RpcError as error:
            operation.error.code, operation.error.message = error.code.value[0], error.message
        except Struck as struck:
            operation.error.code = grpc.StatusCode[struck.fault.code].value[0]
            operation.error.message = struck.fault.message
        if operation.HasField("error"):
            gave_up()
        operation.done = True


def at_once(answer: Any) -> Finish:
    """The second half of what changes nothing."""

    async def finish() -> Any:
        return answer

    return finish


def _copy(operation: Any) -> Any:
    copied = operations_pb2.Operation()
    copied.CopyFrom(operation)
    return copied
