"""Waiting for what Google does in its own time: an operation that has to finish, or a state that has to come.

    begun = client.create_database(request=..., retry=None, timeout=CALL_TIMEOUT)   # a google.api_core Operation
    waiting.finished(begun, client.transport.operations_client, f"creating {wanted.full_name}")

    waiting.until(lambda: provider.observe(wanted) is None, f"deleting {wanted.full_name}")

A provider takes `waiting: Waiting = PATIENT` in its constructor; tests give it another budget and their own sleep.
What goes wrong is a DirectorError: `OperationFailed` where Google gave up, with its reason, and `StillGoing` where the
budget is spent. Neither is tried again by `Retries`, since that would begin the same anew. A provider that is killed
while it waits has to find the unfinished work when it next observes, and wait on.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from google.api_core.exceptions import from_grpc_status
from google.longrunning.operations_pb2 import Operation

from director.durations import duration, written
from director.errors import Rejected, Unavailable
from director.provisioning.base import CALL_TIMEOUT
from director.retries import Retries, transient


class OperationFailed(Rejected):
    """Google took the call and could not do what it asked for; the message has its reason."""


class StillGoing(Unavailable):
    """The budget is spent and Google still works on it. What was begun goes on; doing the same again waits on."""


class Begun(Protocol):
    """What Google's clients return for an operation."""

    @property
    def operation(self) -> Operation: ...


class Operations(Protocol):
    """The `operations_client` of a client's transport."""

    def get_operation(self, name: str, retry: None, timeout: float) -> Operation: ...


def _patience() -> Retries:
    return Retries(first=0.5, longest=10.0)


@dataclass(frozen=True, slots=True)
class Waiting:
    """At most `budget` seconds, with the growing pauses of `pauses`, whose sleep and clock are used.

    A look that fails for a reason that may pass is a look in vain; any other error is raised.
    """

    budget: float = 600.0
    pauses: Retries = field(default_factory=_patience)

    def finished(self, begun: Begun, operations: Operations, what: str) -> Operation:
        """The operation when it is done. Raises OperationFailed, StillGoing, or what asking for it raises."""
        operation = begun.operation

        def done() -> bool:
            nonlocal operation
            if not operation.done:
                operation = operations.get_operation(operation.name, retry=None, timeout=CALL_TIMEOUT)
            return bool(operation.done)

        self.until(done, what)
        if operation.HasField("error"):
            raise OperationFailed(f"{what} failed: {told(operation)}")
        return operation

    def until(self, look: Callable[[], bool], what: str) -> None:
        """Returns when `look` says so. Raises StillGoing, or what `look` raises."""
        end = self.pauses.clock() + self.budget
        for attempt in itertools.count():
            if self._seen(look):
                return
            pause = self.pauses.pause(attempt)
            if self.pauses.clock() + pause > end:
                raise StillGoing(f"{what} is not done after {self.shown}, but goes on; do the same again to wait on")
            self.pauses.sleep(pause)

    @property
    def shown(self) -> str:
        return written(duration(f"{self.budget:g}s"))

    @staticmethod
    def _seen(look: Callable[[], bool]) -> bool:
        try:
            return look()
        except Exception as error:
            if transient(error):
                return False
            raise


PATIENT = Waiting()


def told(operation: Operation) -> str:
    """Why an operation failed, as Google says it."""
    error = from_grpc_status(operation.error.code, operation.error.message)
    return f"{error.__class__.__name__}: {operation.error.message or 'no reason given'}"
