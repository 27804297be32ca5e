"""Every error as RFC 9457 tells it, `application/problem+json`, with nothing in it that a caller should not know."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import Response
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.exceptions import HTTPException

from director.errors import Busy, DirectorError, Moved, Rejected, Superseded, Unavailable, Unknown
from director.operations.model import Cancelled, Fault, NoSuchPart, Reused
from director.renewal import ReadOnly
from director.safety.audit import AuditUnavailable
from director.safety.authentication import Unauthenticated
from director.safety.authorization import NotPermitted
from director.safety.certificates import KeysUnreachable
from director.strict import printable
from director.versions.version import Conflict

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:iot-dataflows:problem:"
NOT_FOUND = "nothing here under this address; check the names in it"
WHO_ARE_YOU = "say who you are: Authorization: Bearer, with a token made out to this director"

log = logging.getLogger(__name__)


class Mistake(BaseModel):
    """One thing to change in a request; `pointer` is a JSON pointer into the body, or a parameter's name."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    pointer: str
    message: str


class Problem(BaseModel):
    """`code` is for programs, `message` for people (`detail` is the same, where RFC 9457 has it)."""

    model_config = ConfigDict(frozen=True)  # members of its own: changes, resources, problems, moved, operation
    type: str
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    code: str
    message: str
    request_id: str
    problems: tuple[Mistake, ...] = ()


class BadInput(DirectorError):
    """A request that cannot be understood; every reason at once."""

    def __init__(self, mistakes: Sequence[Mistake], status: int = 400, code: str = "bad_request") -> None:
        super().__init__("; ".join(f"{one.pointer}: {one.message}" if one.pointer else one.message for one in mistakes))
        self.mistakes = tuple(mistakes)
        self.status, self.code = status, code


class TooFast(DirectorError):
    """More requests than one identity gets. `seconds` until the next is taken."""

    def __init__(self, seconds: float) -> None:
        super().__init__("too many requests; come back after Retry-After seconds")
        self.seconds = seconds


class NotAsWanted(DirectorError):
    """A no with details for programs."""

    def __init__(self, status: int, code: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.status, self.code, self.details = status, code, details


class Told:
    """What a caller is told of an error."""

    def __init__(self, status: int, code: str, message: str, **details: Any) -> None:
        self.status, self.code, self.message = status, code, message
        self.details: Mapping[str, Any] = details
        self.headers: dict[str, str] = {}

    def after(self, seconds: float) -> "Told":
        self.headers["Retry-After"] = str(max(1, round(seconds + 0.5)))
        return self


def _unauthenticated(error: Unauthenticated) -> Told:
    told = Told(401, "unauthenticated", WHO_ARE_YOU)
    told.headers["WWW-Authenticate"] = 'Bearer realm="director"'
    return told


def _busy(error: Busy) -> Told:
    if error.expires is None:
        return Told(409, "busy", str(error))
    return Told(409, "busy", str(error), holder=error.holder, expires=error.expires.isoformat()).after(error.seconds)


def _conflict(error: Conflict) -> Told:
    current = error.current.number if error.current else 0
    return Told(412, "conflict", str(error), expected=error.expected, current=current, moved=list(error.moved))


def _cloud(error: Unavailable) -> Told:
    return Told(503, "cloud_unavailable", "Google's services do not answer now; try again").after(5)


def _unreachable(error: KeysUnreachable) -> Told:
    return Told(503, "keys_unreachable", "tokens cannot be checked now; try again").after(10)


def _audit(error: AuditUnavailable) -> Told:
    return Told(
        503, "audit_unavailable", "nothing is changed while it cannot be recorded; see the director's log"
    ).after(30)


def _bad_input(error: BadInput) -> Told:
    problems = [one.model_dump() for one in error.mistakes]
    return Told(error.status, error.code, str(error), problems=problems)


def _no_such_part(error: NoSuchPart) -> Told:
    return Told(404, "no_such_part", str(error), problems=[Mistake(pointer="", message=str(error)).model_dump()])


_TOLD: dict[type[DirectorError], Callable[[Any], Told]] = {
    Unknown: lambda error: Told(404, "not_found", NOT_FOUND),
    NotPermitted: lambda error: Told(403, "forbidden", str(error)),
    Unauthenticated: _unauthenticated,
    TooFast: lambda error: Told(429, "too_many_requests", str(error)).after(error.seconds),
    BadInput: _bad_input,
    NoSuchPart: _no_such_part,
    NotAsWanted: lambda error: Told(error.status, error.code, str(error), **error.details),
    Busy: _busy,
    Conflict: _conflict,
    ReadOnly: lambda error: Told(409, "read_only", str(error)),
    Moved: lambda error: Told(409, "moved", str(error), moved=list(error.moved)),
    Superseded: lambda error: Told(409, "superseded", str(error)),
    Cancelled: lambda error: Told(409, "cancelled", str(error)),
    Reused: lambda error: Told(409, "idempotency_key_reused", str(error)),
    KeysUnreachable: _unreachable,
    AuditUnavailable: _audit,
    Unavailable: _cloud,
    Rejected: lambda error: Told(502, "cloud_refused", str(error)),
}
_CODES = {
    400: "bad_request", 403: "forbidden", 404: "not_found", 405: "method_not_allowed", 413: "too_large",
    415: "unsupported_media_type",
}  # fmt: skip


def told(error: Exception, request_id: str) -> Told:
    """The nearest class decides. What nobody foresaw is a bug: logged whole, told without a word of it."""
    if isinstance(error, HTTPException):
        return _of_http(error)
    for kind in type(error).__mro__:
        if kind in _TOLD:
            found = _TOLD[kind](error)
            if found.status >= 500 or isinstance(error, Unauthenticated):
                log.warning("request %s: %s", request_id, printable(str(error)))
            return found
    log.error("request %s failed", request_id, exc_info=error)
    return Told(500, "internal", "an error of the director itself; its log has the request id")


def fault(error: Exception, request_id: str) -> Fault:
    """The same for an operation."""
    found = told(error, request_id)
    passing = found.status == 503 or found.code == "busy"
    return Fault(
        status=found.status, code=found.code, message=found.message, passing=passing, details=dict(found.details)
    )


def response(found: Told, request_id: str) -> Response:
    body = {
        "type": TYPE + found.code,
        "title": found.code.replace("_", " "),
        "status": found.status,
        "detail": found.message,
        "code": found.code,
        "message": found.message,
        "request_id": request_id,
        **found.details,
    }
    answer = Response(json.dumps(body), found.status, content_type=MEDIA_TYPE)
    answer.headers.update(found.headers)
    return answer


def _of_http(error: HTTPException) -> Told:
    status = error.code or 500
    message = NOT_FOUND if status == 404 else str(error.description)
    found = Told(status, _CODES.get(status, "error"), message)
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            found.headers[name] = value
    return found
