"""Resumable uploads: begun, sent in parts, asked about, finished or given up.

Source: https://cloud.google.com/storage/docs/performing-resumable-uploads
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

from localcloud.clock import Clock
from localcloud.rest import HttpError
from localcloud.storage.conditions import NAMES, conditions
from localcloud.storage.contents import Contents, new_key
from localcloud.storage.errors import invalid, no_upload
from localcloud.storage.ledger import Ledger
from localcloud.storage.model import NoUpload, Upload
from localcloud.storage.objects import Objects
from localcloud.storage.settings import Json

_LIFETIME = 7 * 86_400  # seconds
_GRAIN = 256 << 10  # parts but the last are kept in multiples of this
_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


@dataclass(frozen=True, slots=True)
class Part:
    """Where in the whole a part lies: `total` is None while unknown, `start` when it is only a question."""

    start: int | None
    total: int | None


def part(content_range: str | None, length: int) -> Part:
    """From a Content-Range header; without one the part is all there is. Raises HttpError 400."""
    if content_range is None:
        return Part(0, length)
    found = _RANGE.fullmatch(content_range)
    if not found:
        raise invalid(f"Failed to parse Content-Range header: {content_range}")
    first, last, total = found.groups()
    if first is not None and int(last) - int(first) + 1 != length:
        raise invalid(f"Content-Range {content_range} does not fit the {length} bytes that were sent")
    return Part(None if first is None else int(first), None if total == "*" else int(total))


class Uploads:
    """Every method raises HttpError when Cloud Storage would refuse."""

    def __init__(self, ledger: Ledger, contents: Contents, objects: Objects, clock: Clock) -> None:
        self._ledger = ledger
        self._contents = contents
        self._objects = objects
        self._clock = clock

    def begin(
        self,
        bucket: str,
        name: str,
        settings: Json,
        claims: dict[str, str],
        query: Mapping[str, str],
        length: int | None,
    ) -> Upload:
        """An upload whose object must meet the conditions of `query` now and when it is finished."""
        self._forget_old()
        self._objects.check_insert(bucket, name, conditions(query))
        wanted = {f"if{kind}": query[f"if{kind}"] for kind in NAMES if f"if{kind}" in query}
        upload = Upload(
            id=secrets.token_urlsafe(24),
            bucket=bucket,
            name=name,
            content=new_key(),
            created=self._clock.time(),
            settings=settings,
            claims=claims,
            conditions=wanted,
            length=length,
            generation=None,
        )
        self._ledger.commit(upload)
        return upload

    def get(self, key: str) -> Upload:
        upload = self._ledger.tables.uploads.get(key)
        if upload is None or self._is_old(upload):
            raise no_upload()
        return upload

    def received(self, upload: Upload) -> int:
        return self._contents.size(upload.content)

    def add(self, upload: Upload, data: bytes, where: Part) -> bool:
        """Keeps what of the part is new; true when that makes the upload whole."""
        received = self.received(upload)
        if where.start is not None:
            if where.start > received:
                raise HttpError(
                    503,
                    "backendError",
                    f"Invalid request. According to the Content-Range header, the upload offset is {where.start} "
                    f"byte(s), which exceeds already uploaded size of {received} byte(s).",
                )
            fresh = data[received - where.start :]
            last = where.total is not None and where.start + len(data) >= where.total
            keep = len(fresh) if last else (received + len(fresh)) // _GRAIN * _GRAIN - received
            if keep > 0:
                self._contents.append(upload.content, fresh[:keep])
                received += keep
        return where.total is not None and self._complete(upload, received, where.total)

    def give_up(self, upload: Upload) -> None:
        self._ledger.commit(NoUpload(upload.id))
        if upload.generation is None:
            self._contents.drop(upload.content)

    def _complete(self, upload: Upload, received: int, total: int) -> bool:
        if upload.length not in (None, total):
            raise invalid(f"Total size {total} does not match the declared upload size {upload.length}")
        if received > total:
            raise invalid(f"{received} bytes were received, more than the total of {total}")
        return received == total

    def _is_old(self, upload: Upload) -> bool:
        return self._clock.time() - upload.created > _LIFETIME

    def _forget_old(self) -> None:
        """Uploads stand in the order they began, so the oldest are first."""
        for upload in list(islice(self._ledger.tables.uploads.values(), 10)):
            if self._is_old(upload):
                self.give_up(upload)
