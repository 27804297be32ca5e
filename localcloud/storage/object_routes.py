"""The door for objects: metadata, listings, downloads, deletes.

Source: https://cloud.google.com/storage/docs/json_api/v1/objects
"""

from typing import Any

from aiohttp import web

from localcloud.faults import Faults
from localcloud.rest import RestService, route
from localcloud.storage.conditions import conditions, flag, number
from localcloud.storage.contents import Contents
from localcloud.storage.downloads import delivery
from localcloud.storage.errors import invalid, unsupported
from localcloud.storage.listing import Listing
from localcloud.storage.model import StoredObject
from localcloud.storage.multiparts import json_object
from localcloud.storage.objects import Objects
from localcloud.storage.paging import limit
from localcloud.storage.resources import object_resource, root_of
from localcloud.storage.serving import served

OBJECT = "/storage/v1/b/{bucket}/o/{object:[^/]+}"


class ObjectRoutes(RestService):
    short = "storage"

    def __init__(self, objects: Objects, contents: Contents, faults: Faults) -> None:
        super().__init__(faults)
        self._objects = objects
        self._contents = contents

    @route("GET", "/storage/v1/b/{bucket}/o", "objects.list")
    async def list_(self, request: web.Request) -> web.Response:
        bucket = self._objects.bucket(request.match_info["bucket"])
        found = self._objects.page(bucket.name, _listing(request), flag(request.query, "versions"))
        root = root_of(request)
        body: dict[str, Any] = {"kind": "storage#objects"}
        if found.items:
            body["items"] = [object_resource(item, bucket, root) for item in found.items]
        if found.folders:
            body["prefixes"] = found.folders
        if found.token:
            body["nextPageToken"] = found.token
        return web.json_response(body)

    @route("GET", OBJECT, "objects.get")
    @route("GET", "/download" + OBJECT, "objects.get")
    async def get(self, request: web.Request) -> web.StreamResponse:
        item = self._objects.get(*_target(request), conditions(request.query))
        if request.query.get("alt") != "media":
            return self._answer(item, request)
        plan = delivery(item, request.headers.get("Range"), request.headers.get("Accept-Encoding", ""))
        return await served(request, plan, self._contents.open(item.content))

    @route("PATCH", OBJECT, "objects.patch")
    async def patch(self, request: web.Request) -> web.Response:
        bucket, name, generation = _target(request)
        changes = json_object(await request.read())
        return self._answer(self._objects.patch(bucket, name, changes, generation, conditions(request.query)), request)

    @route("PUT", OBJECT, "objects.update")
    async def update(self, request: web.Request) -> web.Response:
        bucket, name, generation = _target(request)
        resource = json_object(await request.read())
        return self._answer(
            self._objects.update(bucket, name, resource, generation, conditions(request.query)), request
        )

    @route("DELETE", OBJECT, "objects.delete")
    async def delete(self, request: web.Request) -> web.Response:
        self._objects.delete(*_target(request), conditions(request.query))
        return web.Response(status=204)

    def _answer(self, item: StoredObject, request: web.Request) -> web.Response:
        bucket = self._objects.bucket(item.bucket)
        return web.json_response(object_resource(item, bucket, root_of(request)))


def _target(request: web.Request) -> tuple[str, str, int | None]:
    return request.match_info["bucket"], request.match_info["object"], number(request.query, "generation")


def _listing(request: web.Request) -> Listing:
    query = request.query
    if flag(query, "softDeleted"):
        raise unsupported("listing soft-deleted objects")
    if query.get("matchGlob") and query.get("delimiter", "/") not in ("", "/"):
        raise invalid("With matchGlob, delimiter must be left out or be '/'.")
    return Listing(
        prefix=query.get("prefix", ""),
        delimiter=query.get("delimiter", ""),
        start=query.get("startOffset", ""),
        end=query.get("endOffset", ""),
        match=query.get("matchGlob", ""),
        folder_objects=flag(query, "includeTrailingDelimiter"),
        limit=limit(query),
        token=query.get("pageToken", ""),
    )
