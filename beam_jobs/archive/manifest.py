"""The manifest: which objects an archive has, in small parts that are written once and never changed.

    <prefix>/_manifest/date=2026-01-02/hour=03/<hash>.jsonl

A part lists, a line each, objects whose first event lies in its hour; an object never reaches beyond the event date of
its first. What was written twice may be listed twice: the manifest is the union of its parts, by name. Objects are
written first, so what is listed is there; where a part is missing after a crash, writing the same again lists it all.
An object may replace others of its date: from when it is listed on they are no part of the archive, wherever they are
listed, and may be deleted.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any, cast

import orjson

from beam_jobs.archive.formats import FormatName
from beam_jobs.archive.objects import ArchiveObject

FOLDER = "_manifest"


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One object: its whole name, what it holds, and how to prove it."""

    name: str
    partition: str  # its folder, behind the prefix
    format: FormatName
    bytes: int
    crc32c: str  # of its content, as Cloud Storage tells it
    sha256: str  # of its sorted lines, each ended by a newline, whatever the format
    count: int
    min_event_time: str
    max_event_time: str
    replaces: tuple[str, ...] = ()  # whole names of objects whose lines this one holds; "replaces" is left out for none


def entry(prefix: str, one: ArchiveObject) -> Entry:
    """What the manifest says of an object."""
    folder, _, file = one.name.removeprefix(f"{prefix}/").rpartition("/")
    return Entry(
        name=one.name,
        partition=folder,
        format=cast(FormatName, file.partition(".")[2]),
        bytes=len(one.content),
        crc32c=one.crc32c,
        sha256=one.metadata["sha256"],
        count=int(one.metadata["count"]),
        min_event_time=one.metadata["min-event-time"],
        max_event_time=one.metadata["max-event-time"],
    )


def parts(prefix: str, entries: Iterable[Entry]) -> list[ArchiveObject]:
    """The parts that list these, one for each hour; named from what they say."""
    hours: dict[str, set[Entry]] = defaultdict(set)
    for one in entries:
        hours[folder(prefix, one.min_event_time)].add(one)
    return [_part(where, encode(sorted(some))) for where, some in sorted(hours.items())]


def folder(prefix: str, event_time: str, hour: bool = True) -> str:
    """Where the parts are that list objects beginning in that hour, or without `hour` on that date."""
    day = f"{prefix}/{FOLDER}/date={event_time[:10]}"
    return f"{day}/hour={event_time[11:13]}" if hour else day


def encode(entries: Iterable[Entry]) -> bytes:
    return b"".join([orjson.dumps(_written(one)) + b"\n" for one in entries])


def decode(content: bytes) -> list[Entry]:
    """What a part lists. Raises ValueError that names the line which is no entry."""
    return [_entry(text) for text in content.splitlines()]


def union(entries: Iterable[Entry]) -> dict[str, Entry]:
    """Each object once, by name, without those that others replace."""
    known = list(entries)
    gone = replaced(known)
    return {one.name: one for one in known if one.name not in gone}


def replaced(entries: Iterable[Entry]) -> set[str]:
    """Names of objects that others replace. An object never replaces itself."""
    return {name for one in entries for name in one.replaces if name != one.name}


def _entry(text: bytes) -> Entry:
    found: Any = orjson.loads(text)
    if not isinstance(found, dict) or not found.keys() >= _NAMES:
        raise ValueError(f"no entry of a manifest: {text[:200]!r}")
    return Entry(**{name: found[name] for name in _NAMES}, replaces=tuple(found.get("replaces", ())))


def _written(one: Entry) -> dict[str, Any]:
    document = asdict(one)
    if not one.replaces:
        del document["replaces"]
    return document


def _part(where: str, content: bytes) -> ArchiveObject:
    name = f"{where}/{hashlib.sha256(content).hexdigest()[:32]}.jsonl"
    return ArchiveObject(name, content, {}, "application/x-ndjson")


_NAMES = frozenset(field.name for field in fields(Entry)) - {"replaces"}
