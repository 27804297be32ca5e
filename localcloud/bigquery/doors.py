"""What the REST doors share: reading requests, and pages of lists."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

import orjson
from aiohttp import web

from localcloud.bigquery.errors import invalid
from localcloud.rest import RestService

T = TypeVar("T")
API = "/bigquery/v2/projects/{project}"


class Door(RestService):
    """A part of BigQuery's REST API."""

    short = "bigquery"
    reasons: ClassVar[dict[str, str]] = {  # https://cloud.google.com/bigquery/docs/error-messages
        "UNAVAILABLE": "backendError",
        "INTERNAL": "internalError",
        "RESOURCE_EXHAUSTED": "rateLimitExceeded",
        "PERMISSION_DENIED": "accessDenied",
        "NOT_FOUND": "notFound",
        "ALREADY_EXISTS": "duplicate",
        "INVALID_ARGUMENT": "invalid",
    }


async def body_of(request: web.Request) -> dict[str, Any]:
    """The JSON object that was sent. Raises HttpError for anything else."""
    try:
        body = orjson.loads(await request.read() or b"{}")
    except orjson.JSONDecodeError as error:
        raise invalid(f"Invalid JSON payload received: {error}") from error
    if not isinstance(body, dict):
        raise invalid("Invalid JSON payload received: not an object")
    return body


def answer(resource: dict[str, Any]) -> web.Response:
    return web.Response(body=orjson.dumps(resource), content_type="application/json")


def number(request: web.Request, name: str) -> int | None:
    """A query parameter that is a number, if given."""
    text = request.query.get(name)
    if text is None:
        return None
    if not text.isdigit():
        raise invalid(f"Invalid value for {name}: {text}")
    return int(text)


def first_row(request: web.Request) -> int:
    """Where a page starts: a page token is the number of its first element."""
    token = request.query.get("pageToken")
    if token:
        if not token.isdigit():
            raise invalid(f"Invalid page token: {token}")
        return int(token)
    return number(request, "startIndex") or 0


def page(request: web.Request, key: str, kind: str, items: Sequence[T], show: Callable[[T], Any]) -> web.Response:
    """The part of a list that was asked for."""
    start = first_row(request)
    size = number(request, "maxResults") or len(items)
    resource: dict[str, Any] = {"kind": kind, key: [show(item) for item in items[start : start + size]]}
    if start + size < len(items):
        resource["nextPageToken"] = str(start + size)
    return answer(resource)
