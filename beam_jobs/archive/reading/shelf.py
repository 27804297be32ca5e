"""The archive's bucket as its readers and tools see it: what lies there, and the content of one object."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from google.api_core.exceptions import NotFound
from google.auth.exceptions import GoogleAuthError
from google.cloud import storage

from beam_jobs.archive.objects import ArchiveObject
from beam_jobs.archive.storage import CONFIGURATION, FAILURES, Bucket
from beam_jobs.errors import Misconfigured, RetryLater, signed_in
from director.endpoints import credentials

SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as Cloud Storage lists it."""

    name: str
    bytes: int
    crc32c: str
    generation: int
    created: datetime
    metadata: dict[str, str]


class Gone(Exception):
    """There is no such object, or not in that generation."""


class Shelf(Protocol):
    """All calls raise RetryLater or Misconfigured where the service is the cause."""

    def stored(self, prefix: str) -> Iterator[Stored]: ...

    def read(self, name: str) -> bytes:
        """Raises Gone."""

    def write(self, objects: Sequence[ArchiveObject]) -> None:
        """Creates all; what exists with the same content is good. Raises Misconfigured for other content."""

    def delete(self, one: Stored) -> None:
        """That generation, if it is there still."""


class BucketShelf:
    """A Shelf in Cloud Storage. May be used by several threads."""

    def __init__(self, client: storage.Client, name: str) -> None:
        self._name = name
        self._bucket = client.bucket(name)
        self._writer = Bucket(client, name)

    def stored(self, prefix: str) -> Iterator[Stored]:
        try:
            for blob in self._bucket.list_blobs(prefix=prefix, timeout=SECONDS):
                yield _stored(blob)
        except FAILURES as error:
            raise self._reaction(error) from error

    def read(self, name: str) -> bytes:
        try:
            content: bytes = self._bucket.blob(name).download_as_bytes(raw_download=True, timeout=SECONDS)
        except NotFound as error:
            raise Gone(name) from error
        except FAILURES as error:
            raise self._reaction(error) from error
        return content

    def write(self, objects: Sequence[ArchiveObject]) -> None:
        for error in self._writer.write(objects).values():
            raise Misconfigured(f"gs://{self._name}/{error}; somebody else wrote it: look at it, and remove it")

    def delete(self, one: Stored) -> None:
        try:
            self._bucket.blob(one.name).delete(if_generation_match=one.generation, timeout=SECONDS)
        except NotFound:
            return
        except FAILURES as error:
            raise self._reaction(error) from error

    def _reaction(self, error: Exception) -> RetryLater:
        if isinstance(error, GoogleAuthError) or getattr(error, "code", None) in CONFIGURATION:
            return Misconfigured(f"gs://{self._name}: {error}; is it there, and may we read it?")
        return RetryLater(f"gs://{self._name}: {error}")


def open_shelf(bucket: str) -> BucketShelf:
    """Raises Misconfigured where there are no usable credentials."""
    return BucketShelf(open_client(), bucket)


def open_client() -> storage.Client:
    with signed_in():
        return storage.Client(project="unused", credentials=credentials("storage"))  # objects need no project


def _stored(blob: Any) -> Stored:
    return Stored(blob.name, blob.size, blob.crc32c, blob.generation, blob.time_created, blob.metadata or {})
