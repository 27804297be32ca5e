"""The device register: a Firestore collection with one document for each device."""

from collections.abc import Collection, Mapping
from typing import Any

from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.auth.exceptions import GoogleAuthError
from google.cloud import firestore

from beam_jobs.enrichment.cache.layers import ABSENT, FOUND, LayerUnavailable
from bridge import envelope

TIMEOUT_SECONDS = 2.0
KEYS_PER_CALL = 500
LONGEST_ID = 1_500  # bytes of a document id


class FirestoreSource:
    """Documents as blocks of `device.` attributes; `fields` maps document fields to names of attributes."""

    def __init__(self, client: firestore.Client, collection: str, fields: Mapping[str, str]) -> None:
        self._client = client
        self._collection = client.collection(collection)
        self._fields = dict(fields)

    def fetch(self, keys: Collection[str]) -> dict[str, bytes]:
        records = dict.fromkeys(keys, ABSENT)
        legal = [key for key in records if _is_document_id(key)]
        for start in range(0, len(legal), KEYS_PER_CALL):
            records |= self._fetch(legal[start : start + KEYS_PER_CALL])
        return records

    def _fetch(self, keys: Collection[str]) -> dict[str, bytes]:
        references = [self._collection.document(key) for key in keys]
        try:
            snapshots = list(self._client.get_all(references, self._fields, retry=None, timeout=TIMEOUT_SECONDS))
        except (GoogleAPICallError, GoogleAuthError, RetryError) as error:
            raise LayerUnavailable(f"Firestore: {error}") from error
        return {snapshot.id: self._block(snapshot.to_dict() or {}) for snapshot in snapshots if snapshot.exists}

    def _block(self, document: Mapping[str, Any]) -> bytes:
        facts = {
            f"device.{name}": envelope.truncated(_text(document[field]))
            for field, name in self._fields.items()
            if document.get(field) is not None
        }
        return envelope.attributes(facts) + FOUND


def _is_document_id(key: str) -> bool:
    """Rules of https://cloud.google.com/firestore/quotas#collections_documents_and_fields."""
    reserved = key in (".", "..") or (key.startswith("__") and key.endswith("__"))
    return bool(key) and "/" not in key and not reserved and len(key.encode()) <= LONGEST_ID


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
