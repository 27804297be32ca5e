"""Long work as a thing of its own: begun, looked at, waited for and cancelled by calls that are short.

Each runs on a thread; what becomes of every resource is kept as it happens, so that after a crash a restart can tell
how far it came. What was running then is `interrupted`: run it again, it converges.
"""

import logging
import threading
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import Field

from director.errors import Busy, DirectorError, Unknown
from director.operations.store import OperationStore
from director.strict import Strict

Kind = Literal["apply", "teardown"]
State = Literal["running", "cancelling", "succeeded", "failed", "cancelled", "interrupted"]
STATES: tuple[State, ...] = ("running", "cancelling", "succeeded", "failed", "cancelled", "interrupted")
MOST_RUNNING = 8

log = logging.getLogger(__name__)


class OneOutcome(Strict):
    """What became of one resource."""

    result: str
    kind: str
    name: str
    reason: str = ""


class Fault(Strict):
    """Why an operation did not come to its end, as a call would be told; `passing` where it may the next time."""

    status: int
    code: str
    message: str
    passing: bool = False
    details: dict[str, Any] = Field(default_factory=dict)


class Operation(Strict):
    """`resources` grows while it runs; `by` is who asked."""

    id: str
    kind: Kind
    dataflow: str
    service: str | None = None
    resource: str | None = None
    state: State
    by: str
    request_id: str
    created: str
    ended: str | None = None
    resources: tuple[OneOutcome, ...] = ()
    fault: Fault | None = None

    @property
    def over(self) -> bool:
        return self.state not in ("running", "cancelling")


Progress = Callable[[Any], None]
Work = Callable[[Progress, str], Iterable[Any]]  # is told its operation's id, gives the outcomes of all resources


@dataclass(frozen=True, slots=True)
class Asked:
    """Who wants what. `key` names the request where the caller may send it twice; `body` is what it then must equal."""

    kind: Kind
    dataflow: str
    by: str
    request_id: str
    service: str | None = None
    resource: str | None = None
    key: str | None = None
    body: str = ""


class Cancelled(DirectorError):
    """Somebody asked for it; raised between two resources."""


class Reused(DirectorError):
    """An idempotency key came back with another request."""


