"""The door for objects made of other objects: compose, copy, rewrite.

Source: https://cloud.google.com/storage/docs/json_api/v1/objects/compose and …/objects/rewrite
"""

import asyncio
from typing import Any

from aiohttp import web

from localcloud.faults import Faults
from localcloud.rest import RestService, route
from localcloud.storage.conditions import Conditions, conditions, number
from localcloud.storage.contents import Contents, join, pieces
from localcloud.storage.digests import Digests, digests
from localcloud.storage.errors import invalid
from localcloud.storage.model import StoredObject
from localcloud.storage.multiparts import json_object
from localcloud.storage.names import object_name
from localcloud.storage.object_routes import OBJECT
from localcloud.storage.objects import Body, Objects
from localcloud.storage.resources import object_resource, root_of
from localcloud.storage.settings import Json, object_settings

_MOST_SOURCES = 32
_DESTINATION = "b/{to_bucket}/o/{to_object:[^/]+}"


class CopyRoutes(RestService):
    short = "storage"

    def __init__(self, objects: Objects, contents: Contents, faults: Faults) -> None:
        super().__init__(faults)
        self._objects = objects
        self._contents = contents

    @route("POST", OBJECT + "/compose", "objects.compose")
    async def compose(self, request: web.Request) -> web.Response:
        bucket, name = request.match_info["bucket"], object_name(request.match_info["object"])
        body, wanted = json_object(await request.read()), conditions(request.query)
        sources = self._sources(bucket, body.get("sourceObjects", []))
        self._objects.check_insert(bucket, name, wanted)
        settings = object_settings(body.get("destination", {}))
        item = self._objects.insert(bucket, name, await self._joined(sources), settings, wanted)
        return web.json_response(self._resource(item, request))

    @route("POST", OBJECT + "/copyTo/" + _DESTINATION, "objects.copy")
    async def copy(self, request: web.Request) -> web.Response:
        return web.json_response(self._resource(await self._copied(request), request))

    @route("POST", OBJECT + "/rewriteTo/" + _DESTINATION, "objects.rewrite")
    async def rewrite(self, request: web.Request) -> web.Response:
        """Always done in one call."""
        item = await self._copied(request)
        answer = {
            "kind": "storage#rewriteResponse",
            "totalBytesRewritten": str(item.size),
            "objectSize": str(item.size),
            "done": True,
            "resource": self._resource(item, request),
        }
        return web.json_response(answer)

    def _sources(self, bucket: str, asked: list[Json]) -> list[StoredObject]:
        if not 1 <= len(asked) <= _MOST_SOURCES:
            raise invalid(f"The number of source components provided ({len(asked)}) must be 1 to {_MOST_SOURCES}.")
        return [self._source(bucket, source) for source in asked]

    def _source(self, bucket: str, source: Json) -> StoredObject:
        item = self._objects.get(bucket, object_name(source.get("name")), number(source, "generation"))
        wanted = Conditions(generation=number(source.get("objectPreconditions", {}), "ifGenerationMatch"))
        wanted.hold_for(item.generation, item.metageneration)
        return item

    async def _joined(self, sources: list[StoredObject]) -> Body:
        """Copies are joined, so that sources may be deleted meanwhile."""
        copies = [self._contents.copy(source.content) for source in sources]
        key = await asyncio.to_thread(join, self._contents, copies)
        for copy in copies:
            self._contents.drop(copy)
        sums = await asyncio.to_thread(lambda: digests(pieces(self._contents, key)))
        components = sum(source.components or 1 for source in sources)
        return Body(key, self._contents.size(key), Digests(sums.crc32c, None), components)

    async def _copied(self, request: web.Request) -> StoredObject:
        """A copy has its source's settings, or those of the request's body when it has one."""
        resource = json_object(await request.read())
        source = self._objects.get(
            request.match_info["bucket"], request.match_info["object"], number(request.query, "sourceGeneration")
        )
        conditions(request.query, "ifSource").hold_for(source.generation, source.metageneration)
        bucket, name = request.match_info["to_bucket"], object_name(request.match_info["to_object"])
        wanted = conditions(request.query)
        self._objects.check_insert(bucket, name, wanted)
        copy = self._contents.copy(source.content)
        body = Body(copy, source.size, Digests(source.crc32c, source.md5), source.components)
        settings = object_settings(resource) if resource else dict(source.settings)
        return self._objects.insert(bucket, name, body, settings, wanted)

    def _resource(self, item: StoredObject, request: web.Request) -> dict[str, Any]:
        return object_resource(item, self._objects.bucket(item.bucket), root_of(request))
