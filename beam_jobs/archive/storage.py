"""Objects into Cloud Storage, create-only: a second try meets its own first one and leaves it.

`if_generation_match=0` makes the service refuse (412) what exists already. A 412 whose object has our checksum is our
own earlier write, whose answer was lost; any other checksum is a conflict.
"""

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import google_crc32c
from google.api_core.exceptions import GoogleAPICallError, PreconditionFailed, RetryError
from google.auth.exceptions import GoogleAuthError
from google.cloud import storage
from requests.exceptions import RequestException

from beam_jobs.archive.objects import ArchiveObject
from beam_jobs.errors import CannotSucceed, Misconfigured, RetryLater

UPLOADS = 8
UPLOAD_SECONDS = 60.0
CONFIGURATION = (401, 403, 404)


class Bucket:
    """Writes objects to one bucket, several at once."""

    def __init__(self, client: storage.Client, name: str) -> None:
        self._bucket = client.bucket(name)
        self._uploads = ThreadPoolExecutor(UPLOADS, thread_name_prefix="upload")

    def write(self, objects: list[ArchiveObject]) -> dict[str, CannotSucceed]:
        """Writes all; gives conflicts by object name. Raises RetryLater or Misconfigured."""
        outcomes = list(self._uploads.map(self._write, objects))
        return {one.name: outcome for one, outcome in zip(objects, outcomes, strict=True) if outcome is not None}

    def _write(self, one: ArchiveObject) -> CannotSucceed | None:
        blob = self._bucket.blob(one.name)
        blob.metadata = one.metadata
        try:
            blob.upload_from_string(
                one.content,
                content_type="application/gzip",
                if_generation_match=0,
                checksum="crc32c",
                timeout=UPLOAD_SECONDS,
            )
        except PreconditionFailed:
            return self._conflict(blob, one)
        except (GoogleAPICallError, GoogleAuthError, RetryError, RequestException) as error:
            raise _reaction(error, self._bucket.name) from error
        return None

    def _conflict(self, blob: Any, one: ArchiveObject) -> CannotSucceed | None:
        try:
            blob.reload(timeout=UPLOAD_SECONDS)
        except (GoogleAPICallError, GoogleAuthError, RetryError, RequestException) as error:
            raise _reaction(error, self._bucket.name) from error
        if blob.crc32c == _crc32c(one.content):
            return None
        return CannotSucceed(f"{one.name} exists with other content", "archive_conflict")


def _crc32c(content: bytes) -> str:
    return base64.b64encode(google_crc32c.Checksum(content).digest()).decode()


def _reaction(error: Exception, bucket: str) -> RetryLater:
    if isinstance(error, GoogleAuthError) or getattr(error, "code", None) in CONFIGURATION:
        return Misconfigured(f"gs://{bucket}: {error} (let the director verify the dataflow)")
    return RetryLater(f"gs://{bucket}: {error}")
