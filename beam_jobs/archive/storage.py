"""Objects into Cloud Storage, create-only: a second try meets its own first one and leaves it.

`if_generation_match=0` makes the service refuse (412) what exists already. A 412 whose object has our checksum is our
own earlier write, whose answer was lost. One with other bytes but the same lines was compressed by another version of a
library, and counts as it lies there. Anything else is a conflict.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Literal

from apache_beam.metrics import Metrics
from google.api_core.exceptions import GoogleAPICallError, PreconditionFailed, RetryError
from google.auth.exceptions import GoogleAuthError
from google.cloud import storage
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
from requests.exceptions import RequestException

from beam_jobs.archive.objects import ArchiveObject, same_lines
from beam_jobs.errors import CannotSucceed, Misconfigured, RetryLater
from beam_jobs.stages import DETAILS

UPLOADS = 8
UPLOAD_SECONDS = 60.0
CONFIGURATION = (401, 403, 404)
FAILURES = (GoogleAPICallError, GoogleAuthError, RetryError, RequestException, InvalidResponse, DataCorruption)


Otherwise = ArchiveObject | CannotSucceed
"""The same lines in other bytes, as another version of a library compresses them, or content of somebody else."""


class Bucket:
    """Writes objects to one bucket, several at once."""

    already_there = Metrics.counter(DETAILS, "archive_already_there")

    def __init__(self, client: storage.Client, name: str) -> None:
        self._bucket = client.bucket(name)
        self._uploads = ThreadPoolExecutor(UPLOADS, thread_name_prefix="upload")

    def write(self, objects: Sequence[ArchiveObject]) -> dict[str, Otherwise]:
        """Writes all. Gives, by name, what lies there otherwise than given. Raises RetryLater or Misconfigured."""
        outcomes = list(self._uploads.map(self._write, objects))
        self.already_there.inc(sum(found == "already there" or isinstance(found, ArchiveObject) for found in outcomes))
        return {one.name: found for one, found in zip(objects, outcomes, strict=True) if not isinstance(found, str)}

    def _write(self, one: ArchiveObject) -> Literal["new", "already there"] | Otherwise:
        blob = self._bucket.blob(one.name)
        blob.metadata = one.metadata or None
        try:
            blob.upload_from_string(
                one.content,
                content_type=one.content_type,
                if_generation_match=0,
                checksum="crc32c",
                timeout=UPLOAD_SECONDS,
            )
        except PreconditionFailed:
            return self._met(blob, one)
        except FAILURES as error:
            raise _reaction(error, self._bucket.name) from error
        return "new"

    def _met(self, blob: Any, one: ArchiveObject) -> Literal["already there"] | Otherwise:
        try:
            blob.reload(timeout=UPLOAD_SECONDS)
            if blob.crc32c == one.crc32c:
                return "already there"
            stored = replace(one, content=blob.download_as_bytes(raw_download=True, timeout=UPLOAD_SECONDS))
        except FAILURES as error:
            raise _reaction(error, self._bucket.name) from error
        if same_lines(stored):
            return stored
        return CannotSucceed(f"{one.name} exists with other content", "archive_conflict")


def _reaction(error: Exception, bucket: str) -> RetryLater:
    if isinstance(error, GoogleAuthError) or getattr(error, "code", None) in CONFIGURATION:
        return Misconfigured(f"gs://{bucket}: {error} (let the director verify the dataflow)")
    return RetryLater(f"gs://{bucket}: {error}")
