"""A replay from its first message to its last: read, send, wait for the answer, record; a batch at a time.

The batch behind the one that is on its way is read meanwhile. What is recorded is confirmed, so a replay that dies has
at most one batch to send again.
"""

import logging
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import astuple, dataclass, field
from typing import Protocol

from beam_jobs.archive.manifest import Entry
from beam_jobs.archive.reading.contents import ahead, text
from beam_jobs.archive.reading.shelf import Shelf
from beam_jobs.archive.replay.batches import MESSAGES, Batches
from beam_jobs.archive.replay.merging import DAMAGED, Piece, Reading, Source, merged
from beam_jobs.archive.replay.pace import Pace
from beam_jobs.archive.replay.publishing import Refused
from beam_jobs.archive.replay.spec import Spec
from beam_jobs.archive.replay.state import Tally
from beam_jobs.archive.replay.targets import Sent, Taker
from beam_jobs.errors import Misconfigured

log = logging.getLogger(__name__)


class Record(Protocol):
    """Keeps what is so now of some objects, safe when it returns; `position` is that of the target."""

    def record(self, tallies: Mapping[int, Tally], position: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Totals:
    """What became of all lines so far."""

    read: int = 0
    published: int = 0
    failed: int = 0
    damaged: int = 0  # objects
    ended: int = 0  # objects

    @property
    def skipped(self) -> int:
        return self.read - self.published - self.failed

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(*map(sum, zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: "Totals") -> "Totals":
        return Totals(*(one - less for one, less in zip(astuple(self), astuple(other), strict=True)))


@dataclass(slots=True)
class Replay:
    """Entries in the order of their first events; `tallies` are those of a state that is resumed."""

    spec: Spec
    entries: Sequence[Entry]
    shelf: Shelf
    taker: Taker
    state: Record
    pace: Pace
    tallies: dict[int, Tally] = field(default_factory=dict)
    shown: Callable[[Totals], None] = lambda totals: None
    batch_messages: int = MESSAGES
    doubts: bool = True  # whether a first batch that is refused whole ends it
    totals: Totals = field(init=False)

    def __post_init__(self) -> None:
        self.totals = sum(map(_totals, self.tallies.values()), Totals())

    def run(self) -> Totals:
        """Raises RetryLater or Misconfigured where a service is the cause; what was confirmed is recorded."""
        with closing(self._runs()) as runs:
            self._all(Batches(runs, self.batch_messages))
        return self.totals

    def _all(self, batches: Batches) -> None:
        """Whoever interrupts finds the batch unrecorded that is on its way: resumed, it goes again."""
        sent: _OnItsWay | None = None
        while (first := batches.first()) is not None:
            if self.pace.waits:
                self._settle(sent)
                sent = None
                self.pace.wait(first)
            batch = batches.take(self.pace.due())
            self._settle(sent)
            sent = self._start(batch)
        self._settle(sent)
        while batch := batches.take():  # ends of objects
            self._settle(self._start(batch))

    def _runs(self) -> Generator[list[Piece], None, None]:
        left = [
            Source(number, entry, self.tallies[number].done if number in self.tallies else 0)
            for number, entry in enumerate(self.entries)
            if number not in self.tallies or not self.tallies[number].ended
        ]
        texts = ahead(lambda entry: text(self.shelf, entry), [one.entry for one in left])
        return merged(left, texts, Reading(self.spec.choice, self.taker.prepare))

    def _start(self, batch: Sequence[Piece]) -> "_OnItsWay":
        messages = [piece[3] for piece in batch if piece[3] is not None]
        return _OnItsWay(batch, len(messages), self.taker.start(messages))

    def _settle(self, sent: "_OnItsWay | None") -> None:
        if sent is None:
            return
        refused = sent.sent.finish()
        self._doubt(refused, sent.messages)
        changed: dict[int, Tally] = {}
        place = 0
        for _, number, done, message, problem in sent.batch:
            tally = changed.get(number)
            if tally is None:
                tally = changed[number] = self.tallies.setdefault(number, Tally())
                self.totals -= _totals(tally)
            if done == DAMAGED:
                self._damaged(number, tally, problem)
                continue
            tally.done = max(tally.done, done)
            if message is not None:
                why = refused.get(place, "") if refused else ""
                place += 1
                tally.published += not why
                problem = why
            elif not problem:
                tally.ended = True
            if problem:
                tally.failed += 1
                log.error("not replayed: line %d of %s: %s", done, self.entries[number].name, problem)
        self.totals = sum(map(_totals, changed.values()), self.totals)
        self.state.record(changed, self.taker.position)
        self.shown(self.totals)

    def _doubt(self, refused: Refused, messages: int) -> None:
        """Nobody has taken any message, and several are refused: hardly each for a reason of its own."""
        if self.doubts and len(refused) == messages > 1 and not self.totals.published:
            why = next(iter(refused.values()))
            advice = "is it the right target? Nothing is recorded; if the messages are to blame, leave them out"
            raise Misconfigured(f"{self.spec.target} refuses every message of the first batch ({why}): {advice}")

    def _damaged(self, number: int, tally: Tally, problem: str) -> None:
        tally.damage = problem
        log.error("an object is damaged, nothing of it is replayed: %s", problem)


@dataclass(frozen=True, slots=True)
class _OnItsWay:
    batch: Sequence[Piece]
    messages: int
    sent: Sent


def _totals(tally: Tally) -> Totals:
    return Totals(tally.done, tally.published, tally.failed, bool(tally.damage), tally.ended)
