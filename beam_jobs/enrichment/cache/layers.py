"""What a layer of the cache is, and what it holds.

Every layer works on many keys at once. A record is encoded as it will be appended to messages: the device's
attributes and `enrichment.status`. ABSENT says that there is no such device, and is kept for a shorter time.

An entry also says when its record was read at the source, in microseconds by the source's clock. That time is the
record's generation: what was read at R shows every change up to R. A change at U is told to all layers, which drop
what was read before U and refuse to take it again, so that an answer on its way meanwhile cannot bring it back.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bridge import envelope

STATUS = "enrichment.status"
FOUND = envelope.attribute(STATUS, "ok")
ABSENT = envelope.attribute(STATUS, "not_found")
UNAVAILABLE = envelope.attribute(STATUS, "unavailable")
STALE = envelope.attribute(STATUS, "stale")  # appended to a record: the last entry of a map key wins


class LayerUnavailable(Exception):
    """A layer that cannot answer now."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A record and the time it was read at the source, in microseconds since 1970."""

    record: bytes
    read_at: int

    @property
    def absent(self) -> bool:
        return self.record == ABSENT


@dataclass(frozen=True, slots=True)
class Change:
    """What was read before these times is out of date.

    `keys` are known to have changed at their time (microseconds since 1970): older entries are never served again.
    Any other key may have changed unheard before `unheard`: older entries are stale.
    """

    keys: Mapping[str, int] = field(default_factory=dict)
    unheard: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a layer knows.

    `entries` may be served; `ageing` are those of them that are to be read anew behind the caller's back, and
    `stale` are past their time, for when nobody further away answers.
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    ageing: set[str] = field(default_factory=set)
    stale: dict[str, Entry] = field(default_factory=dict)


class Layer(Protocol):
    """A cache of entries by key. Raises LayerUnavailable."""

    name: str

    def get(self, keys: Collection[str]) -> Answer: ...

    def put(self, entries: Mapping[str, Entry]) -> int:
        """Gives the number of entries refused because something read later is known."""

    def change(self, change: Change) -> None: ...


class Source(Protocol):
    """Where records come from in the end: every key is answered, if only by ABSENT. Raises LayerUnavailable."""

    name: str

    def fetch(self, keys: Collection[str]) -> dict[str, Entry]: ...


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Seconds for which a layer serves an entry, counted from when it was put there.

    An entry whose `seconds` are over is served for `revalidate_seconds` more while it is read anew in the background,
    and for `stale_seconds` where the source fails. Absent ones have `absent_seconds` and nothing after.
    """

    seconds: float
    absent_seconds: float
    revalidate_seconds: float = 0.0
    stale_seconds: float = 0.0

    def of(self, entry: Entry, spread: float) -> float:
        """The first of those times, changed by up to 10 % as `spread`, 0 to 1, says: no two end at once."""
        return (self.absent_seconds if entry.absent else self.seconds) * (0.9 + 0.2 * spread)
