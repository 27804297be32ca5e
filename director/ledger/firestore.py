"""A ledger in Firestore, for directors on many machines. Its clock is Firestore's.

`<collection>/<scope>` holds the lease; below it are the collections `journal`, `resources` and `applied`. Every write
goes with one on the lease's document, on condition that this is as it was last seen: so Firestore itself refuses a
writer with a lower token. What several threads have to write at once goes in one request.
"""

import hashlib
import threading
import uuid
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from google.api_core.exceptions import AlreadyExists, FailedPrecondition, GoogleAPICallError, NotFound
from google.auth.exceptions import GoogleAuthError
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from director.errors import Busy, DirectorError, Rejected, Superseded, Unavailable
from director.keys import Key
from director.ledger.ledger import Entry, Grant, Record, written_at
from director.retries import ONCE, Retries, transient

T = TypeVar("T")
COLLECTION = "director"
CALL_TIMEOUT = 10.0  # seconds
LARGEST_KEPT = 1_000_000  # bytes; Firestore takes 1 MiB with the names
AT_ONCE = 200  # records in one request
MOST_WRITES = 500  # in one request
ROUNDS = 10  # how often another may be faster
CROSSED = (AlreadyExists, FailedPrecondition, NotFound)
_ENTRY = tuple(field.name for field in fields(Entry))
_RECORD = tuple(field.name for field in fields(Record))


@dataclass(slots=True, eq=False)
class _Waiting:
    """A record that somebody waits for."""

    scope: str
    record: Record
    entry: Entry
    written: bool = False


