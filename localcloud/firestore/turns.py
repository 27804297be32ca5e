"""Turns: documents over which transactions abort each other are read by one of them at a time, first come first served.

Without turns, transactions over the same document could abort each other for as long as they like.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

_LONGEST = 5.0  # seconds that an idle transaction can hold others up
_CONTENTION = 10.0  # seconds without conflict after which a document needs no turns


@dataclass(eq=False, slots=True)
class _Waiting:
    owner: bytes
    names: frozenset[str]
    granted: asyncio.Event = field(default_factory=asyncio.Event)


class Turns:
    """Every contended name has at most one holder. `monotonic` gives seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._contended: dict[str, float] = {}
        self._holders: dict[str, bytes] = {}
        self._since: dict[bytes, float] = {}
        self._queue: list[_Waiting] = []

    def contended(self, names: Iterable[str]) -> None:
        """From now on, and for a while, these names are had in turns."""
        now = self._monotonic()
        self._contended = {name: until for name, until in self._contended.items() if until > now}
        self._contended |= dict.fromkeys(names, now + _CONTENTION)

    async def take(self, owner: bytes, names: Iterable[str]) -> None:
        """Returns once `owner` has its turn on those of the names that are contended, or has waited long enough.

        Who has a turn already does not wait for another, so nobody waits for each other.
        """
        now = self._monotonic()
        wanted = frozenset(name for name in names if self._contended.get(name, now) > now)
        if not wanted or owner in self._since:
            return
        waiting = _Waiting(owner, wanted)
        self._queue.append(waiting)
        self._grant()
        try:
            await asyncio.wait_for(waiting.granted.wait(), _LONGEST)
        except TimeoutError:
            pass  # a conflict will still be found when it commits
        finally:
            if waiting in self._queue:
                self._queue.remove(waiting)
                self._grant()

    def free(self, owner: bytes) -> None:
        if self._since.pop(owner, None) is not None:
            self._holders = {name: holder for name, holder in self._holders.items() if holder != owner}
            self._grant()

    def others_hold(self, names: Iterable[str], owner: bytes) -> bool:
        """Whether somebody else, who is not idle for too long, has his turn on one of the names."""
        holders = {self._holders[name] for name in names if name in self._holders} - {owner}
        return any(map(self._is_fresh, holders))

    def _grant(self) -> None:
        """Gives turns in the order of the queue; a name that somebody further ahead wants is not free."""
        taken = {name for name, holder in self._holders.items() if self._is_fresh(holder)}
        for waiting in list(self._queue):
            if taken.isdisjoint(waiting.names):
                self._queue.remove(waiting)
                self._holders |= dict.fromkeys(waiting.names, waiting.owner)
                self._since[waiting.owner] = self._monotonic()
                waiting.granted.set()
            taken |= waiting.names

    def _is_fresh(self, holder: bytes) -> bool:
        return holder in self._since and self._monotonic() - self._since[holder] < _LONGEST
