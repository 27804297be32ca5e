"""Projects, as far as their policies go: Resource Manager v3. Every project exists.

Source: https://cloud.google.com/resource-manager/reference/rest/v3
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
OF_PROJECTS = {  # and of the permissions on what is in a project, those that are granted on it
    *(f"resourcemanager.projects.{verb}" for verb in ("get", "getIamPolicy", "setIamPolicy", "update")),
    *(f"datastore.entities.{verb}" for verb in ("create", "delete", "get", "list", "update")),
    *(f"pubsub.subscriptions.{verb}" for verb in ("consume", "create", "delete")),
    "bigquery.jobs.create",
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
        message = f"localcloud's Resource Manager does not support {request.method} {request.path}"
        raise HttpError(501, "notImplemented", message)


class Projects:
    """Policies are in memory only."""

    def __init__(self, faults: Faults) -> None:
        self._rests = [ProjectRoutes(faults)]

    def rpcs(self) -> Sequence[RpcService]:
        return []

    def rests(self) -> Sequence[RestService]:
        return self._rests

    async def run(self) -> None:
        return None

    def close(self) -> None:
        return None
