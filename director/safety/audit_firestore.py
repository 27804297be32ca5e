"""The audit in Firestore, for directors without a disk: a collection to which documents are only ever added."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from google.api_core.exceptions import AlreadyExists, GoogleAPICallError
from google.auth.exceptions import GoogleAuthError
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from director.retries import ONCE, Retries
from director.safety.audit import AuditUnavailable

CALL_TIMEOUT = 10.0  # seconds
READ_AT_ONCE = 300  # records


class FirestoreRecords:
    """Below the document `root`, in `audit`. Each record is written before `append` returns.

    Marks are microseconds since 1970 by the clock of the director that wrote the record, and two digits that tell apart
    what was written at once.
    """

    def __init__(self, client: firestore.Client, retries: Retries, root: str) -> None:
        self._client: Any = client  # its hints do not know that retry may be None
        self._retries = retries
        self._records: Any = client.document(root).collection("audit")

    def append(self, line: bytes) -> None:
        number = time.time_ns() // 1000 * 100 + random.randrange(100)  # noqa: S311
        document = self._records.document(f"{number:018}-{random.getrandbits(32):08x}")
        fields = {"number": number, "line": line.decode(), "written_at": firestore.SERVER_TIMESTAMP}

        def create() -> None:
            try:
                document.create(fields, retry=None, timeout=CALL_TIMEOUT)
            except AlreadyExists:
                return  # by an attempt the answer to which was lost

        with _told():
            self._retries.call(create)

    def before(self, mark: int | None) -> Iterator[tuple[int, bytes]]:
        while True:
            query = self._records.order_by("number", direction=firestore.Query.DESCENDING)
            if mark is not None:
                query = query.where(filter=FieldFilter("number", "<", mark))
            found = self._all(query.limit(READ_AT_ONCE))
            for one in found:
                mark = one.get("number")
                yield mark, one.get("line").encode()
            if len(found) < READ_AT_ONCE:
                return

    def prune(self, before: datetime, most: int) -> int:
        oldest = self._records.where(filter=FieldFilter("number", "<", int(before.timestamp() * 1_000_000) * 100))
        found = self._all(oldest.order_by("number").limit(most))
        batch = self._client.batch()
        for one in found:
            batch.delete(one.reference)
        with _told():
            self._retries.call(lambda: batch.commit(retry=None, timeout=CALL_TIMEOUT))
        return len(found)

    def _all(self, query: Any) -> list[Any]:
        with _told():
            return self._retries.call(lambda: list(query.stream(retry=ONCE, timeout=CALL_TIMEOUT)))


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (GoogleAPICallError, GoogleAuthError) as error:
        raise AuditUnavailable(f"the audit in Firestore does not answer: {type(error).__name__}: {error}") from error
