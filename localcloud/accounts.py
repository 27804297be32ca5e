"""Service accounts: of IAM v1 what makes, changes and deletes them, and their policies. In memory.

A policy may be read and written also of an account that was never made here: its project may be another's. Source:
https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts
"""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from aiohttp import web

from localcloud import policy_doors
from localcloud.faults import Faults
from localcloud.iam import Policies
from localcloud.rest import HttpError, RestService, route
from localcloud.rpc import RpcService

LARGEST_PAGE = 100
ANY_PROJECT = "-"
COLLECTION = "/v1/projects/{project:[^/:]+}/serviceAccounts"
ACCOUNT = COLLECTION + "/{account:[^/:]+}"
PERMISSIONS = {
    f"iam.serviceAccounts.{verb}"
    for verb in ("actAs", "delete", "disable", "enable", "get", "getAccessToken", "getIamPolicy", "setIamPolicy")
}
_ID = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
_FIELDS = {"displayName": 100, "description": 256}  # and how many bytes they take


@dataclass(frozen=True, slots=True)
class Account:
    """`number` stays the same for the life of the account, and is never another's."""

    project: str
    identifier: str
    number: str
    display_name: str = ""
    description: str = ""
    disabled: bool = False

    @property
    def email(self) -> str:
        return f"{self.identifier}@{self.project}.iam.gserviceaccount.com"

    def to_json(self) -> dict[str, Any]:
        found = {
            "name": f"projects/{self.project}/serviceAccounts/{self.email}",
            "projectId": self.project,
            "uniqueId": self.number,
            "email": self.email,
            "displayName": self.display_name,
            "description": self.description,
            "oauth2ClientId": self.number,
            "disabled": self.disabled,
        }
        return {key: value for key, value in found.items() if value}


class AccountRoutes(RestService):
    short = "iam"

    def __init__(self, faults: Faults) -> None:
        super().__init__(faults)
        self._policies = Policies(named=True)
        self._accounts: dict[str, Account] = {}  # by number
        self._deleted: dict[str, Account] = {}
        self._numbers = itertools.count(10**20 + 1)

    @route("POST", COLLECTION, "serviceAccounts.create")
    async def create(self, request: web.Request) -> web.Response:
        body = await _body(request, "accountId", "serviceAccount")
        project, identifier = request.match_info["project"], body.get("accountId", "")
        if not isinstance(identifier, str) or not _ID.fullmatch(identifier):
            raise _invalid(f"Service account id {identifier!r} must be 6-30 lower-case letters, digits and '-'.")
        account = Account(project, identifier, str(next(self._numbers)))
        account = _described(account, body.get("serviceAccount", {}), _FIELDS)
        if any(each.email == account.email for each in self._accounts.values()):
            raise HttpError(409, "alreadyExists", f"Service account {identifier} already exists within {project}.")
        self._accounts[account.number] = account
        return web.json_response(account.to_json())

    @route("GET", COLLECTION, "serviceAccounts.list")
    async def list_all(self, request: web.Request) -> web.Response:
        size, token = request.query.get("pageSize", "0"), request.query.get("pageToken", "0")
        if not (size.isdecimal() and token.isdecimal()):
            raise _invalid("The page size or the page token is not valid.")
        found = [each for each in self._accounts.values() if each.project == request.match_info["project"]]
        start, end = int(token), int(token) + min(int(size) or LARGEST_PAGE, LARGEST_PAGE)
        answer: dict[str, Any] = {"accounts": [each.to_json() for each in found[start:end]]}
        return web.json_response(answer | ({"nextPageToken": str(end)} if end < len(found) else {}))

    @route("GET", ACCOUNT, "serviceAccounts.get")
    async def get(self, request: web.Request) -> web.Response:
        return web.json_response(self._found(request).to_json())

    @route("PATCH", ACCOUNT, "serviceAccounts.patch")
    async def patch(self, request: web.Request) -> web.Response:
        body = await _body(request, "serviceAccount", "updateMask")
        mask = [path for path in str(body.get("updateMask") or "").split(",") if path]
        wrong = set(mask) - set(_FIELDS)
        if wrong or not mask:
            raise _invalid(f"updateMask must name some of {', '.join(_FIELDS)}, not {', '.join(wrong) or 'nothing'}.")
        return self._kept(_described(self._found(request), body.get("serviceAccount", {}), mask))

    @route("DELETE", ACCOUNT, "serviceAccounts.delete")
    async def delete(self, request: web.Request) -> web.Response:
        account = self._found(request)
        self._deleted[account.number] = self._accounts.pop(account.number)
        return web.json_response({})

    @route("POST", f"{ACCOUNT}:undelete", "serviceAccounts.undelete")
    async def undelete(self, request: web.Request) -> web.Response:
        """By its number, while nobody has its e-mail address."""
        account = self._deleted.get(request.match_info["account"])
        if account is None:
            raise _missing(request)
        if any(each.email == account.email for each in self._accounts.values()):
            raise HttpError(400, "failedPrecondition", f"Service account {account.email} exists again.")
        self._accounts[account.number] = self._deleted.pop(account.number)
        return web.json_response({"restoredAccount": account.to_json()})

    @route("POST", f"{ACCOUNT}:enable", "serviceAccounts.enable")
    async def enable(self, request: web.Request) -> web.Response:
        self._kept(replace(self._found(request), disabled=False))
        return web.json_response({})

    @route("POST", f"{ACCOUNT}:disable", "serviceAccounts.disable")
    async def disable(self, request: web.Request) -> web.Response:
        self._kept(replace(self._found(request), disabled=True))
        return web.json_response({})

    @route("POST", f"{ACCOUNT}:getIamPolicy", "serviceAccounts.getIamPolicy")
    async def get_policy(self, request: web.Request) -> web.Response:
        return await policy_doors.got(self._policies, self._policed(request), request)

    @route("POST", f"{ACCOUNT}:setIamPolicy", "serviceAccounts.setIamPolicy")
    async def set_policy(self, request: web.Request) -> web.Response:
        return await policy_doors.put(self._policies, self._policed(request), request)

    @route("POST", f"{ACCOUNT}:testIamPermissions", "serviceAccounts.testIamPermissions")
    async def test_permissions(self, request: web.Request) -> web.Response:
        return await policy_doors.tested(self.faults, request.match_info["account"], PERMISSIONS, request)

    @route("*", "/v1/{rest:.*}", "unsupported")
    async def refuse(self, request: web.Request) -> web.Response:
        raise HttpError(501, "notImplemented", f"localcloud's IAM does not support {request.method} {request.path}")

    def _found(self, request: web.Request) -> Account:
        account = self._known(request)
        if account is None:
            raise _missing(request)
        return account

    def _known(self, request: web.Request) -> Account | None:
        """By its e-mail address or its number."""
        project, named = request.match_info["project"], request.match_info["account"]
        for account in self._accounts.values():
            if project in (account.project, ANY_PROJECT) and named in (account.email, account.number):
                return account
        return None

    def _policed(self, request: web.Request) -> str:
        """What has the policy: a deleted account takes it along."""
        account = self._known(request)
        return account.number if account else request.match_info["account"]

    def _kept(self, account: Account) -> web.Response:
        self._accounts[account.number] = account
        return web.json_response(account.to_json())


