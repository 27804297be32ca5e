"""Versions in Firestore, for directors on many machines.

`<collection>/current` is a copy of the newest version; below it are the collections `versions`, and in each of those
`files`, a document for each. A version is added in one request, on condition that `current` is as it was seen: so there
is never half a version, and of two that are added at once one is refused.
"""

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any

from google.api_core.exceptions import AlreadyExists, FailedPrecondition, GoogleAPICallError, NotFound
from google.auth.exceptions import GoogleAuthError
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from director.errors import DirectorError, Rejected, Unavailable
from director.retries import ONCE, Retries, transient
from director.versions.arguments import COLLECTION
from director.versions.version import Added, Conflict, Contents, Version, absent

CALL_TIMEOUT = 20.0  # seconds
ROUNDS = 3
CROSSED = (AlreadyExists, FailedPrecondition, NotFound)
_FIELDS = tuple(field.name for field in fields(Version))


class FirestoreVersions:
    """Through Google's client; `collection` is the director's own and nobody else's."""

    def __init__(
        self,
        client: firestore.Client,
        retries: Retries,
        collection: str = COLLECTION,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        """`close` is called at the end: where nobody else has the client."""
        self._client: Any = client  # its hints do not know that retry may be None
        self._retries = retries
        self._current: Any = self._client.collection(collection).document("current")
        self._close = close
        self._where = f"Firestore's collection {collection}"

    def close(self) -> None:
        self._close()

    def current(self) -> Version | None:
        return self._version(self._read())

    def find(self, number: int) -> Version:
        found = self._version(self._got(self._document(number)))
        if found is None:
            raise absent(number)
        return found

    def contents(self, number: int) -> Contents:
        version = self.find(number)

        def read() -> list[Any]:
            files = self._document(number).collection("files")
            return [one.to_dict() for one in files.stream(retry=ONCE, timeout=CALL_TIMEOUT)]

        texts = {str(one.get("name")): str(one.get("text")) for one in self._answered(read)}
        found = Contents(version.hub, texts)
        if version.hub not in texts or found.sha256 != version.sha256:
            raise self._damaged(f"version {number}")
        return found

    def page(self, before: int | None, size: int) -> Sequence[Version]:
        def read() -> list[Any]:
            query = self._current.collection("versions").order_by("number", direction=firestore.Query.DESCENDING)
            if before is not None:
                query = query.where(filter=FieldFilter("number", "<", before))
            return list(query.limit(size).stream(retry=ONCE, timeout=CALL_TIMEOUT))

        return [found for one in self._answered(read) if (found := self._version(one))]

    def add(self, contents: Contents, expected: int, added: Added) -> Version:
        at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        version = Version(expected + 1, at, **asdict(added), sha256=contents.sha256, hub=contents.hub)
        nonce = uuid.uuid4().hex  # tells our own version, the answer to which was lost, from another's

        def attempt() -> Version | None:
            seen = self._got(self._current)
            current = self._version(seen)
            if current == version and seen.get("nonce") == nonce:
                return version
            if (current.number if current else 0) != expected:
                raise Conflict(expected, current)
            batch = self._batch(version, contents, nonce, seen)
            try:
                batch.commit(retry=None, timeout=CALL_TIMEOUT)
            except CROSSED:
                return None
            return version

        for _ in range(ROUNDS):  # one that is crossed finds another's version, and ends
            done: Version | None = self._answered(attempt)
            if done is not None:
                return done
        raise self._damaged(f"what lies beside version {expected}")

    def _batch(self, version: Version, contents: Contents, nonce: str, seen: Any) -> Any:
        batch, facts = self._client.batch(), asdict(version)
        if seen.exists:
            known = self._client.write_option(last_update_time=seen.update_time)
            batch.update(self._current, {**facts, "nonce": nonce}, option=known)
        else:
            batch.create(self._current, {**facts, "nonce": nonce})
        document = self._document(version.number)
        batch.create(document, facts)
        files = document.collection("files")
        for place, name in enumerate(contents.names):
            batch.create(files.document(f"{place:04}"), {"name": name, "text": contents.texts[name]})
        return batch

    def _document(self, number: int) -> Any:
        return self._current.collection("versions").document(f"{number:010}")

    def _read(self) -> Any:
        return self._answered(lambda: self._got(self._current))

    def _got(self, document: Any) -> Any:
        return document.get(retry=None, timeout=CALL_TIMEOUT)

    def _version(self, snapshot: Any) -> Version | None:
        """Checked as any input: somebody else may have written there."""
        if not snapshot.exists:
            return None
        data = snapshot.to_dict()
        try:
            found = Version(**{name: data[name] for name in _FIELDS})
        except KeyError as error:
            raise self._damaged(snapshot.reference.path) from error
        texts = (found.at, found.who, found.comment, found.sha256, found.hub)
        numbers = (found.number, *(() if found.restores is None else (found.restores,)))
        if not all(isinstance(one, str) for one in texts) or not all(type(one) is int and one > 0 for one in numbers):
            raise self._damaged(snapshot.reference.path)
        return found

    def _damaged(self, what: str) -> Rejected:
        return Rejected(f"{what} in {self._where} is not what a director writes there; use another collection")

    def _answered(self, action: Any) -> Any:
        with self._told():
            return self._retries.call(action)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (GoogleAPICallError, GoogleAuthError) as error:
            reaction: type[DirectorError] = Unavailable if transient(error) else Rejected
            raise reaction(f"{self._where} does not answer: {type(error).__name__}: {error}") from error
