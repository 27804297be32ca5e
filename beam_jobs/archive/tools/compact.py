"""Small objects of a folder and date joined into large ones, with no moment in which a reader misses or doubles a line.

    read the small ones -> write the large one -> list it with what it replaces -> delete the small ones, later

Whoever reads through the manifest sees the small ones until the part that lists the large one is there, and the large
one from then on: that part is a single object. A crash leaves a large object that nobody lists, which the next run
writes again as it is and lists, or removes; or small ones that are replaced, which the next run deletes.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby

from beam_jobs.archive import manifest
from beam_jobs.archive.formats import FormatName, lines_in
from beam_jobs.archive.manifest import Entry
from beam_jobs.archive.objects import archive_object
from beam_jobs.archive.reading.catalogue import COMPACTED, Catalogue, catalogue
from beam_jobs.archive.reading.contents import Damaged, ahead, text
from beam_jobs.archive.reading.place import Place, Span
from beam_jobs.archive.reading.shelf import Shelf, Stored
from beam_jobs.archive.tools.lease import Lease

log = logging.getLogger(__name__)

READ_AHEAD = 16  # small objects: most of the time goes into asking for them


@dataclass(frozen=True, slots=True)
class Limits:
    """Which objects are joined, how large the joined ones become, and how long replaced ones are kept."""

    smaller_than: int = 4_000_000
    older_than: timedelta = timedelta(days=1)
    target_bytes: int = 16_000_000  # of small objects
    target_messages: int = 200_000
    keep: timedelta = timedelta(days=1)


@dataclass(slots=True)
class Done:
    """`damaged` names what could not be joined, and replaced objects whose replacement is not as it was listed."""

    joined: int = 0
    written: int = 0
    deleted: int = 0
    orphans: int = 0  # large objects that nobody listed, removed
    damaged: list[str] | None = None

    def named(self, problem: str) -> None:
        log.error("left as it is: %s", problem)
        self.damaged = [*(self.damaged or []), problem]


def groups(known: Catalogue, limits: Limits, now: datetime) -> Iterator[list[Entry]]:
    """Objects to be joined, at least two, of one folder, date and format. Pure."""
    small = sorted((one for one in known.entries if _small(one, known, limits, now)), key=_group)
    for _, alike in groupby(small, key=lambda one: _group(one)[:3]):
        for group in _packed(alike, limits):
            if len(group) > 1:
                yield group


def deletable(known: Catalogue, limits: Limits, now: datetime) -> tuple[list[Stored], list[str]]:
    """Replaced objects whose time has come, and those that have to stay: nothing sound replaces them. Pure."""
    by: dict[str, list[Entry]] = {}
    for one in known.replacing:
        for name in one.replaces:
            by.setdefault(name, []).append(one)
    due, stay = [], []
    for name in sorted(known.replaced & known.stored.keys()):
        if not _held_elsewhere(name, by, known, frozenset()):
            stay.append(name)
        elif all(known.replacing[one] + limits.keep <= now for one in by[name]):
            due.append(known.stored[name])
    return due, stay


def orphaned(known: Catalogue, limits: Limits, now: datetime) -> list[Stored]:
    """Large objects of a run that died before it listed them, and that no later run wrote. Pure."""
    found = [known.stored[name] for name in sorted(known.unfinished)]
    return [one for one in found if one.created + limits.older_than <= now]


def compact(
    shelf: Shelf, place: Place, span: Span, limits: Limits, lease: Lease, clock: Callable[[], datetime]
) -> Done:
    """Raises RetryLater, Misconfigured; the same again goes on where this one ended."""
    done = Done()
    lease.take()
    try:
        known = catalogue(shelf, place, span)
        for group in groups(known, limits, clock()):
            _join(shelf, known.root, group, lease, done)
        _delete(shelf, catalogue(shelf, place, span), limits, lease, clock(), done)
    finally:
        lease.give_back()
    return done


def _delete(shelf: Shelf, known: Catalogue, limits: Limits, lease: Lease, now: datetime, done: Done) -> None:
    due, stay = deletable(known, limits, now)
    for name in stay:
        done.named(f"{name} is replaced, and what replaces it is missing or not as it was listed")
    orphans = orphaned(known, limits, now)
    for number, one in enumerate([*due, *orphans]):
        if number % 100 == 0:
            lease.renew()
        shelf.delete(one)
    done.deleted, done.orphans = len(due), len(orphans)


def _join(shelf: Shelf, root: str, group: Sequence[Entry], lease: Lease, done: Done) -> None:
    found: list[bytes] = []
    sound: list[Entry] = []
    with closing(ahead(lambda entry: text(shelf, entry), group, READ_AHEAD)) as texts:
        for one, some in zip(group, texts, strict=True):
            if isinstance(some, Damaged):
                done.named(str(some))
            else:
                found += lines_in(some)
                sound.append(one)
    if len(sound) < 2:
        return
    large = archive_object(sound[0].name.rpartition("/")[0], found, sound[0].format)
    large = replace(large, metadata={**large.metadata, COMPACTED: "true"})
    names = tuple(one.name for one in sound if one.name != large.name)  # where its lines are all there are
    lease.renew()
    shelf.write([large])
    lease.renew()
    shelf.write(manifest.parts(root, [replace(manifest.entry(root, large), replaces=names)]))
    done.joined += len(names)
    done.written += 1


def _small(one: Entry, known: Catalogue, limits: Limits, now: datetime) -> bool:
    """Whether it is to be joined with others: listed, there, as it was listed, small and old enough."""
    lies = known.stored.get(one.name)
    if lies is None or one.name in known.unlisted or (lies.bytes, lies.crc32c) != (one.bytes, one.crc32c):
        return False
    return one.bytes < limits.smaller_than and lies.created + limits.older_than <= now


def _group(one: Entry) -> tuple[str, str, FormatName, str, str]:
    return one.partition, one.min_event_time[:10], one.format, one.min_event_time, one.name


def _packed(alike: Iterator[Entry], limits: Limits) -> Iterator[list[Entry]]:
    group: list[Entry] = []
    octets = messages = 0
    for one in alike:
        if group and (octets + one.bytes > limits.target_bytes or messages + one.count > limits.target_messages):
            yield group
            group, octets, messages = [], 0, 0
        group.append(one)
        octets, messages = octets + one.bytes, messages + one.count
    yield group


def _held_elsewhere(name: str, by: dict[str, list[Entry]], known: Catalogue, seen: frozenset[str]) -> bool:
    """Whether an object that is there as it was listed holds its lines, perhaps over others that it replaced."""
    if name in seen:
        return False
    return any(
        _as_listed(one, known) or _held_elsewhere(one.name, by, known, seen | {name}) for one in by.get(name, ())
    )


def _as_listed(one: Entry, known: Catalogue) -> bool:
    lies = known.stored.get(one.name)
    return lies is not None and (lies.bytes, lies.crc32c) == (one.bytes, one.crc32c)
