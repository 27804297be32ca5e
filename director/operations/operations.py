"""Long work as a thing of its own: begun, looked at, waited for and cancelled by calls that are short.

Each runs on a thread and holds a lease while it does; what becomes of every resource is kept within a second. What a
director that died left running is `interrupted` once its lease is gone: run it again, it converges.
"""

import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from director.errors import Busy, DirectorError, Unknown
from director.operations.model import (
    STATES,
    Asked,
    Cancelled,
    Fault,
    OneOutcome,
    Operation,
    Reused,
    State,
    Work,
)
from director.operations.pulse import SECONDS, Heartbeat
from director.operations.store import Filter, Kept, Known, New, OperationStore, Pulse

MOST_RUNNING = 8
LOOK = 1.0  # seconds between two looks at what another director runs

log = logging.getLogger(__name__)


class Operations:
    """`explain` turns an error (and the id of the request) into what callers are told; `tell` hears of every step.

    Several directors may share a store: each operation is run by one, and seen, waited for and cancelled through all.
    """

    def __init__(
        self,
        store: OperationStore,
        explain: Callable[[Exception, str], Fault],
        tell: Callable[[str, Operation, OneOutcome | None], None] = lambda kind, operation, outcome: None,
        most_running: int = MOST_RUNNING,
        lease_seconds: float = SECONDS,
    ) -> None:
        self._store = store
        self._explain = explain
        self._tell = tell
        self._most_running = most_running
        self._lease_seconds = lease_seconds
        self._holder = uuid.uuid4().hex
        self._running: dict[str, Operation] = {}
        self._stopped: set[str] = set()  # those that end because this process does
        self._closing = False
        self._beginning = threading.Lock()
        self._change = threading.Condition()

    def recover(self) -> Sequence[Operation]:
        """What directors that died left running, now told as interrupted; each by one of those that are left."""
        found = []
        for kept in self._store.abandoned():
            operation = _read(kept)
            if operation.id not in self._running:
                final = self._final(operation, "interrupted")
                if self._store.end(final.id, final.model_dump_json(), final.state, again=True):
                    self._tell("operation.ended", final, None)
                    found.append(final)
        return found

    def begin(
        self, asked: Asked, work: Work, good: Callable[[Any], bool], ended: Callable[[Operation], None]
    ) -> tuple[Operation, bool]:
        """The new operation and true, or the one that the same request began. Raises Busy, Reused, Unavailable.

        One that was interrupted, or failed for a passing reason, is begun anew: what it did is found done.
        """
        with self._beginning:
            earlier = self._earlier(asked)
            if earlier is not None:
                return earlier, False
            self._check_room(asked.dataflow)
            operation = Operation(
                id=f"op-{uuid.uuid4().hex}", kind=asked.kind, dataflow=asked.dataflow, service=asked.service,
                resource=asked.resource, state="running", by=asked.by, request_id=asked.request_id, created=_now(),
            )  # fmt: skip
            text = operation.model_dump_json()
            new = New(operation.id, asked.dataflow, asked.request_id, text, self._holder, asked.key, asked.body)
            known = self._store.add(new, self._lease_seconds)
            if known is not None:  # another director was faster
                return self._same(known, asked), False
            with self._change:
                self._running[operation.id] = operation
        self._tell("operation.began", operation, None)
        arguments = (operation.id, work, good, ended)
        threading.Thread(target=self._run, args=arguments, name=operation.id, daemon=True).start()
        return operation, True

    def known(self, key: str) -> Known | None:
        """What has become of a request that came before. Raises Unavailable."""
        return self._store.known(key)

    def runs_here(self, operation: str) -> bool:
        with self._change:
            return operation in self._running

    def find(self, operation: str) -> Operation:
        """Raises Unknown."""
        with self._change:
            found = self._running.get(operation)
        if found is None:
            kept = self._store.find(operation)
            if kept is None:
                raise Unknown(f"no operation '{operation}' here; check the id")
            found = _read(kept)
        return found

    def wait(self, operation: str, seconds: float) -> Operation:
        """Its state when it is over, or when the time is. What another director runs is looked at now and then."""
        end = time.monotonic() + seconds
        with self._change:
            self._change.wait_for(lambda: operation not in self._running, seconds)
        found = self.find(operation)
        while not found.over and (left := end - time.monotonic()) > 0:
            with self._change:
                self._change.wait(min(LOOK, left))
            found = self.find(operation)
        return found

    def cancel(self, operation: str) -> Operation:
        """What is being done to resources now is finished, nothing further is begun. Raises Unknown."""
        found = self._cancelled_here(operation)
        try:
            self._store.cancel(operation)
        except DirectorError as error:
            if found is None:
                raise
            log.warning("that %s is being cancelled is not kept: %s", operation, error)
        return found or self.find(operation)

    def page(
        self, before: int | None, size: int, dataflows: Sequence[str], state: State | None = None,
        request_id: str | None = None,
    ) -> tuple[list[Operation], int | None]:  # fmt: skip
        """The newest first, and the number before which to go on."""
        rows = self._store.page(before, size + 1, Filter(dataflows, state, request_id))
        more = rows[size - 1].number if len(rows) > size else None
        return [self._running.get(found.id, found) for found in map(_read, rows[:size])], more

    def counts(self) -> dict[str, int]:
        kept = self._store.states()
        return {state: kept.get(state, 0) for state in STATES}

    def forget(self, before: datetime, most: int) -> int:
        """Those that are over and older, at most so many; how many they were."""
        return self._store.prune(before, most)

    def close(self, seconds: float) -> None:
        """Ends what runs between two resources, as interrupted; what takes longer is told so by another director."""
        with self._change:
            self._closing = True
            running = [one.id for one in self._running.values() if one.state == "running"]
            self._stopped.update(running)
        for operation in running:
            self._cancelled_here(operation)
        with self._change:
            self._change.wait_for(lambda: not self._running, seconds)

    def _earlier(self, asked: Asked) -> Operation | None:
        known = self._store.known(asked.key) if asked.key else None
        if known is None or (known.again and known.body == asked.body):
            return None
        return self._same(known, asked)

    def _same(self, known: Known, asked: Asked) -> Operation:
        if known.body != asked.body:
            raise Reused("this Idempotency-Key came with another request before; use a new one for a new request")
        earlier = _read(known.operation)
        return self._running.get(earlier.id, earlier)

    def _check_room(self, dataflow: str) -> None:
        with self._change:
            running = list(self._running.values())
            if self._closing:
                raise Busy("this director is about to stop; ask again, so that another one answers")
        for other in running:
            if other.dataflow == dataflow:
                raise Busy(f"dataflow '{dataflow}' is busy with {other.id}; wait for that, or cancel it")
        if len(running) >= self._most_running:
            raise Busy(f"{self._most_running} operations run already; ask again when one is done")

    def _cancelled_here(self, operation: str) -> Operation | None:
        """None where it does not run here."""
        with self._change:
            found = self._running.get(operation)
            if found is None or found.over or found.state == "cancelling":
                return found
            self._running[operation] = found = found.model_copy(update={"state": "cancelling"})
        self._tell("operation.cancelling", found, None)
        return found

    def _run(self, operation: str, work: Work, good: Callable[[Any], bool], ended: Callable[[Operation], None]) -> None:
        try:
            final, ours = self._ended(*self._worked(operation, work, good))
            if ours:
                ended(final)
        finally:
            with self._change:
                self._running.pop(operation, None)
                self._stopped.discard(operation)
                self._change.notify_all()

    def _worked(self, operation: str, work: Work, good: Callable[[Any], bool]) -> tuple[Operation, State, Fault | None]:
        unkept = _Unkept()

        def progress(outcome: Any) -> None:
            unkept.add(self._step(operation, outcome).model_dump_json())
            if self._running[operation].state == "cancelling":
                raise Cancelled(f"{operation} was cancelled")

        try:
            with Heartbeat(
                self._store, operation, self._lease_seconds, unkept.take, lambda pulse: self._hear(operation, pulse)
            ):
                report = list(work(progress, operation))
        except Cancelled:
            state: State = "interrupted" if operation in self._stopped else "cancelled"
            return self._running[operation], state, None
        except Exception as error:  # the thread ends here: whatever it was, someone is waiting to hear of it
            found = self._running[operation]
            return found, "failed", self._explain(error, found.request_id)
        found = self._running[operation].model_copy(update={"resources": tuple(map(_outcome, report))})
        return found, "succeeded" if all(map(good, report)) else "failed", None

    def _step(self, operation: str, outcome: Any) -> OneOutcome:
        one = _outcome(outcome)
        with self._change:
            found = self._running[operation]
            found = found.model_copy(update={"resources": (*found.resources, one)})
            self._running[operation] = found
        self._tell("operation.resource", found, one)
        return one

    def _hear(self, operation: str, pulse: Pulse) -> None:
        """Somebody asked another director to end it, or took this one for dead."""
        if pulse != "held":
            self._cancelled_here(operation)
        if pulse == "lost":
            log.error("%s was not renewed in time and was told as interrupted: it stops here", operation)

    def _ended(self, operation: Operation, state: State, fault: Fault | None = None) -> tuple[Operation, bool]:
        """How it ended, and whether that is how it is kept: another may have told it as interrupted by then."""
        final = self._final(operation, state, fault)
        ours = True
        try:
            ours = self._store.end(final.id, final.model_dump_json(), state, final.begun_anew)
        except DirectorError as error:
            log.error("the end of %s (%s) is not kept: %s", final.id, state, error)
        if not ours:
            final = self._final(operation, "interrupted")
        with self._change:
            self._running[final.id] = final
        if ours:
            self._tell("operation.ended", final, None)
        return final, ours

    def _final(self, operation: Operation, state: State, fault: Fault | None = None) -> Operation:
        return operation.model_copy(update={"state": state, "ended": _now(), "fault": fault})


class _Unkept:
    """Steps on their way to the store."""

    def __init__(self) -> None:
        self._steps: deque[str] = deque()

    def add(self, step: str) -> None:
        self._steps.append(step)

    def take(self) -> list[str]:
        return [self._steps.popleft() for _ in range(len(self._steps))]


def _outcome(outcome: Any) -> OneOutcome:
    return OneOutcome(result=outcome.result, kind=outcome.kind, name=outcome.name, reason=outcome.reason)


def _read(kept: Kept) -> Operation:
    found = Operation.model_validate_json(kept.text)
    steps = tuple(map(OneOutcome.model_validate_json, kept.steps))
    return found.model_copy(update={"state": kept.state, "resources": found.resources or steps})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
