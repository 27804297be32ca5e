"""Which objects an archive has of a time: those its manifest lists, and those that only lie there.

Objects that another one replaces are not read, whether they are there still or not. One that replaces others is read
from when it is listed on: before, it is no part of the archive.
"""

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import cast

from beam_jobs.archive import manifest
from beam_jobs.archive.formats import FORMATS, FormatName
from beam_jobs.archive.manifest import Entry
from beam_jobs.archive.reading.place import Place, Span
from beam_jobs.archive.reading.shelf import Gone, Shelf, Stored
from beam_jobs.errors import Misconfigured, RetryLater

COMPACTED = "compacted"  # metadata of an object that replaces others
MOST_DATES = 400  # beyond, all of the manifest is listed at once
READERS = 8
_FORMATS = "|".join(re.escape(name) for name in FORMATS)
_FILE = re.compile(rf"(\d{{4}})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-[0-9a-f]{{16}}-(\d+)\.({_FORMATS})")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What there is of a time. Names are whole."""

    root: str  # the archive's prefix
    entries: tuple[Entry, ...]  # to be read, by event time: listed, and unlisted ones too
    unlisted: frozenset[str]  # of the entries: those no part of the manifest lists
    missing: frozenset[str]  # of the entries: listed, and not there
    strangers: frozenset[str]  # there, and nothing of the archive's by their names
    replaced: frozenset[str]  # by objects that are listed
    unfinished: frozenset[str]  # written to replace others, and not listed yet
    stored: dict[str, Stored] = field(repr=False)  # all that lies there, where it was listed
    replacing: dict[Entry, datetime] = field(repr=False)  # entries that replace others, and since when


def catalogue(shelf: Shelf, place: Place, span: Span, listing: bool = True) -> Catalogue:
    """Of the objects below `place` that meet `span`. Without `listing`, what the manifest says is believed.

    Raises RetryLater, and Misconfigured also for a part of the manifest that is none.
    """
    root = root_of(shelf, place)
    known = list(_listed(shelf, root, span))
    # Behind the manifest: what is written and listed meanwhile is unlisted then, but never missing.
    stored = {one.name: one for one in shelf.stored(f"{place.prefix}/")} if listing else {}
    entries = [one for _, some in known for one in some]
    replaced = manifest.replaced(entries)
    listed = {name: one for name, one in manifest.union(entries).items() if name.startswith(f"{place.prefix}/")}
    kept = {name: one for name, one in listed.items() if span.meets(one.min_event_time, one.max_event_time)}
    own = {name: one for name, one in stored.items() if not name.removeprefix(f"{root}/").startswith("_")}
    unknown = {name: one for name, one in own.items() if name not in listed and name not in replaced}
    guesses = {name: _guess(root, one) for name, one in unknown.items()}
    # Of other dates, the manifest was not read.
    meant = {name: one for name, one in guesses.items() if one and span.meets(one.min_event_time, one.max_event_time)}
    unlisted = {name: one for name, one in meant.items() if COMPACTED not in stored[name].metadata}
    return Catalogue(
        root=root,
        entries=tuple(sorted((kept | unlisted).values(), key=lambda one: (one.min_event_time, one.name))),
        unlisted=frozenset(unlisted),
        missing=frozenset(kept.keys() - stored.keys()) if listing else frozenset(),
        strangers=frozenset(name for name, one in guesses.items() if one is None),
        replaced=frozenset(replaced),
        unfinished=frozenset(meant.keys() - unlisted.keys()),
        stored=stored,
        replacing={one: part.created for part, some in known for one in some if one.replaces},
    )


def root_of(shelf: Shelf, place: Place) -> str:
    """Where the manifest of `place` begins; `place` itself where there is none."""
    for root in place.roots:
        if next(iter(shelf.stored(f"{root}/{manifest.FOLDER}/")), None):
            return root
    return place.prefix


def _listed(shelf: Shelf, root: str, span: Span) -> Iterator[tuple[Stored, list[Entry]]]:
    """Each part, and what it lists."""
    parts = [one for folder in _folders(root, span) for one in shelf.stored(folder)]
    with ThreadPoolExecutor(READERS, thread_name_prefix="manifest") as readers:
        yield from zip(parts, readers.map(lambda part: _part(shelf, part.name), parts), strict=True)


def _folders(root: str, span: Span) -> Iterable[str]:
    """An object never reaches beyond the date of its first event, so the parts of the dates in between are all."""
    everything = [f"{root}/{manifest.FOLDER}/"]
    if not (span.since and span.until):
        return everything
    first, last = date.fromisoformat(span.since[:10]), date.fromisoformat(span.until[:10])
    if (last - first).days > MOST_DATES:
        return everything
    dates = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [f"{manifest.folder(root, one.isoformat(), hour=False)}/" for one in dates]


def _part(shelf: Shelf, name: str) -> list[Entry]:
    try:
        return manifest.decode(shelf.read(name))
    except Gone as error:
        raise RetryLater(f"{name} was there a moment ago; is somebody removing the archive?") from error
    except ValueError as error:
        raise Misconfigured(f"{name} is no part of a manifest: {error}; look at it, and remove it") from error


def _guess(root: str, one: Stored) -> Entry | None:
    """What an object's name and metadata say, as the manifest would; None for what is no object of an archive."""
    folder, _, file = one.name.removeprefix(f"{root}/").rpartition("/")
    found = _FILE.fullmatch(file)
    if not found:
        return None
    year, month, day, hour, minute, second, count, form = found.groups()
    on = f"{year}-{month}-{day}"
    facts = one.metadata
    return Entry(
        name=one.name,
        partition=folder,
        format=cast(FormatName, form),
        bytes=one.bytes,
        crc32c=one.crc32c,
        sha256=facts.get("sha256", ""),
        count=int(count),
        min_event_time=facts.get("min-event-time", f"{on}T{hour}:{minute}:{second}.000000Z"),
        max_event_time=facts.get("max-event-time", f"{on}T23:59:59.999999Z"),
    )