class Operations:
    """`explain` turns an error (and the id of the request) into what callers are told; `tell` hears of every step."""

    def __init__(
        self,
        store: OperationStore,
        explain: Callable[[Exception, str], Fault],
        tell: Callable[[str, Operation, OneOutcome | None], None] = lambda kind, operation, outcome: None,
        most_running: int = MOST_RUNNING,
    ) -> None:
        self._store = store
        self._explain = explain
        self._tell = tell
        self._most_running = most_running
        self._running: dict[str, Operation] = {}
        self._change = threading.Condition()

    def recover(self) -> Sequence[Operation]:
        """Once at the start: what the process before this one left running, now told as interrupted."""
        found = []
        for text, steps in self._store.unended():
            resources = tuple(OneOutcome.model_validate_json(step) for step in steps)
            found.append(self._ended(_read(text).model_copy(update={"resources": resources}), "interrupted"))
        return found

    def begin(
        self, asked: Asked, work: Work, good: Callable[[Any], bool], ended: Callable[[Operation], None]
    ) -> tuple[Operation, bool]:
        """The new operation and true, or the one that the same request began. Raises Busy, Reused, Unavailable.

        One that was interrupted, or failed for a passing reason, is begun anew: what it did is found done.
        """
        with self._change:
            earlier = self._earlier(asked)
            if earlier is not None:
                return earlier, False
            for other in self._running.values():
                if other.dataflow == asked.dataflow:
                    raise Busy(f"dataflow '{asked.dataflow}' is busy with {other.id}; wait for that, or cancel it")
            if len(self._running) >= self._most_running:
                raise Busy(f"{self._most_running} operations run already; ask again when one is done")
            operation = Operation(
                id=f"op-{uuid.uuid4().hex}", kind=asked.kind, dataflow=asked.dataflow, service=asked.service,
                resource=asked.resource, state="running", by=asked.by, request_id=asked.request_id, created=_now(),
            )  # fmt: skip
            self._store.add(operation.id, asked.dataflow, operation.model_dump_json(), asked.key, asked.body)
            self._running[operation.id] = operation
        self._tell("operation.began", operation, None)
        arguments = (operation.id, work, good, ended)
        threading.Thread(target=self._run, args=arguments, name=operation.id, daemon=True).start()
        return operation, True

    def find(self, operation: str) -> Operation:
        """Raises Unknown."""
        with self._change:
            found = self._running.get(operation)
        if found is None:
            text = self._store.find(operation)
            if text is None:
                raise Unknown(f"no operation '{operation}' here; check the id")
            found = _read(text)
        return found

    def wait(self, operation: str, seconds: float) -> Operation:
        """Its state when it is over, or when the time is."""
        with self._change:
            self._change.wait_for(lambda: operation not in self._running, seconds)
        return self.find(operation)

    def cancel(self, operation: str) -> Operation:
        """What is being done to resources now is finished, nothing further is begun. Raises Unknown."""
        with self._change:
            found = self._running.get(operation)
            if found is not None:
                if found.over:
                    return found
                self._running[operation] = found = found.model_copy(update={"state": "cancelling"})
                self._store.change(found.id, found.model_dump_json())
        if found is None:
            return self.find(operation)
        self._tell("operation.cancelling", found, None)
        return found

    def page(
        self, before: int | None, size: int, dataflows: Sequence[str], state: State | None = None
    ) -> tuple[list[Operation], int | None]:
        """The newest first, and the number before which to go on."""
        rows = self._store.page(before, size + 1, dataflows, state)
        more = rows[size - 1][0] if len(rows) > size else None
        return [self._running.get(found.id, found) for found in (_read(text) for _, text in rows[:size])], more

    def counts(self) -> dict[str, int]:
        return {state: self._store.states().get(state, 0) for state in STATES}

    def close(self, seconds: float) -> None:
        """Cancels what runs and waits for it; what takes longer is told as interrupted by the next start."""
        with self._change:
            running = list(self._running)
        for operation in running:
            self.cancel(operation)
        with self._change:
            self._change.wait_for(lambda: not self._running, seconds)

    def _earlier(self, asked: Asked) -> Operation | None:
        found = self._store.by_key(asked.key) if asked.key else None
        if found is None:
            return None
        text, body = found
        if body != asked.body:
            raise Reused("this Idempotency-Key came with another request before; use a new one for a new request")
        earlier = _read(text)
        return self._running.get(earlier.id, earlier)

    def _run(self, operation: str, work: Work, good: Callable[[Any], bool], ended: Callable[[Operation], None]) -> None:
        try:
            ended(self._worked(operation, work, good))
        finally:
            with self._change:
                self._running.pop(operation, None)
                self._change.notify_all()

    def _worked(self, operation: str, work: Work, good: Callable[[Any], bool]) -> Operation:
        try:
            report = list(work(lambda outcome: self._step(operation, outcome), operation))
        except Cancelled:
            return self._ended(self._running[operation], "cancelled")
        except Exception as error:  # the thread ends here: whatever it was, someone is waiting to hear of it
            return self._ended(
                self._running[operation], "failed", self._explain(error, self._running[operation].request_id)
            )
        found = self._running[operation].model_copy(update={"resources": tuple(map(_outcome, report))})
        return self._ended(found, "succeeded" if all(map(good, report)) else "failed")

    def _step(self, operation: str, outcome: Any) -> None:
        """Raises Cancelled after a resource where that was asked for."""
        one = _outcome(outcome)
        with self._change:
            found = self._running[operation]
            found = found.model_copy(update={"resources": (*found.resources, one)})
            self._running[operation] = found
            self._store.step(operation, one.model_dump_json())
        self._tell("operation.resource", found, one)
        if found.state == "cancelling":
            raise Cancelled(f"{operation} was cancelled")

    def _ended(self, operation: Operation, state: State, fault: Fault | None = None) -> Operation:
        final = operation.model_copy(update={"state": state, "ended": _now(), "fault": fault})
        again = state == "interrupted" or (fault is not None and fault.passing)
        try:
            self._store.end(final.id, final.model_dump_json(), forget_key=again)
        except DirectorError as error:
            log.error("the end of %s (%s) is not kept: %s", final.id, state, error)
        with self._change:
            if final.id in self._running:
                self._running[final.id] = final
        self._tell("operation.ended", final, None)
        return final


def _outcome(outcome: Any) -> OneOutcome:
    return OneOutcome(result=outcome.result, kind=outcome.kind, name=outcome.name, reason=outcome.reason)


def _read(text: str) -> Operation:
    return Operation.model_validate_json(text)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
