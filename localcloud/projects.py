"""Projects, as far as their policies go: Resource Manager v3, and of IAM v1 the policies of service accounts.

Every project exists, and every service account. Sources: https://cloud.google.com/resource-manager/reference/rest/v3
and https://cloud.google.com/iam/docs/reference/rest
"""

from collections.abc import Sequence

from aiohttp import web

from localcloud import policy_doors
from localcloud.faults import Faults
from localcloud.iam import Policies
from localcloud.rest import HttpError, RestService, route
from localcloud.rpc import RpcService
from localcloud.storage.resources import project_number

PROJECT = "/v3/projects/{project:[^/:]+}"
ACCOUNT = "/v1/projects/{project:[^/:]+}/serviceAccounts/{account:[^/:]+}"
OF_PROJECTS = {  # and of the permissions on what is in a project, those that are granted on it
    *(f"resourcemanager.projects.{verb}" for verb in ("get", "getIamPolicy", "setIamPolicy", "update")),
    *(f"datastore.entities.{verb}" for verb in ("create", "delete", "get", "list", "update")),
    *(f"pubsub.subscriptions.{verb}" for verb in ("consume", "create", "delete")),
    "bigquery.jobs.create",
}
OF_ACCOUNTS = {
    f"iam.serviceAccounts.{verb}" for verb in ("actAs", "get", "getAccessToken", "getIamPolicy", "setIamPolicy")
}


class ProjectRoutes(RestService):
    short = "resourcemanager"

    def __init__(self, faults: Faults) -> None:
        super().__init__(faults)
        self._policies = Policies(named=True)

    @route("GET", PROJECT, "projects.get")
    async def get(self, request: web.Request) -> web.Response:
        project = request.match_info["project"]
        number = f"projects/{project_number(project)}"
        return web.json_response({"name": number, "projectId": project, "state": "ACTIVE"})

    @route("POST", f"{PROJECT}:getIamPolicy", "projects.getIamPolicy")
    async def get_policy(self, request: web.Request) -> web.Response:
        return await policy_doors.got(self._policies, request.match_info["project"], request)

    @route("POST", f"{PROJECT}:setIamPolicy", "projects.setIamPolicy")
    async def set_policy(self, request: web.Request) -> web.Response:
        return await policy_doors.put(self._policies, request.match_info["project"], request)

    @route("POST", f"{PROJECT}:testIamPermissions", "projects.testIamPermissions")
    async def test_permissions(self, request: web.Request) -> web.Response:
        return await policy_doors.tested(self.faults, f"projects/{request.match_info['project']}", OF_PROJECTS, request)

    @route("*", "/v3/{rest:.*}", "unsupported")
    async def refuse(self, request: web.Request) -> web.Response:
        raise _unsupported("Resource Manager", request)


class ServiceAccountRoutes(RestService):
    short = "iam"

    def __init__(self, faults: Faults) -> None:
        super().__init__(faults)
        self._policies = Policies(named=True)

    @route("POST", f"{ACCOUNT}:getIamPolicy", "serviceAccounts.getIamPolicy")
    async def get_policy(self, request: web.Request) -> web.Response:
        return await policy_doors.got(self._policies, request.match_info["account"], request)

    @route("POST", f"{ACCOUNT}:setIamPolicy", "serviceAccounts.setIamPolicy")
    async def set_policy(self, request: web.Request) -> web.Response:
        return await policy_doors.put(self._policies, request.match_info["account"], request)

    @route("POST", f"{ACCOUNT}:testIamPermissions", "serviceAccounts.testIamPermissions")
    async def test_permissions(self, request: web.Request) -> web.Response:
        return await policy_doors.tested(self.faults, request.match_info["account"], OF_ACCOUNTS, request)

    @route("*", "/v1/{rest:.*}", "unsupported")
    async def refuse(self, request: web.Request) -> web.Response:
        raise _unsupported("IAM", request)


class Projects:
    """Policies are in memory only."""

    def __init__(self, faults: Faults) -> None:
        self._rests = [ProjectRoutes(faults), ServiceAccountRoutes(faults)]

    def rpcs(self) -> Sequence[RpcService]:
        return []

    def rests(self) -> Sequence[RestService]:
        return self._rests

    async def run(self) -> None:
        return None

    def close(self) -> None:
        return None


def _unsupported(service: str, request: web.Request) -> HttpError:
    return HttpError(501, "notImplemented", f"localcloud's {service} does not support {request.method} {request.path}")