class Accounts:
    """Service accounts are in memory only."""

    def __init__(self, faults: Faults) -> None:
        self._rests = [AccountRoutes(faults)]

    def rpcs(self) -> Sequence[RpcService]:
        return []

    def rests(self) -> Sequence[RestService]:
        return self._rests

    async def run(self) -> None:
        return None

    def close(self) -> None:
        return None


def _described(account: Account, wanted: Any, fields: Any) -> Account:
    if not isinstance(wanted, dict):
        raise _invalid("Invalid JSON payload received: serviceAccount is no object.")
    values = {field: wanted.get(field, "") for field in fields}
    for field, value in values.items():
        if not isinstance(value, str) or len(value.encode()) > _FIELDS[field]:
            raise _invalid(f"{field} must be text of at most {_FIELDS[field]} bytes.")
    return replace(
        account,
        display_name=values.get("displayName", account.display_name),
        description=values.get("description", account.description),
    )


async def _body(request: web.Request, *known: str) -> dict[str, Any]:
    try:
        body = orjson.loads(await request.read() or b"{}")
    except orjson.JSONDecodeError as error:
        raise _invalid(f"Invalid JSON payload received: {error}") from error
    if not isinstance(body, dict):
        raise _invalid("Invalid JSON payload received: not an object")
    unknown = set(body) - set(known)
    if unknown:
        raise _invalid(f"Invalid JSON payload received. Unknown name {sorted(unknown)[0]!r}.")
    return body


def _invalid(message: str) -> HttpError:
    return HttpError(400, "badRequest", message)


def _missing(request: web.Request) -> HttpError:
    """Of the wildcard project IAM does not tell what is not there."""
    named = request.match_info["account"]
    if request.match_info["project"] == ANY_PROJECT:
        return HttpError(403, "forbidden", f"Permission denied on service account {named} (or it may not exist).")
    return HttpError(404, "notFound", f"Unknown service account: {named}")
