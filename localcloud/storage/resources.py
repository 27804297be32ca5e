"""Buckets and objects as the JSON API shows them.

Source: https://cloud.google.com/storage/docs/json_api/v1/buckets#resource and …/objects#resource
"""

import base64
import zlib
from typing import Any
from urllib.parse import quote

from aiohttp import web

from localcloud.storage.model import Bucket, StoredObject
from localcloud.storage.settings import location_type, retention_period
from localcloud.storage.times import rfc3339


def etag(generation: int, metageneration: int) -> str:
    return base64.b64encode(f"{generation}/{metageneration}".encode()).decode()


def project_number(project: str) -> str:
    """Always the same number for the same project."""
    return str(100_000_000_000 + zlib.crc32(project.encode()))


def root_of(request: web.Request) -> str:
    """The address of this server as the caller knows it, such as `http://127.0.0.1:4443`."""
    return f"{request.scheme}://{request.host}"


def bucket_resource(bucket: Bucket, root: str) -> dict[str, Any]:
    return {
        "kind": "storage#bucket",
        "id": bucket.name,
        "selfLink": f"{root}/storage/v1/b/{bucket.name}",
        "projectNumber": project_number(bucket.project),
        "name": bucket.name,
        "metageneration": str(bucket.metageneration),
        "timeCreated": rfc3339(bucket.created),
        "updated": rfc3339(bucket.updated),
        "locationType": location_type(bucket.settings["location"]),
        "etag": etag(0, bucket.metageneration),
        **bucket.settings,
    }


def object_resource(item: StoredObject, bucket: Bucket, root: str) -> dict[str, Any]:
    path = f"/b/{item.bucket}/o/{quote(item.name, safe='')}"
    resource = {
        "kind": "storage#object",
        "id": f"{item.bucket}/{item.name}/{item.generation}",
        "selfLink": f"{root}/storage/v1{path}",
        "mediaLink": f"{root}/download/storage/v1{path}?generation={item.generation}&alt=media",
        "name": item.name,
        "bucket": item.bucket,
        "generation": str(item.generation),
        "metageneration": str(item.metageneration),
        "size": str(item.size),
        "crc32c": item.crc32c,
        "etag": etag(item.generation, item.metageneration),
        "timeCreated": rfc3339(item.created),
        "updated": rfc3339(item.updated),
        "timeStorageClassUpdated": rfc3339(item.created),
        "timeFinalized": rfc3339(item.created),
        **item.settings,
    }
    if item.md5:
        resource["md5Hash"] = item.md5
    if item.components:
        resource["componentCount"] = item.components
    if item.deleted is not None:
        resource["timeDeleted"] = rfc3339(item.deleted)
    period = retention_period(bucket.settings)
    if period is not None:
        resource["retentionExpirationTime"] = rfc3339(item.created + period)
    return resource
