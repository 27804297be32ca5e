"""The way in, the same for every route: who are you, may you, what do you want; then the route, then the answer."""

import re
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flask import Request, Response, request
from pydantic import BaseModel

from director.errors import Unknown
from director.rest.bodies import body_of, query_of
from director.rest.problems import TooFast, told
from director.rest.route import Call, Parts, Reply, Route, Stream, etag_of
from director.safety.authentication import NOBODY_ASKED, Identity, Unauthenticated
from director.safety.authorization import NotPermitted

_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_ROUTE, _STARTED = "director.route", "director.started"
_CONDITIONS = ("REQUEST_METHOD", "HTTP_IF_NONE_MATCH")


def request_id() -> str:
    """The caller's own id of the request where it is a sane one, else ours."""
    found: str | None = request.environ.get("director.request_id")
    if found is None:
        given = request.headers.get("X-Request-Id", "")
        found = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        request.environ["director.request_id"] = found
        request.environ[_STARTED] = time.monotonic()
    return found


def view(route: Route, parts: Parts) -> Callable[..., Response]:
    """The function Flask calls for the route."""

    def answered(**arguments: str) -> Response:
        request.environ[_ROUTE] = route.name
        reply = _let_in(route, parts, arguments)
        return _response(route, reply)

    return answered


def measured(parts: Parts, response: Response) -> None:
    """Counts the answer; what takes long to stream is counted when it begins."""
    seconds = time.monotonic() - request.environ.get(_STARTED, time.monotonic())
    parts.figures.answered(request.environ.get(_ROUTE, "none"), response.status_code, seconds)


def _let_in(route: Route, parts: Parts, arguments: dict[str, str]) -> Reply:
    call = Call(parts, NOBODY_ASKED, request_id(), arguments, None, None, request.headers)
    if route.action != "open":
        call = replace(call, identity=_identity(route, parts))
        _authorize(route, call)
    query = query_of(request.args, route.query)
    body = body_of(request, route.takes, route.largest) if route.takes else None
    call = replace(call, query=query, body=body)
    return _recorded(route, call) if route.changes else route.endpoint(call)


def _identity(route: Route, parts: Parts) -> Identity:
    """Raises Unauthenticated or TooFast: per identity, and per address for those who fail to have one."""
    try:
        found = parts.authenticator.identify(request.headers.get("Authorization"))
    except Unauthenticated as error:
        wait = parts.refusals.take(_address(request))
        if wait:
            raise TooFast(wait) from error
        parts.audit.refusal("", "", _address(request), route.action, request_id(), result="unauthenticated")
        raise
    wait = 0.0 if found is NOBODY_ASKED else parts.limits.take(found.name)
    if wait:
        raise TooFast(wait)
    return found


def _authorize(route: Route, call: Call) -> None:
    """An operation belongs to its dataflow: whose that is not, for them there is no such operation."""
    dataflow, service = call.arguments.get("dataflow"), call.arguments.get("service")
    operation = call.arguments.get("operation")
    if operation is not None:
        dataflow = call.parts.operations.find(operation).dataflow
    authorization = call.parts.authorization
    try:
        if operation is not None and not authorization.may(call.identity, "see_operations", str(dataflow)):
            raise Unknown("not theirs to see")
        authorization.authorize(call.identity, route.action, dataflow, service)
    except (NotPermitted, Unknown) as error:
        call.parts.audit.refusal(
            call.identity.name, call.identity.way, _address(request), route.action, call.request_id,
            dataflow=dataflow, service=service, result=told(error, call.request_id).code,
        )  # fmt: skip
        raise


def _recorded(route: Route, call: Call) -> Reply:
    """The intent before, the outcome after; an operation that was begun records its own."""
    facts = {"dataflow": call.arguments.get("dataflow"), "operation": call.arguments.get("operation")}
    if call.body is not None:
        facts |= {name: getattr(call.body, name, None) for name in ("service", "resource", "plan_hash")}
    trail = call.parts.audit.intent(call.identity, _address(request), route.action, call.request_id, **facts)
    try:
        reply = route.endpoint(replace(call, trail=trail))
    except Exception as error:
        if not trail.handed_over:
            trail.end(told(error, call.request_id).code)
        raise
    if not trail.handed_over:
        trail.end("done")
    return reply


def _response(route: Route, reply: Reply) -> Response:
    content: Any = reply.content
    if isinstance(content, BaseModel):
        content = content.model_dump_json()
        media_type = "application/json"
    else:
        media_type = route.answer if isinstance(route.answer, str) else "application/json"
    if isinstance(content, Stream) and request.method == "HEAD":
        content.close()
        content = ""
    response = Response(content, reply.status, content_type=media_type)
    response.headers.update(reply.headers)
    if route.etag:
        if "ETag" not in reply.headers:
            response.set_etag(etag_of(content))
        asked = {name: request.environ[name] for name in _CONDITIONS if name in request.environ}
        response.make_conditional(asked)  # If-Match of a GET has no meaning here
    return response


def _address(asked: Request) -> str:
    return asked.remote_addr or ""
