"""One compaction of an archive at a time: an object that says whose turn it is, and until when."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

from google.api_core.exceptions import NotFound, PreconditionFailed
from google.cloud import storage

from beam_jobs.archive.storage import FAILURES
from beam_jobs.errors import Misconfigured, RetryLater

MINUTES = timedelta(minutes=10)
SECONDS = 60.0


class Lease(Protocol):
    """Held from `take` on; `renew` raises RetryLater where another one holds it."""

    def take(self) -> None: ...
    def renew(self) -> None: ...
    def give_back(self) -> None: ...


class ObjectLease:
    """Writes go on the condition that nobody wrote since."""

    def __init__(
        self, client: storage.Client, bucket: str, root: str, holder: str, now: Callable[[], datetime]
    ) -> None:
        self._blob = client.bucket(bucket).blob(f"{root}/_compaction/lease")
        self._where = f"gs://{bucket}/{self._blob.name}"
        self._holder, self._now = holder, now
        self._generation = 0

    def take(self) -> None:
        """Raises Misconfigured where another one holds it."""
        try:
            self._write(0)
        except PreconditionFailed:
            self._take_over()

    def renew(self) -> None:
        try:
            self._write(self._generation)
        except PreconditionFailed as error:
            raise RetryLater(f"another compaction took over {self._where}; run this one again later") from error

    def give_back(self) -> None:
        try:
            self._blob.delete(if_generation_match=self._generation, timeout=SECONDS)
        except (NotFound, PreconditionFailed):
            return
        except FAILURES as error:
            raise RetryLater(f"{self._where}: {error}") from error

    def _take_over(self) -> None:
        try:
            self._blob.reload(timeout=SECONDS)
            found: Any = json.loads(self._blob.download_as_bytes(timeout=SECONDS))
        except NotFound:
            return self.take()
        except FAILURES as error:
            raise RetryLater(f"{self._where}: {error}") from error
        if datetime.fromisoformat(found["until"]) > self._now():
            told = f"{found['holder']} compacts this archive, and says so in {self._where} until {found['until']}"
            raise Misconfigured(f"{told}; wait, or remove that object if nobody does")
        try:
            self._write(self._blob.generation)
        except PreconditionFailed as error:
            raise RetryLater(f"another compaction took over {self._where}; run this one again later") from error

    def _write(self, generation: int) -> None:
        """Raises PreconditionFailed, RetryLater."""
        until = self._now() + MINUTES
        content = json.dumps({"holder": self._holder, "until": until.isoformat()})
        try:
            self._blob.upload_from_string(content, if_generation_match=generation, timeout=SECONDS)
        except PreconditionFailed:
            raise
        except FAILURES as error:
            raise RetryLater(f"{self._where}: {error}") from error
        self._generation = self._blob.generation
