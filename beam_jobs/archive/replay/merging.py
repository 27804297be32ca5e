"""The chosen messages of many objects in the order of their event times, with few lines of each in memory.

An object's lines are sorted as bytes, so by event time. An object is opened when its first event may be the next, and
its lines lie in a temporary file beyond the first megabyte. Ties keep the order of an object's own lines.
"""

from bisect import bisect_right
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from tempfile import SpooledTemporaryFile
from typing import Any, NamedTuple

from beam_jobs.archive.lines import read
from beam_jobs.archive.manifest import Entry
from beam_jobs.archive.reading.choice import Choice
from beam_jobs.archive.reading.contents import Damaged

IN_MEMORY = 1_000_000  # bytes of an object's lines; those of larger ones lie in a file
AT_ONCE = 64_000  # bytes of lines read of each open object
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
    sources: Iterable[Source], texts: Generator[bytes | Damaged, None, None], reading: Reading
) -> Generator[list[Piece], None, None]:
    """Runs of pieces, each sorted, one behind the other. `sources` by their first event, `texts` in their order."""
    opened: list[_Open] = []
    try:
        yield from _runs(_Waiting(sources, texts), opened, reading)
    finally:
        texts.close()
        for one in opened:
            one.close()


def _runs(waiting: "_Waiting", opened: "list[_Open]", reading: Reading) -> Iterator[list[Piece]]:
    while opened or waiting.first is not None:
        horizon = min((one.horizon for one in opened), default=b"")
        while waiting.first is not None and (not opened or waiting.first <= horizon):
            part = waiting.next()
            if isinstance(part.text, Damaged):
                yield [(b"", part.number, DAMAGED, None, str(part.text)), (b"", part.number, part.done, None, "")]
                continue
            opened.append(_Open(part.number, part.text, part.done, reading))
            horizon = min(one.horizon for one in opened)
        run = list(chain.from_iterable([one.up_to(horizon) for one in opened]))
        opened[:] = [one for one in opened if not one.ended]
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
    """An object of which some lines are in memory."""

    def __init__(self, number: int, text: bytes, done: int, reading: Reading) -> None:
        self._number, self._reading = number, reading
        self._last = b""
        self._total = text.count(b"\n")
        self._done = 0
        self._times: list[bytes] = []
        self._lines: list[bytes] = []
        self._file = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed with this
        self._file.write(text)
        self._file.seek(0)
        self.ended = False
        self._skip(done)
        self._fill()

    @property
    def horizon(self) -> bytes:
        """Up to when all lines are in memory."""
        return self._times[-1] if self._done + len(self._times) < self._total else LATEST

    def up_to(self, horizon: bytes) -> Sequence[Piece]:
        place = bisect_right(self._times, horizon)
        timed = zip(self._times[:place], self._lines[:place], strict=True)
        pieces = list(self._reading.pieces(self._number, self._done, timed))
        self._done += place
        over = place and self._times[place - 1] >= self._reading.until
        del self._times[:place], self._lines[:place]
        if over or self._done >= self._total:
            self.ended = True
            self.close()
            pieces.append((pieces[-1][0] if pieces else b"", self._number, self._total, None, ""))
        elif not self._times:
            self._fill()
        return pieces

    def close(self) -> None:
        self._file.close()

    def _skip(self, lines: int) -> None:
        while self._done < min(lines, self._total):
            self._file.readline()
            self._done += 1

    def _fill(self) -> None:
        self._lines = self._file.readlines(AT_ONCE)
        for line in self._lines:
            # What is no line has no time of its own, and one that is out of order none that could be kept.
            time = line[_TIME] if line.startswith(_START) else b""
            self._last = max(time, self._last)
            self._times.append(self._last)
