"""gRPC services from plain classes: Google's own message types, no generated servicers.

A class names its service; a method marked `unary`, `server_stream` or `bidi` is an RPC of that name:

    class Publisher(RpcService):
        service = "google.pubsub.v1.Publisher"
        short = "pubsub"

        @unary(Topic)
        async def CreateTopic(self, request): ...

An RPC answers with a message or with bytes already encoded as one.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import grpc

from localcloud.faults import Call, Faults, Struck

RAW = bytes  # a request type: the handler gets the request as it came


class RpcError(Exception):
    """Ends a call with a status; `trailers` is metadata sent with it, such as `grpc-status-details-bin`."""

    def __init__(self, code: grpc.StatusCode, message: str, trailers: tuple[tuple[str, bytes], ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.trailers = trailers


def not_found(message: str) -> RpcError:
    return RpcError(grpc.StatusCode.NOT_FOUND, message)


def already_exists(message: str) -> RpcError:
    return RpcError(grpc.StatusCode.ALREADY_EXISTS, message)


def invalid_argument(message: str) -> RpcError:
    return RpcError(grpc.StatusCode.INVALID_ARGUMENT, message)


def failed_precondition(message: str) -> RpcError:
    return RpcError(grpc.StatusCode.FAILED_PRECONDITION, message)


def unsupported(what: str) -> RpcError:
    return RpcError(grpc.StatusCode.UNIMPLEMENTED, f"localcloud does not support {what}.")


def pb(proto_plus_type: Any) -> Any:
    """The protobuf class behind a proto-plus type."""
    return type(proto_plus_type.pb(proto_plus_type()))


@dataclass(frozen=True, slots=True)
class _Rpc:
    kind: Literal["unary", "server_stream", "bidi"]
    request_type: Any


def _marker(kind: Literal["unary", "server_stream", "bidi"], request_type: Any) -> Callable[[Any], Any]:
    def mark(method: Any) -> Any:
        method.rpc = _Rpc(kind, request_type)
        return method

    return mark


def unary(request_type: Any) -> Callable[[Any], Any]:
    """`async def Name(self, request) -> response`."""
    return _marker("unary", request_type)


def refused(name: str) -> Any:
    """A unary RPC that only says, by name, that it is not there; else the answer is a bare "Method not found!"."""

    async def refuse(self: Any, request: bytes) -> Any:
        raise unsupported(name)

    return unary(RAW)(refuse)


def server_stream(request_type: Any) -> Callable[[Any], Any]:
    """`async def Name(self, request)` yielding responses."""
    return _marker("server_stream", request_type)


def bidi(request_type: Any) -> Callable[[Any], Any]:
    """`async def Name(self, requests)` yielding responses.

    Faults on `Name.open` strike at the first request; those on later requests are the method's to ask for.
    """
    return _marker("bidi", request_type)


class RpcService:
    """Base of a gRPC service: its full name and the short one that faults use (`pubsub.Publish`)."""

    service: ClassVar[str]
    short: ClassVar[str]

    def __init__(self, faults: Faults) -> None:
        self.faults = faults

    def handler(self) -> "grpc.GenericRpcHandler[Any, Any]":
        table = {name: self._method(name, rpc) for name, rpc in self._rpcs()}
        return grpc.method_handlers_generic_handler(self.service, table)

    def _rpcs(self) -> Iterable[tuple[str, _Rpc]]:
        for name in dir(type(self)):
            rpc = getattr(getattr(type(self), name), "rpc", None)
            if isinstance(rpc, _Rpc):
                yield name, rpc

    def _method(self, name: str, rpc: _Rpc) -> "grpc.RpcMethodHandler[Any, Any]":
        method = getattr(self, name)
        label = f"{self.short}.{name}"
        decode = None if rpc.request_type is RAW else rpc.request_type.FromString
        if rpc.kind == "unary":
            return grpc.unary_unary_rpc_method_handler(self._unary(method, label), decode, _encode)
        if rpc.kind == "server_stream":
            return grpc.unary_stream_rpc_method_handler(self._server_stream(method, label), decode, _encode)
        return grpc.stream_stream_rpc_method_handler(self._bidi(method, label), decode, _encode)

    def _unary(self, method: Any, label: str) -> Any:
        async def handle(request: Any, context: Any) -> Any:
            call = _call(label, request)
            try:
                await self.faults.before(call)
                response = await method(request)
                await self.faults.after(call)
                return response
            except (RpcError, Struck) as error:
                await context.abort(*_status(error))

        return handle

    def _server_stream(self, method: Any, label: str) -> Any:
        async def handle(request: Any, context: Any) -> AsyncIterator[Any]:
            call = _call(label, request)
            try:
                await self.faults.before(call)
                async for response in method(request):
                    yield response
                await self.faults.after(call)
            except (RpcError, Struck) as error:
                await context.abort(*_status(error))

        return handle

    def _bidi(self, method: Any, label: str) -> Any:
        async def handle(requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
            try:
                first = await anext(aiter(requests), None)
                if first is None:  # opened and closed without a word
                    return
                await self.faults.before(_call(f"{label}.open", first))
                async for response in method(_with_first(first, requests)):
                    yield response
            except (RpcError, Struck) as error:
                await context.abort(*_status(error))

        return handle


async def _with_first(first: Any, rest: AsyncIterator[Any]) -> AsyncIterator[Any]:
    yield first
    async for request in rest:
        yield request


def _encode(response: Any) -> bytes:
    return response if type(response) is bytes else response.SerializeToString()


RESOURCE_FIELDS = (
    "topic", "subscription", "name", "write_stream", "parent", "database", "resource", "service", "job_id", "job",
    "alert_policy", "notification_channel",
)  # fmt: skip


def resource_of(request: Any) -> str:
    """The resource a request is about, from the first naming field that is set."""
    for field in RESOURCE_FIELDS:
        value = getattr(request, field, None)
        if value:
            return value if isinstance(value, str) else str(getattr(value, "name", ""))
    return ""


def _call(label: str, request: Any) -> Call:
    if isinstance(request, bytes):
        return Call(label, "", lambda: request)
    return Call(label, resource_of(request), request.SerializeToString)


def _status(error: RpcError | Struck) -> tuple[grpc.StatusCode, str, tuple[tuple[str, bytes], ...]]:
    if isinstance(error, RpcError):
        return error.code, error.message, error.trailers
    if error.fault.action == "reset":  # what a client sees of a connection cut under its call
        return grpc.StatusCode.UNAVAILABLE, "Connection reset by peer", ()
    return grpc.StatusCode[error.fault.code], error.fault.message, ()
