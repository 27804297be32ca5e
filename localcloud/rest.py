"""REST services from plain classes, with the error body Google's clients expect.

class Objects(RestService):
    short = "storage"

    @route("GET", "/storage/v1/b/{bucket}/o/{object}", "objects.get")
    async def get(self, request): ...
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

from aiohttp import web

from localcloud.faults import Call, Faults, Struck

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HTTP_STATUS = {  # google.rpc.Code to HTTP, as documented in google/rpc/code.proto
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "UNAUTHENTICATED": 401,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 500,
}


class HttpError(Exception):
    """Ends a request with a status and Google's JSON error body."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message

    def response(self) -> web.Response:
        detail = {"domain": "global", "reason": self.reason, "message": self.message}
        return web.json_response(
            {"error": {"code": self.status, "message": self.message, "errors": [detail]}}, status=self.status
        )


def route(method: str, path: str, name: str) -> Callable[[Any], Any]:
    """Marks a method as the handler of `method path`, called `name` by faults."""

    def mark(handler: Any) -> Any:
        handler.routes = [*getattr(handler, "routes", []), (method, path, name)]
        return handler

    return mark


class RestService:
    """Base of a REST service; `short` is what faults call it (`storage.objects.insert`).

    `reasons` is what its errors call a gRPC code, where clients decide by the reason whether to try again.
    """

    short: ClassVar[str]
    reasons: ClassVar[Mapping[str, str]] = {}

    def __init__(self, faults: Faults) -> None:
        self.faults = faults

    def add_to(self, app: web.Application) -> None:
        for attribute in dir(type(self)):
            for method, path, name in getattr(getattr(type(self), attribute), "routes", []):
                app.router.add_route(method, path, self._guarded(getattr(self, attribute), f"{self.short}.{name}"))

    def _guarded(self, handler: Handler, label: str) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            body = await request.read()  # the router's limit holds; faults look for markers in it
            call = Call(label, request.path, lambda: body)
            try:
                await self.faults.before(call)
                response = await handler(request)
                await self.faults.after(call)
                return response
            except HttpError as error:
                return error.response()
            except Struck as struck:
                return _struck(request, struck, self.reasons)

        return handle


def _struck(request: web.Request, struck: Struck, reasons: Mapping[str, str]) -> web.Response:
    fault = struck.fault
    if fault.action == "reset" and request.transport is not None:
        request.transport.abort()
    reason = reasons.get(fault.code, fault.code.lower())
    return HttpError(HTTP_STATUS[fault.code], reason, fault.message).response()
