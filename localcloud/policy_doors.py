"""What REST doors for IAM policies share: `:getIamPolicy`, `:setIamPolicy` and `:testIamPermissions` by POST.

Source: https://cloud.google.com/resource-manager/reference/rest/v3/projects/getIamPolicy
"""

from collections.abc import Collection, Iterable
from typing import Any

import orjson
from aiohttp import web

from localcloud.faults import Faults
from localcloud.iam import Policies, held, json_of, policy_of
from localcloud.rest import HTTP_STATUS, HttpError
from localcloud.rpc import RpcError, invalid_argument


async def got(policies: Policies, resource: Any, request: web.Request) -> web.Response:
    options = (await _body(request)).get("options") or {}
    version = options.get("requestedPolicyVersion") or request.query.get("options.requestedPolicyVersion")
    wanted = asked_version(None if version is None else str(version))
    return _told(lambda: policies.get(resource, wanted))


async def put(policies: Policies, resource: Any, request: web.Request) -> web.Response:
    body = await _body(request)
    if body.get("updateMask"):
        raise HttpError(501, "notImplemented", "localcloud does not support setIamPolicy with updateMask")
    return _told(lambda: policies.put(resource, policy_of(body.get("policy"))))


async def tested(faults: Faults, name: str, known: Collection[str], request: web.Request) -> web.Response:
    permissions = await permitted(faults, name, known, (await _body(request)).get("permissions") or [])
    return web.json_response({"permissions": permissions} if permissions else {})


async def permitted(faults: Faults, name: str, known: Collection[str], asked: Iterable[str]) -> list[str]:
    try:
        return await held(faults, name, asked, known)
    except RpcError as error:
        raise _http(error) from error


def asked_version(text: str | None) -> int:
    """Raises HttpError."""
    if text is not None and not text.isdigit():
        raise _http(invalid_argument(f"Invalid value for the requested policy version: {text}"))
    return int(text or 0)


def _told(answer: Any) -> web.Response:
    try:
        return web.json_response(json_of(answer()))
    except RpcError as error:
        raise _http(error) from error


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        body = orjson.loads(await request.read() or b"{}")
    except orjson.JSONDecodeError as error:
        raise _http(invalid_argument(f"Invalid JSON payload received: {error}")) from error
    if not isinstance(body, dict):
        raise _http(invalid_argument("Invalid JSON payload received: not an object"))
    return body


def _http(error: RpcError) -> HttpError:
    return HttpError(HTTP_STATUS[error.code.name], error.code.name.lower(), error.message)
