"""What an operation is: what is kept of it, and what is told of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from director.errors import DirectorError
from director.strict import Strict

Kind = Literal["apply", "teardown", "rollback", "verify"]
State = Literal["running", "cancelling", "succeeded", "failed", "cancelled", "interrupted"]
STATES: tuple[State, ...] = ("running", "cancelling", "succeeded", "failed", "cancelled", "interrupted")


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

    @property
    def settled(self) -> bool:
        """Over, and the same request would not begin it anew."""
        return self.over and not self.begun_anew

    @property
    def begun_anew(self) -> bool:
        """By the same request: it was cut short, or failed for a reason that may pass."""
        return self.state == "interrupted" or (self.fault is not None and self.fault.passing)


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
    """A key came back with another request."""


class NoSuchPart(DirectorError):
    """The dataflow is there and the caller's to see, but not what was named within it."""
