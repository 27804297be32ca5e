"""The chosen messages of many objects in the order of their event times, with few lines of each in memory.

An object's lines are sorted as bytes, so by event time. An object is opened when its first event may be the next. Of
each one a page of lines is read; what is behind it waits as `spill` says. Ties keep the order of an object's own lines.
"""

from bisect import bisect_right
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from itertools import accumulate, chain
from operator import itemgetter
from typing import Any, NamedTuple

from beam_jobs.archive.lines import read
from beam_jobs.archive.manifest import Entry
from beam_jobs.archive.reading.choice import Choice
from beam_jobs.archive.reading.contents import Damaged
from beam_jobs.archive.replay.spill import Spill

MEMORY = 64_000_000  # bytes of lines that wait in memory, and as many that are read, of all open objects together
SMALLEST_PAGE, LARGEST_PAGE = 16_000, 64_000  # bytes of lines read of each open object
LATEST = b"\xff"
DAMAGED = -1
_START, _TIME = b'{"event_time":"', slice(15, 42)

Piece = tuple[bytes, int, int, bytes | None, str]
"""Event time, number of the object, lines of it that are done behind this, the message, and what is wrong with it.

Without both it says that the object ended; with DAMAGED lines that none of it can be read. A plain tuple: there is one
for each message.
"""
Prepare = Callable[[bytes, Mapping[str, Any]], bytes]
"""A line and what it says -> what is sent."""


class Part(NamedTuple):
    """An object to be read: its number, what it is, its lines or what is wrong with them, how many are done."""

    number: int
    entry: Entry
    text: bytes | Damaged
    done: int


class Source(NamedTuple):
    """An object that is not fetched yet."""

    number: int
    entry: Entry
    done: int


class Reading:
    """Reads lines: those that are chosen become pieces."""

    def __init__(self, choice: Choice, prepare: Prepare) -> None:
        self._choice = choice
        self._prepare = prepare
        self.since = choice.span.since.encode()
        self.until = choice.span.until.encode() or LATEST

    def pieces(self, number: int, first: int, timed: Iterable[tuple[bytes, bytes]]) -> Iterator[Piece]:
        """Of lines with their times, of which `first` is the number of the first one."""
        takes = None if self._choice.by_time_only else self._choice.takes
        since, until, prepare = self.since, self.until, self._prepare
        for done, (time, line) in enumerate(timed, first + 1):
            if not since <= time < until:
                continue
            try:
                document = read(line)
                if takes is not None and not takes(document):
                    continue
                message = prepare(line, document)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                yield time, number, done, None, f"line {done} is no message ({type(error).__name__}: {error})"[:300]
                continue
            yield time, number, done, message, ""


def merged(
    sources: Sequence[Source], texts: Generator[bytes | Damaged, None, None], reading: Reading, memory: int = MEMORY
) -> Generator[list[Piece], None, None]:
    """Runs of pieces, each sorted, one behind the other. `sources` by their first event, `texts` in their order.

    Raises OSError where what waits finds no room on the disk.
    """
    page = max(SMALLEST_PAGE, min(LARGEST_PAGE, memory // max(1, overlap(one.entry for one in sources))))
    spill = Spill(memory, page)
    try:
        yield from _runs(_Waiting(sources, texts), spill, reading)
    finally:
        texts.close()
        spill.close()


def overlap(entries: Iterable[Entry]) -> int:
    """How many of them, at most, have a moment in common."""
    ranges = [(one.min_event_time, one.max_event_time) for one in entries]
    changes = sorted([(first, 0) for first, _ in ranges] + [(last, 1) for _, last in ranges])
    return max(accumulate(-1 if ends else 1 for _, ends in changes), default=0)


def _runs(waiting: "_Waiting", spill: Spill, reading: Reading) -> Iterator[list[Piece]]:
    opened: list[_Open] = []
    while opened or waiting.first is not None:
        horizon = min((one.horizon for one in opened), default=b"")
        while waiting.first is not None and (not opened or waiting.first <= horizon):
            part = waiting.next()
            if isinstance(part.text, Damaged):
                yield [(b"", part.number, DAMAGED, None, str(part.text)), (b"", part.number, part.done, None, "")]
                continue
            opened.append(_Open(part.number, part.text, part.done, spill, reading))
            horizon = min(one.horizon for one in opened)
        run = list(chain.from_iterable([one.up_to(horizon) for one in opened]))
        opened = [one for one in opened if not one.ended]
        run.sort(key=itemgetter(0))
        if run:
            yield run


class _Waiting:
    def __init__(self, sources: Iterable[Source], texts: Iterator[bytes | Damaged]) -> None:
        self._sources = iter(sources)
        self._texts = texts
        self._turn()

    @property
    def first(self) -> bytes | None:
        """When the next object begins."""
        return self._next.entry.min_event_time.encode() if self._next else None

    def next(self) -> Part:
        assert self._next is not None  # noqa: S101 - asked for behind `first`
        number, entry, done = self._next
        self._turn()
        return Part(number, entry, next(self._texts), done)

    def _turn(self) -> None:
        self._next = next(self._sources, None)


class _Open:
    """An object of which a page of lines is read."""

    def __init__(self, number: int, text: bytes, done: int, spill: Spill, reading: Reading) -> None:
        self._number, self._reading = number, reading
        self._last = b""
        self._total = text.count(b"\n")
        self._done = 0
        self._times: list[bytes] = []
        self._lines: list[bytes] = []
        self._spill, self._kept = spill, spill.keep(text)
        self._begun = b""  # a line of which the rest is on the next page
        self.ended = False
        self._skip(min(done, self._total))

    @property
    def horizon(self) -> bytes:
        """Up to when all lines are read; what is behind it may be another object's turn."""
        return self._times[-1] if self._times else b""

    def up_to(self, horizon: bytes) -> Sequence[Piece]:
        place = bisect_right(self._times, horizon)
        timed = zip(self._times[:place], self._lines[:place], strict=True)
        pieces = list(self._reading.pieces(self._number, self._done, timed))
        self._done += place
        over = place and self._times[place - 1] >= self._reading.until
        del self._times[:place], self._lines[:place]
        if over or self._done >= self._total:
            self.ended = True
            self._spill.drop(self._kept)
            pieces.append((pieces[-1][0] if pieces else b"", self._number, self._total, None, ""))
        elif not self._times:
            self._fill()
        return pieces

    def _skip(self, lines: int) -> None:
        self._fill()
        while self._done < lines:
            place = min(len(self._lines), lines - self._done)
            del self._times[:place], self._lines[:place]
            self._done += place
            if not self._lines:
                self._fill()

    def _fill(self) -> None:
        self._lines = BytesIO(self._page()).readlines()
        for line in self._lines:
            # What is no line has no time of its own, and one that is out of order none that could be kept.
            time = line[_TIME] if line.startswith(_START) else b""
            self._last = max(time, self._last)
            self._times.append(self._last)

    def _page(self) -> bytes:
        """Whole lines, one at least where there is one."""
        pages = [self._begun]
        while page := self._spill.take(self._kept):
            whole = page.rfind(b"\n") + 1
            if whole:
                self._begun = page[whole:]
                return b"".join([*pages, page[:whole]])
            pages.append(page)
        return b""
