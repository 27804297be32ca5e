"""Operations in Firestore, for directors on many machines and for those without a disk. Its clock is Firestore's.

Below the document `root`: `operations/<id>`, with what came of resources in `steps` below it while it runs, and
`keys/<digest>` for requests that may come again. Every change of an operation is made on condition that it is as it
was last seen, so of two directors that end one, Firestore takes the first.
"""

import random
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from google.api_core.exceptions import AlreadyExists, FailedPrecondition, GoogleAPICallError, NotFound
from google.auth.exceptions import GoogleAuthError
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from director.errors import DirectorError, Rejected, Unavailable
from director.operations.store import CANCELLING, RUNNING, Filter, Kept, Known, New, Pulse
from director.retries import ONCE, Retries, transient

CALL_TIMEOUT = 10.0  # seconds
ROUNDS = 10  # how often another may be faster
LOOKED_AT = 200  # operations read at once for a page
MOST_LOOKED_AT = 5_000  # operations read for one page
AT_ONCE = 400  # writes in one request
CROSSED = (AlreadyExists, FailedPrecondition, NotFound)


class FirestoreOperations:
    """Through Google's client; `root` is a document's path, the director's own and nobody else's."""

    def __init__(self, client: firestore.Client, retries: Retries, root: str) -> None:
        self._client: Any = client  # its hints do not know that retry may be None
        self._retries = retries
        self._root: Any = client.document(root)

    def close(self) -> None:
        """The client is its opener's."""

    def add(self, new: New, seconds: float) -> Known | None:
        found: list[Known | None] = [None]
        number = new_number()

        def attempt() -> bool:
            batch = self._client.batch()
            if new.key is not None:
                key = _read(self._key(new.key))
                if key.exists and key.get("operation") == new.id:
                    return True  # ours: only the answer was lost
                known = self._known_in(key)
                if known and not (known.again and known.body == new.body):
                    found[0] = known
                    return True
                self._take_key(batch, key, new, known.crashes if known else 0)
            batch.create(self._operation(new.id), _fields(new, number, seconds))
            return self._committed(batch)

        self._until_done(f"beginning {new.id}", attempt)
        return found[0]

    def beat(self, operation: str, steps: Sequence[str], seconds: float) -> Pulse:
        pulse: list[Pulse] = ["lost"]
        name = f"{new_number():018}"

        def attempt() -> bool:
            seen = _read(self._operation(operation))
            if not seen.exists or seen.get("over"):
                pulse[0] = "lost"
                return True
            batch = self._client.batch()
            self._update(batch, seen, {"beat": firestore.SERVER_TIMESTAMP, "seconds": seconds})
            if steps:
                batch.set(self._steps(operation).document(name), {"texts": list(steps)})
            pulse[0] = "cancel" if seen.get("state") == CANCELLING else "held"
            return self._committed(batch)

        self._until_done(f"renewing {operation}", attempt)
        return pulse[0]

    def cancel(self, operation: str) -> None:
        def attempt() -> bool:
            seen = _read(self._operation(operation))
            if not seen.exists or seen.get("over"):
                return True
            batch = self._client.batch()
            self._update(batch, seen, {"state": CANCELLING})
            return self._committed(batch)

        self._until_done(f"cancelling {operation}", attempt)

    def end(self, operation: str, text: str, state: str, again: bool) -> bool:
        packed, ended = _packed(text), [False]

        def attempt() -> bool:
            seen = _read(self._operation(operation))
            if not seen.exists or seen.get("over"):
                ended[0] = seen.exists and bytes(seen.get("text")) == packed  # ours, where only the answer was lost
                return True
            batch = self._client.batch()
            self._update(batch, seen, {"text": packed, "state": state, "over": True})
            if again and seen.get("key"):
                self._free_key(batch, seen.get("key"), operation, state)
            ended[0] = self._committed(batch)
            return ended[0]

        self._until_done(f"ending {operation}", attempt)
        if ended[0]:
            with _told():
                steps = self._steps(operation).stream(retry=ONCE, timeout=CALL_TIMEOUT)
                self._delete([step.reference for step in steps])
        return ended[0]

    def find(self, operation: str) -> Kept | None:
        with _told():
            return self._retries.call(lambda: self._kept(_read(self._operation(operation))))

    def known(self, key: str) -> Known | None:
        with _told():
            return self._retries.call(lambda: self._known_in(_read(self._key(key))))

    def abandoned(self) -> Sequence[Kept]:
        query = self._operations.where(filter=FieldFilter("over", "==", False))
        found = [self._kept(one) for one in self._all(query) if _is_abandoned(one)]
        return sorted((kept for kept in found if kept), key=lambda kept: kept.number)

    def page(self, before: int | None, size: int, asked: Filter) -> Sequence[Kept]:
        """Filtered here: an index for each way of asking would have to be made first."""
        found: list[Kept] = []
        for one in self._newest(before, asked):
            if one.get("dataflow") in asked.dataflows and asked.state in (None, one.get("state")):
                found.append(Kept(one.id, one.get("number"), _unpacked(one.get("text")), one.get("state")))
            if len(found) == size:
                break
        return found

    def states(self) -> dict[str, int]:
        def count(state: str) -> int:
            query = self._operations.where(filter=FieldFilter("state", "==", state))
            [[answer]] = query.count(alias="number").get(timeout=CALL_TIMEOUT)
            return int(answer.value)

        states = (RUNNING, CANCELLING, "succeeded", "failed", "cancelled", "interrupted")
        with _told():
            return {state: self._retries.call(lambda state=state: count(state)) for state in states}  # type: ignore[misc]

    def prune(self, before: datetime, most: int) -> int:
        query = self._operations.where(filter=FieldFilter("number", "<", number_at(before)))
        old = [one for one in self._all(query.order_by("number").limit(most)) if one.get("over")]
        with _told():
            for one in old:
                steps = [step.reference for step in self._steps(one.id).stream(retry=ONCE, timeout=CALL_TIMEOUT)]
                self._delete([*steps, *self._key_of(one), one.reference])
        return len(old)

    def _newest(self, before: int | None, asked: Filter) -> Iterator[Any]:
        query = self._operations
        if asked.request_id is not None:
            query = query.where(filter=FieldFilter("request_id", "==", asked.request_id))
            found = sorted(self._all(query), key=lambda one: -int(one.get("number")))
            yield from (one for one in found if before is None or one.get("number") < before)
            return
        query = query.order_by("number", direction=firestore.Query.DESCENDING)
        for _ in range(MOST_LOOKED_AT // LOOKED_AT):
            part = query if before is None else query.where(filter=FieldFilter("number", "<", before))
            found = self._all(part.limit(LOOKED_AT))
            yield from found
            if len(found) < LOOKED_AT:
                return
            before = found[-1].get("number")

    def _take_key(self, batch: Any, key: Any, new: New, crashes: int) -> None:
        fields = {"operation": new.id, "body": new.body, "again": False, "crashes": crashes}
        if key.exists:
            self._update(batch, key, fields)
        else:
            batch.create(key.reference, fields)

    def _free_key(self, batch: Any, name: str, operation: str, state: str) -> None:
        key = _read(self._root.collection("keys").document(name))
        if key.exists and key.get("operation") == operation:
            self._update(batch, key, {"again": True, "crashes": key.get("crashes") + (state == "interrupted")})

    def _key_of(self, one: Any) -> list[Any]:
        """The key that still stands for the operation."""
        if not one.get("key"):
            return []
        key = _read(self._root.collection("keys").document(one.get("key")))
        return [key.reference] if key.exists and key.get("operation") == one.id else []

    def _known_in(self, key: Any) -> Known | None:
        kept = self._kept(_read(self._operation(key.get("operation")))) if key.exists else None
        return Known(kept, key.get("body"), key.get("again"), key.get("crashes")) if kept else None

    def _kept(self, seen: Any) -> Kept | None:
        if not seen.exists:
            return None
        steps: tuple[str, ...] = ()
        if not seen.get("over"):
            parts = sorted(self._steps(seen.id).stream(retry=ONCE, timeout=CALL_TIMEOUT), key=lambda part: str(part.id))
            steps = tuple(text for part in parts for text in part.get("texts"))
        return Kept(seen.id, seen.get("number"), _unpacked(seen.get("text")), seen.get("state"), steps)

    def _until_done(self, what: str, attempt: Callable[[], bool]) -> None:
        with _told():
            for number in range(ROUNDS):
                if self._retries.call(attempt):
                    return
                self._retries.rest(number)
        raise Unavailable(f"{what} was crossed by others {ROUNDS} times over; try again")

    def _update(self, batch: Any, seen: Any, fields: dict[str, Any]) -> None:
        option = self._client.write_option(last_update_time=seen.update_time)
        batch.update(seen.reference, fields, option=option)

    def _committed(self, batch: Any) -> bool:
        try:
            batch.commit(retry=None, timeout=CALL_TIMEOUT)
        except CROSSED:
            return False
        return True

    def _delete(self, references: Sequence[Any]) -> None:
        for start in range(0, len(references), AT_ONCE):
            batch = self._client.batch()
            for reference in references[start : start + AT_ONCE]:
                batch.delete(reference)
            self._retries.call(lambda batch=batch: batch.commit(retry=None, timeout=CALL_TIMEOUT))  # type: ignore[misc]

    def _all(self, query: Any) -> list[Any]:
        with _told():
            return self._retries.call(lambda: list(query.stream(retry=ONCE, timeout=CALL_TIMEOUT)))

    @property
    def _operations(self) -> Any:
        return self._root.collection("operations")

    def _operation(self, name: str) -> Any:
        return self._operations.document(name)

    def _steps(self, operation: str) -> Any:
        return self._operation(operation).collection("steps")

    def _key(self, key: str) -> Any:
        return self._root.collection("keys").document(key)


def new_number() -> int:
    """Rises with the clock: microseconds since 1970, and two digits that tell apart what begins at once."""
    return time.time_ns() // 1000 * 100 + random.randrange(100)  # noqa: S311


def number_at(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 100


def _read(reference: Any) -> Any:
    return reference.get(retry=None, timeout=CALL_TIMEOUT)


def _fields(new: New, number: int, seconds: float) -> dict[str, Any]:
    return {
        "number": number,
        "dataflow": new.dataflow,
        "request_id": new.request_id,
        "text": _packed(new.text),
        "state": RUNNING,
        "over": False,
        "key": new.key,
        "holder": new.holder,
        "beat": firestore.SERVER_TIMESTAMP,
        "seconds": seconds,
    }


def _is_abandoned(one: Any) -> bool:
    held: bool = one.get("beat") + timedelta(seconds=one.get("seconds")) > one.read_time
    return not held


def _packed(text: str) -> bytes:
    """A document takes 1 MiB, which the outcomes of some thousand resources exceed as they are."""
    return zlib.compress(text.encode())


def _unpacked(packed: bytes) -> str:
    return zlib.decompress(bytes(packed)).decode()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (GoogleAPICallError, GoogleAuthError) as error:
        reaction: type[DirectorError] = Unavailable if transient(error) else Rejected
        raise reaction(f"the operations in Firestore do not answer: {type(error).__name__}: {error}") from error
