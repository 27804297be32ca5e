"""The door for buckets.

Source: https://cloud.google.com/storage/docs/json_api/v1/buckets
"""

from typing import Any

from aiohttp import web

from localcloud.faults import Faults
from localcloud.policy_doors import asked_version, permitted
from localcloud.rest import RestService, route
from localcloud.storage.buckets import Buckets
from localcloud.storage.conditions import conditions
from localcloud.storage.errors import invalid, required
from localcloud.storage.model import Bucket
from localcloud.storage.multiparts import json_object
from localcloud.storage.paging import page_of
from localcloud.storage.resources import bucket_resource, root_of

PERMISSIONS = {
    *(f"storage.buckets.{verb}" for verb in ("delete", "get", "getIamPolicy", "setIamPolicy", "update")),
    *(f"storage.objects.{verb}" for verb in ("create", "delete", "get", "list", "update")),
}


class BucketRoutes(RestService):
    short = "storage"

    def __init__(self, buckets: Buckets, faults: Faults) -> None:
        super().__init__(faults)
        self._buckets = buckets

    @route("POST", "/storage/v1/b", "buckets.insert")
    async def insert(self, request: web.Request) -> web.Response:
        bucket = self._buckets.create(_project(request), json_object(await request.read()))
        return _answer(bucket, request)

    @route("GET", "/storage/v1/b", "buckets.list")
    async def list_(self, request: web.Request) -> web.Response:
        found = self._buckets.of_project(_project(request), request.query.get("prefix", ""))
        chosen, token = page_of(found, request.query, lambda bucket: bucket.name)
        body: dict[str, Any] = {
            "kind": "storage#buckets",
            "items": [bucket_resource(bucket, root_of(request)) for bucket in chosen],
        }
        return web.json_response(body | ({"nextPageToken": token} if token else {}))

    @route("GET", "/storage/v1/b/{bucket}", "buckets.get")
    async def get(self, request: web.Request) -> web.Response:
        bucket = self._buckets.get(request.match_info["bucket"], conditions(request.query))
        return _answer(bucket, request)

    @route("PATCH", "/storage/v1/b/{bucket}", "buckets.patch")
    async def patch(self, request: web.Request) -> web.Response:
        changes = json_object(await request.read())
        bucket = self._buckets.patch(request.match_info["bucket"], changes, conditions(request.query))
        return _answer(bucket, request)

    @route("PUT", "/storage/v1/b/{bucket}", "buckets.update")
    async def update(self, request: web.Request) -> web.Response:
        resource = json_object(await request.read())
        bucket = self._buckets.update(request.match_info["bucket"], resource, conditions(request.query))
        return _answer(bucket, request)

    @route("DELETE", "/storage/v1/b/{bucket}", "buckets.delete")
    async def delete(self, request: web.Request) -> web.Response:
        self._buckets.delete(request.match_info["bucket"], conditions(request.query))
        return web.Response(status=204)

    @route("POST", "/storage/v1/b/{bucket}/lockRetentionPolicy", "buckets.lockRetentionPolicy")
    async def lock_retention(self, request: web.Request) -> web.Response:
        wanted = conditions(request.query)
        if wanted.metageneration is None:
            raise required("Required parameter: ifMetagenerationMatch")
        return _answer(self._buckets.lock_retention(request.match_info["bucket"], wanted), request)

    @route("GET", "/storage/v1/b/{bucket}/iam", "buckets.getIamPolicy")
    async def get_policy(self, request: web.Request) -> web.Response:
        version = asked_version(request.query.get("optionsRequestedPolicyVersion"))
        return web.json_response(self._buckets.policy(request.match_info["bucket"], version))

    @route("PUT", "/storage/v1/b/{bucket}/iam", "buckets.setIamPolicy")
    async def set_policy(self, request: web.Request) -> web.Response:
        policy = json_object(await request.read())
        return web.json_response(self._buckets.set_policy(request.match_info["bucket"], policy))

    @route("GET", "/storage/v1/b/{bucket}/iam/testPermissions", "buckets.testIamPermissions")
    async def test_permissions(self, request: web.Request) -> web.Response:
        """Everybody may do everything here that no fault takes away."""
        name = self._buckets.get(request.match_info["bucket"]).name
        held = await permitted(self.faults, name, PERMISSIONS, request.query.getall("permissions", []))
        return web.json_response({"kind": "storage#testIamPermissionsResponse", "permissions": held})


def _project(request: web.Request) -> str:
    project = request.query.get("project")
    if not project:
        raise required("Required parameter: project")
    if "/" in project:
        raise invalid(f"Invalid project: {project}")
    return project


def _answer(bucket: Bucket, request: web.Request) -> web.Response:
    return web.json_response(bucket_resource(bucket, root_of(request)))
