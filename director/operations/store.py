"""Where operations are kept, and who runs each: an operation nobody renews any more was left behind by a crash."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

Pulse = Literal["held", "cancel", "lost"]
RUNNING, CANCELLING = "running", "cancelling"


@dataclass(frozen=True, slots=True)
class New:
    """An operation as it begins. `text` is its JSON, `key` names the request that may come again, with its `body`."""

    id: str
    dataflow: str
    request_id: str
    text: str
    holder: str
    key: str | None = None
    body: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """An operation as it is kept: `state` is newer than what `text` says, `steps` what came of resources so far.

    `number` only rises from one operation to the next.
    """

    id: str
    number: int
    text: str
    state: str
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """What a key stands for. `again` where the operation may be begun anew; `crashes` counts those cut short."""

    operation: Kept
    body: str
    again: bool
    crashes: int


@dataclass(frozen=True, slots=True)
class Filter:
    """Which operations to look for; what is empty or None narrows nothing, except that dataflows have to be named."""

    dataflows: Sequence[str]
    state: str | None = None
    request_id: str | None = None


class OperationStore(Protocol):
    """Every method raises Unavailable or Rejected where the store cannot answer. Leases go by the store's clock."""

    def add(self, new: New, seconds: float) -> Known | None:
        """Keeps it, with a lease of so many seconds; or nothing, and answers what its key stands for already.

        A key that may be used `again` with the same body goes over to the new operation.
        """

    def beat(self, operation: str, steps: Sequence[str], seconds: float) -> Pulse:
        """Renews the lease and adds steps. `lost` where it was ended by somebody else, `cancel` where one asked to."""

    def cancel(self, operation: str) -> None:
        """Asks whoever runs it to end it; nothing where it is over, or unknown."""

    def end(self, operation: str, text: str, state: str, again: bool) -> bool:
        """False, and nothing is changed, where it is over already. `again` frees its key for the same request."""

    def find(self, operation: str) -> Kept | None: ...

    def known(self, key: str) -> Known | None: ...

    def abandoned(self) -> Sequence[Kept]:
        """Those that are not over and whose lease has run out."""

    def page(self, before: int | None, size: int, asked: Filter) -> Sequence[Kept]:
        """The newest first, of those before a number; without their steps."""

    def states(self) -> dict[str, int]:
        """How many there are in each state."""

    def prune(self, before: datetime, most: int) -> int:
        """Forgets at most so many that are over and older, with their keys. How many it were."""

    def close(self) -> None: ...
