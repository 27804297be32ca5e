"""The door for uploads, in one request or resumable.

Source: https://cloud.google.com/storage/docs/uploads-downloads#uploads
"""

import asyncio
from collections.abc import Mapping
from typing import Any
from weakref import WeakValueDictionary

from aiohttp import web

from localcloud.faults import Faults
from localcloud.rest import HttpError, RestService, route
from localcloud.storage.conditions import conditions, number
from localcloud.storage.contents import Contents, new_key, pieces
from localcloud.storage.digests import digests, header_claims, resource_claims
from localcloud.storage.errors import invalid, required
from localcloud.storage.model import StoredObject, Upload
from localcloud.storage.multiparts import json_object, multipart
from localcloud.storage.names import object_name
from localcloud.storage.objects import Body, Objects
from localcloud.storage.resources import object_resource, root_of
from localcloud.storage.settings import Json, object_settings, uniform_access
from localcloud.storage.uploads import Uploads, part

PATH = "/upload/storage/v1/b/{bucket}/o"
_INLINE = 256 << 10  # bytes that are hashed and written sooner than a thread is found


class UploadRoutes(RestService):
    short = "storage"

    def __init__(self, objects: Objects, uploads: Uploads, contents: Contents, faults: Faults) -> None:
        super().__init__(faults)
        self._objects = objects
        self._uploads = uploads
        self._contents = contents
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @route("POST", PATH, "objects.insert")
    async def insert(self, request: web.Request) -> web.Response:
        _check_access(request, self._objects)
        kinds = {"media": self._media, "multipart": self._multipart, "resumable": self._resumable}
        kind = kinds.get(request.query.get("uploadType", ""))
        if kind is None:
            raise invalid("uploadType must be one of media, multipart, resumable")
        return await kind(request)

    @route("PUT", PATH, "objects.insertPart")
    async def add_part(self, request: web.Request) -> web.Response:
        """One part of a resumable upload, or the question how far it is."""
        key = _upload_id(request)
        async with self._locks.setdefault(key, asyncio.Lock()):
            upload = self._uploads.get(key)
            if upload.generation is not None:
                return self._answer(self._finished(upload, upload.generation), request)
            data = await request.read()
            if not self._uploads.add(upload, data, part(request.headers.get("Content-Range"), len(data))):
                return self._progress(upload)
            item = await self._finish(upload, header_claims(request.headers))
            return self._answer(item, request)

    @route("DELETE", PATH, "objects.cancelUpload")
    async def cancel(self, request: web.Request) -> web.Response:
        self._uploads.give_up(self._uploads.get(_upload_id(request)))
        return web.Response(status=499)

    async def _media(self, request: web.Request) -> web.Response:
        settings = _settings(request, {}, request.headers.get("Content-Type", ""))
        name = object_name(request.query.get("name"))
        return await self._insert(request, name, await request.read(), settings, header_claims(request.headers))

    async def _multipart(self, request: web.Request) -> web.Response:
        found = multipart(request.headers.get("Content-Type", ""), await request.read())
        settings = _settings(request, found.resource, found.content_type)
        name = object_name(request.query.get("name") or found.resource.get("name"))
        claims = header_claims(request.headers) | resource_claims(found.resource)
        return await self._insert(request, name, found.data, settings, claims)

    async def _resumable(self, request: web.Request) -> web.Response:
        resource = json_object(await request.read())
        upload = self._uploads.begin(
            request.match_info["bucket"],
            object_name(request.query.get("name") or resource.get("name")),
            _settings(request, resource, request.headers.get("X-Upload-Content-Type", "")),
            header_claims(request.headers) | resource_claims(resource),
            request.query,
            number(request.headers, "X-Upload-Content-Length"),
        )
        location = request.url.with_query({"uploadType": "resumable", "upload_id": upload.id})
        return web.Response(headers={"Location": str(location), "X-GUploader-UploadID": upload.id})

    async def _insert(
        self, request: web.Request, name: str, data: bytes, settings: Json, claims: dict[str, str]
    ) -> web.Response:
        bucket, wanted = request.match_info["bucket"], conditions(request.query)
        self._objects.check_insert(bucket, name, wanted)
        if len(data) <= _INLINE:
            body = self._stored(data, claims)
        else:
            body = await asyncio.to_thread(self._stored, data, claims)
        return self._answer(self._objects.insert(bucket, name, body, settings, wanted), request)

    def _stored(self, data: bytes, claims: dict[str, str]) -> Body:
        sums = digests([data])
        sums.prove(claims)
        key = new_key()
        self._contents.append(key, data)
        return Body(key, len(data), sums)

    async def _finish(self, upload: Upload, claims: dict[str, str]) -> StoredObject:
        """A whole upload either becomes its object or ends here."""
        self._contents.append(upload.content, b"")  # an empty object has bytes too, though none was sent
        sums = await asyncio.to_thread(lambda: digests(pieces(self._contents, upload.content)))
        body = Body(upload.content, self._uploads.received(upload), sums)
        wanted = conditions(upload.conditions)
        try:
            sums.prove(upload.claims | claims)
            return self._objects.insert(upload.bucket, upload.name, body, upload.settings, wanted, upload)
        except HttpError:
            self._uploads.give_up(upload)
            raise

    def _finished(self, upload: Upload, generation: int) -> StoredObject:
        return self._objects.get(upload.bucket, upload.name, generation)

    def _progress(self, upload: Upload) -> web.Response:
        received = self._uploads.received(upload)
        return web.Response(status=308, headers={"Range": f"bytes=0-{received - 1}"} if received else {})

    def _answer(self, item: StoredObject, request: web.Request) -> web.Response:
        return web.json_response(object_resource(item, self._objects.bucket(item.bucket), root_of(request)))


def _check_access(request: web.Request, objects: Objects) -> None:
    bucket = objects.bucket(request.match_info["bucket"])
    if "predefinedAcl" in request.query and uniform_access(bucket.settings):
        raise invalid("Cannot insert legacy ACL for an object when uniform bucket-level access is enabled.")


def _upload_id(request: web.Request) -> str:
    key = request.query.get("upload_id")
    if not key:
        raise required("Required parameter: upload_id")
    return key


def _settings(request: web.Request, resource: Mapping[str, Any], content_type: str) -> Json:
    """What the resource says, else the headers and query."""
    settings = {"contentType": content_type or "application/octet-stream"}
    if "contentEncoding" in request.query:
        settings["contentEncoding"] = request.query["contentEncoding"]
    return settings | object_settings(resource)