class FirestoreLedger:
    """Through Google's client; `collection` is the director's own and nobody else's."""

    def __init__(self, client: firestore.Client, retries: Retries, collection: str = COLLECTION) -> None:
        self._client: Any = client  # its hints do not know that retry may be None
        self._retries = retries
        self._collection = collection
        self._writing = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._seen: dict[tuple[str, int], Any] = {}  # by lease: when its document was last written, as far as we know

    def take(self, scope: str, holder: str, seconds: float) -> Grant:
        nonce = uuid.uuid4().hex  # tells our own take, the answer to which was lost, from another's

        def step(lease: Any) -> tuple[dict[str, Any], Grant]:
            now, held = lease.read_time, lease.to_dict() or {}
            ours = held.get("nonce") == nonce
            if held and held["expires"] > now and not ours:
                left = (held["expires"] - now).total_seconds()
                raise Busy.held(scope, held["holder"], _plain(held["expires"]), left)
            token = held["token"] if ours else held.get("token", 0) + 1
            expires = now + timedelta(seconds=seconds)
            lease = {"holder": holder, "expires": expires, "token": token, "nonce": nonce}
            return lease, Grant(token, _plain(expires))

        return self._change(scope, step)

    def renew(self, scope: str, token: int, seconds: float) -> None:
        def step(lease: Any) -> tuple[dict[str, Any], None]:
            return {"expires": _fenced(scope, token, lease).read_time + timedelta(seconds=seconds)}, None

        self._change(scope, step)

    def release(self, scope: str, token: int) -> None:
        def step(lease: Any) -> tuple[dict[str, Any], None]:
            ours = (lease.to_dict() or {}).get("token") == token
            return {"expires": datetime.fromtimestamp(0, UTC)} if ours else {}, None

        self._change(scope, step)

    def append(self, scope: str, record: Record, entry: Entry) -> None:
        one = _Waiting(scope, record, entry)
        self._waiting.append(one)
        try:
            with self._writing:
                while not one.written:  # else somebody wrote it along with theirs
                    self._write([one, *self._alike(one)])
        finally:
            self._waiting.remove(one)

    def keep(self, scope: str, token: int, applied: str) -> None:
        packed = zlib.compress(applied.encode())
        if len(packed) > LARGEST_KEPT:
            raise Rejected(f"what was applied to {scope} is {len(packed):,} bytes, more than a document of Firestore")

        def attempt() -> bool:
            self._seen.pop((scope, token), None)
            seen = _fenced(scope, token, self._lease(scope)).update_time
            batch = self._client.batch()
            self._on_lease(batch, scope, {"token": token}, seen)
            batch.set(self._applied(scope), {"document": packed})
            return self._committed(batch) is not None

        with self._writing:
            self._until_done(scope, attempt)

    def kept(self, scope: str) -> str | None:
        with _told():
            found = self._retries.call(lambda: self._applied(scope).get(retry=None, timeout=CALL_TIMEOUT))
        return zlib.decompress(found.get("document")).decode() if found.exists else None

    def entries(self, scope: str) -> Mapping[Key, Entry]:
        found = self._all(scope, "resources")
        return {(one["kind"], one["name"]): Entry(**{name: one[name] for name in _ENTRY}) for one in found}

    def records(self, scope: str) -> Sequence[Record]:
        found = sorted(self._all(scope, "journal"), key=lambda one: str(one["id"]))
        return [Record(**{name: one[name] for name in _RECORD}) for one in found]

    def forget(self, scope: str, before: datetime, most: int) -> int:
        older = self._reference(scope).collection("journal").where(filter=FieldFilter("at", "<", written_at(before)))
        oldest = older.order_by("at").limit(min(most, MOST_WRITES))
        with _told():
            found = self._retries.call(lambda: list(oldest.stream(retry=ONCE, timeout=CALL_TIMEOUT)))
            batch = self._client.batch()
            for one in found:
                batch.delete(one.reference)
            self._retries.call(lambda: batch.commit(retry=None, timeout=CALL_TIMEOUT))
        return len(found)

    def _alike(self, one: _Waiting) -> list[_Waiting]:
        """What else waits under the same lease. A failure of all is a failure of `one`: the others try again."""
        same = (one.scope, one.record.token)
        others = (other for other in list(self._waiting) if other is not one and not other.written)
        return [other for other in others if (other.scope, other.record.token) == same][: AT_ONCE - 1]

    def _write(self, waiting: Sequence[_Waiting]) -> None:
        """Under the same names where an answer was lost and it is done again: once in the end."""
        scope, token = waiting[0].scope, waiting[0].record.token

        def attempt() -> bool:
            seen = self._seen.pop((scope, token), None) or _fenced(scope, token, self._lease(scope)).update_time
            batch = self._client.batch()
            self._on_lease(batch, scope, {"token": token}, seen)
            for one in waiting:
                self._put(batch, one)
            written = self._committed(batch)
            if written:
                self._seen[scope, token] = written
            return written is not None

        self._until_done(scope, attempt)
        for one in waiting:
            one.written = True

    def _put(self, batch: Any, one: _Waiting) -> None:
        lease = self._reference(one.scope)
        record = {**asdict(one.record), "written_at": firestore.SERVER_TIMESTAMP}
        batch.set(lease.collection("journal").document(one.record.id), record)
        entry = {"kind": one.record.kind, "name": one.record.name, **asdict(one.entry)}
        batch.set(lease.collection("resources").document(_document_id(one.record.key)), entry)

    def _change(self, scope: str, step: Callable[[Any], tuple[dict[str, Any], T]]) -> T:
        """Reads the lease and writes what `step` makes of it, again where another was faster."""
        answer: list[T] = []

        def attempt() -> bool:
            lease = self._lease(scope)
            changes, found = step(lease)
            answer[:] = [found]
            if not changes:
                return True
            batch = self._client.batch()
            self._on_lease(batch, scope, changes, lease.update_time)
            return self._committed(batch) is not None

        with self._writing:
            self._until_done(scope, attempt)
        return answer[0]

    def _until_done(self, scope: str, attempt: Callable[[], bool]) -> None:
        with _told():
            for number in range(ROUNDS):
                if self._retries.call(attempt):
                    return
                self._retries.rest(number)
        raise Unavailable(f"the lease of {scope} was changed by others {ROUNDS} times over; try again")

    def _on_lease(self, batch: Any, scope: str, changes: dict[str, Any], seen: Any) -> None:
        if seen is None:
            batch.create(self._reference(scope), changes)
        else:
            batch.update(self._reference(scope), changes, option=self._client.write_option(last_update_time=seen))

    def _committed(self, batch: Any) -> Any:
        """When the lease was written; None where it is not what it was when it was seen."""
        try:
            return batch.commit(retry=None, timeout=CALL_TIMEOUT)[0].update_time
        except CROSSED:
            return None

    def _applied(self, scope: str) -> Any:
        return self._reference(scope).collection("applied").document("last")

    def _reference(self, scope: str) -> Any:
        return self._client.collection(self._collection).document(scope)

    def _lease(self, scope: str) -> Any:
        return self._reference(scope).get(retry=None, timeout=CALL_TIMEOUT)

    def _all(self, scope: str, collection: str) -> list[dict[str, Any]]:
        def read() -> list[dict[str, Any]]:
            below = self._reference(scope).collection(collection)
            return [one.to_dict() for one in below.stream(retry=ONCE, timeout=CALL_TIMEOUT)]

        with _told():
            return self._retries.call(read)


def _fenced(scope: str, token: int, lease: Any) -> Any:
    held = lease.to_dict() or {}
    if held.get("token") != token:
        raise Superseded.by(scope, held.get("holder", "nobody"))
    return lease


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (GoogleAPICallError, GoogleAuthError) as error:
        reaction: type[DirectorError] = Unavailable if transient(error) else Rejected
        raise reaction(f"the journal in Firestore does not answer: {type(error).__name__}: {error}") from error


def _document_id(key: Key) -> str:
    """Full names have slashes, which documents' names must not."""
    return hashlib.sha256("\0".join(key).encode()).hexdigest()[:40]


def _plain(moment: Any) -> datetime:
    return datetime.fromtimestamp(moment.timestamp(), UTC)
