"""What a replay would do, and how long it would take: from the manifest where that is enough, else by reading."""

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from beam_jobs.archive.formats import lines_in
from beam_jobs.archive.manifest import Entry
from beam_jobs.archive.reading.choice import Choice
from beam_jobs.archive.reading.contents import Damaged, ahead, text
from beam_jobs.archive.reading.shelf import Shelf
from beam_jobs.archive.replay.merging import Reading
from beam_jobs.archive.replay.pace import MAX

PER_SECOND = 20_000  # messages that one process publishes to Google without haste


@dataclass(frozen=True, slots=True)
class Estimate:
    """`bytes` are those of the objects that have to be fetched; times are empty where nothing is chosen."""

    objects: int
    bytes: int
    messages: int
    first: str
    last: str
    read: int  # objects that were read, for the manifest does not say what of them is chosen
    damaged: tuple[str, ...]

    def seconds(self, speed: float) -> float:
        """At a finite speed, as long as what happened took; else at a rate that is ours to assume."""
        if not self.messages:
            return 0.0
        if speed == MAX:
            return self.messages / PER_SECOND
        apart = datetime.fromisoformat(self.last) - datetime.fromisoformat(self.first)
        return apart.total_seconds() / speed


@dataclass(frozen=True, slots=True)
class _Some:
    messages: int
    first: str
    last: str


def estimate(shelf: Shelf, entries: Sequence[Entry], choice: Choice) -> Estimate:
    """Raises RetryLater, Misconfigured."""
    known = [one for one in entries if _known(one, choice)]
    unknown = [one for one in entries if not _known(one, choice)]
    some = [_Some(one.count, one.min_event_time, one.max_event_time) for one in known]
    damaged: list[str] = []
    with closing(ahead(lambda entry: text(shelf, entry), unknown)) as texts:
        for found in texts:
            if isinstance(found, Damaged):
                damaged.append(str(found))
            else:
                some += _chosen(found, choice)
    return Estimate(
        objects=len(entries),
        bytes=sum(one.bytes for one in entries),
        messages=sum(one.messages for one in some),
        first=min((one.first for one in some), default=""),
        last=max((one.last for one in some), default=""),
        read=len(unknown),
        damaged=tuple(damaged),
    )


def _known(entry: Entry, choice: Choice) -> bool:
    return choice.by_time_only and choice.span.holds(entry.min_event_time, entry.max_event_time)


def _chosen(found: bytes, choice: Choice) -> Iterable[_Some]:
    lines = lines_in(found)
    reading = Reading(choice, lambda line, document: b"x")
    timed = ((line[15:42], line) for line in lines)
    times = [piece[0].decode() for piece in reading.pieces(0, 0, timed) if piece[3] is not None]
    return [_Some(len(times), min(times), max(times))] if times else []
