"""The device register: a Firestore collection with one document for each device."""

import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Any

from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.auth.exceptions import GoogleAuthError
from google.cloud import firestore
from google.cloud.firestore_v1.field_path import FieldPath

from beam_jobs.enrichment.cache.layers import ABSENT, Entry, LayerUnavailable
from beam_jobs.enrichment.cache.records import Records

TIMEOUT_SECONDS = 2.0
KEYS_PER_CALL = 500
LONGEST_ID = 1_500  # bytes of a document id
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FirestoreSource:
    """Documents of `collection` by id. `now` gives seconds since 1970."""

    name = "firestore"

    def __init__(
        self, client: firestore.Client, collection: str, records: Records, now: Callable[[], float] = time.time
    ) -> None:
        self._client = client
        self._collection = client.collection(collection)
        self._records = records
        self._paths = sorted({path for field in records.fields for path in _paths(field)})
        self._now = now

    def fetch(self, keys: Collection[str]) -> dict[str, Entry]:
        """In one call for each 500 keys, with one limit of time for all of them."""
        until = time.monotonic() + TIMEOUT_SECONDS
        nothing = Entry(ABSENT, int(self._now() * 1e6))
        entries = {key: nothing for key in keys if not _is_document_id(key)}
        legal = [key for key in keys if key not in entries]
        for start in range(0, len(legal), KEYS_PER_CALL):
            entries |= self._fetch(legal[start : start + KEYS_PER_CALL], until - time.monotonic())
        return entries

    def _fetch(self, keys: Collection[str], seconds: float) -> dict[str, Entry]:
        references = [self._collection.document(key) for key in keys]
        try:
            snapshots = list(self._client.get_all(references, self._paths, retry=None, timeout=max(0.001, seconds)))
        except (GoogleAPICallError, GoogleAuthError, RetryError) as error:
            raise LayerUnavailable(f"Firestore: {error}") from error
        return {snapshot.reference.id: self._entry(snapshot) for snapshot in snapshots}

    def _entry(self, snapshot: Any) -> Entry:
        record = self._records.block(snapshot.to_dict() or {}) if snapshot.exists else ABSENT
        return Entry(record, micros(snapshot.read_time))


def micros(moment: datetime) -> int:
    """Microseconds since 1970, exactly: a float of seconds would be off by one here and there."""
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _paths(field: str) -> set[str]:
    """As the name of a field, which Firestore wants quoted where it is no plain word, and as a path into mappings."""
    paths = {FieldPath(field).to_api_repr()}
    if "." in field.strip(".") and ".." not in field.strip("."):
        paths.add(FieldPath(*field.strip(".").split(".")).to_api_repr())
    return paths


def _is_document_id(key: str) -> bool:
    """Rules of https://cloud.google.com/firestore/quotas#collections_documents_and_fields."""
    reserved = key in (".", "..") or (key.startswith("__") and key.endswith("__"))
    return bool(key) and "/" not in key and not reserved and len(key.encode()) <= LONGEST_ID
