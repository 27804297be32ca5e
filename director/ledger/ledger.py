"""What the director remembers of its own doings, and who may act now. What there is, only Google knows.

A ledger keeps, for each scope (one dataflow): the lease, whose token never goes back; records, which are only ever
added; and for each resource an entry, which sums up its records.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Protocol

from director.keys import Key

Effect = Literal["create", "update", "delete"]
Phase = Literal["intent", "done", "failed", "explained"]


@dataclass(frozen=True, slots=True)
class Record:
    """One line of the journal: an intent, written before the call, or what came of it.

    `id` sorts as the journal was written; `intent` is the id of the intent that an outcome belongs to; `wanted` the
    fingerprint of what the resource was to become; `at` RFC 3339 by the director's own clock.
    """

    id: str
    operation: str
    kind: str
    name: str
    action: Effect
    phase: Phase
    wanted: str
    token: int
    who: str
    at: str
    detail: str = ""
    intent: str = ""

    @property
    def key(self) -> Key:
        return self.kind, self.name


@dataclass(frozen=True, slots=True)
class Entry:
    """What the records of one resource come to.

    `made` once a create was begun, until a delete is done; `wanted` the fingerprint of what it was last made to be;
    `pending` the intent whose outcome nobody wrote down.
    """

    made: bool = False
    wanted: str = ""
    pending: str = ""
    action: Effect = "create"  # of the pending intent


@dataclass(frozen=True, slots=True)
class Grant:
    """A lease as it was taken. `token` is higher than any before it."""

    token: int
    expires: datetime


def written_at(moment: datetime) -> str:
    """As `at` says it: such texts sort as the moments do."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Ledger(Protocol):
    """Where leases and journals are kept. Every method raises Unavailable or Rejected where the store cannot answer."""

    def take(self, scope: str, holder: str, seconds: float) -> Grant:
        """By the store's clock. Raises Busy while another holds it."""

    def renew(self, scope: str, token: int, seconds: float) -> None:
        """Raises Superseded where a higher token was given out."""

    def release(self, scope: str, token: int) -> None:
        """Lets the next one in at once; nothing where a higher token was given out."""

    def append(self, scope: str, record: Record, entry: Entry) -> None:
        """Both or neither. Raises Superseded where a higher token than the record's was given out."""

    def entries(self, scope: str) -> Mapping[Key, Entry]: ...

    def keep(self, scope: str, token: int, applied: str) -> None:
        """What was applied whole, in place of what was kept before. Raises Superseded; Rejected where it is too big."""

    def kept(self, scope: str) -> str | None: ...

    def records(self, scope: str) -> Sequence[Record]:
        """In the order they were written."""

    def forget(self, scope: str, before: datetime, most: int) -> int:
        """The oldest records from before then, at most so many, and no entry. How many they were."""
