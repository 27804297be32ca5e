"""An archive held against what it says of itself: manifest, objects, lines, and the ids of a table.

What compaction leaves on its way is no fault: objects that are replaced and not deleted yet, and such as are written to
replace others and not listed yet.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from beam_jobs.archive.formats import lines_in
from beam_jobs.archive.lines import event_time_of, payload_of, read
from beam_jobs.archive.manifest import Entry
from beam_jobs.archive.reading.catalogue import Catalogue
from beam_jobs.archive.reading.contents import Damaged, ahead, text
from beam_jobs.archive.reading.place import Span
from beam_jobs.archive.reading.shelf import Shelf

MISSING, UNLISTED, ALTERED, DAMAGED, STRANGER, DUPLICATE = (
    "missing",
    "unlisted",
    "altered",
    "damaged",
    "stranger",
    "duplicate",
)


class Finding(NamedTuple):
    """Something that is not as it should be, with an object, or with an id of the archive or the table."""

    what: str
    where: str
    name: str
    why: str


class Held(NamedTuple):
    """Of an id: how often it stands there, and a hash of its payload."""

    times: int
    payload: bytes


@dataclass(slots=True)
class Report:
    """`repeated` counts ids that stand in the archive more than once, as messages do that Pub/Sub delivered again."""

    objects: int = 0
    messages: int = 0
    rows: int = 0
    repeated: int = 0
    replaced: int = 0  # objects that are there still
    unfinished: int = 0
    fresh: int = 0  # objects that are not listed, and too young to be found fault with
    findings: list[Finding] = field(default_factory=list)


def verify(
    shelf: Shelf,
    known: Catalogue,
    span: Span,
    settled: datetime,
    deep: bool,
    table: Mapping[str | None, Held] | None = None,
) -> Report:
    """`known` was made with a listing; what was written before `settled` has to be in the manifest by now.

    `table` holds ids of `span` only. Raises RetryLater, Misconfigured.
    """
    report = Report(
        objects=len(known.entries),
        messages=sum(one.count for one in known.entries),
        replaced=len(known.replaced & known.stored.keys()),
        unfinished=len(known.unfinished),
        fresh=sum(known.stored[name].created >= settled for name in known.unlisted),
        findings=list(_of_objects(known, settled)),
    )
    if deep or table is not None:
        present = [one for one in known.entries if one.name not in known.missing]
        ids = _read(shelf, present, span, report)
        if table is not None:
            report.rows = sum(one.times for one in table.values())
            report.findings += _of_table(ids, table)
    report.findings.sort()
    return report


def _of_objects(known: Catalogue, settled: datetime) -> Iterator[Finding]:
    for name in known.missing:
        yield Finding(MISSING, "objects", name, "the manifest lists it, and it is not there")
    for name in (one for one in known.unlisted if known.stored[one].created < settled):
        yield Finding(UNLISTED, "manifest", name, "it is there, and no part of the manifest lists it")
    for name in known.strangers:
        yield Finding(STRANGER, "objects", name, "by its name it is no object of an archive")
    for one in known.entries:
        lies = known.stored.get(one.name)
        if lies and (lies.bytes, lies.crc32c) != (one.bytes, one.crc32c):
            yield Finding(ALTERED, "objects", one.name, "size or CRC32C are not those that the manifest lists")


def _read(shelf: Shelf, entries: list[Entry], span: Span, report: Report) -> dict[str, Held]:
    """Ids of the span. A hash tells two payloads of an id apart."""
    ids: dict[str, Held] = {}
    altered: set[str] = set()
    with closing(ahead(lambda entry: text(shelf, entry), entries)) as texts:
        for entry, found in zip(entries, texts, strict=True):
            if isinstance(found, Damaged):
                report.findings.append(Finding(DAMAGED, "objects", entry.name, str(found)))
                continue
            lines = lines_in(found)
            report.findings += _of_lines(entry, lines)
            for identity, payload in _ids(lines, span):
                before = ids.get(identity)
                if before and before.payload != payload:
                    altered.add(identity)
                ids[identity] = Held(before.times + 1 if before else 1, payload)
    report.repeated = sum(one.times > 1 for one in ids.values())
    report.findings += [Finding(ALTERED, "archive", one, "it stands there with different payloads") for one in altered]
    return ids


def _of_lines(entry: Entry, lines: list[bytes]) -> Iterator[Finding]:
    bad = 0
    for line in lines:
        try:
            document = read(line)
            payload_of(document)
            bad += not isinstance(document["attributes"], dict)
        except (ValueError, KeyError, TypeError):
            bad += 1
    if bad:
        yield Finding(DAMAGED, "objects", entry.name, f"{bad} lines are no messages")
    elif lines and (event_time_of(lines[0]), event_time_of(lines[-1])) != (entry.min_event_time, entry.max_event_time):
        yield Finding(ALTERED, "manifest", entry.name, "its first or last event is not that of its lines")


def _ids(lines: Iterable[bytes], span: Span) -> Iterator[tuple[str, bytes]]:
    for line in lines:
        time = event_time_of(line)
        if not span.holds(time, time):
            continue
        try:
            document = read(line)
            yield document["id"], hashed(payload_of(document))
        except (ValueError, KeyError, TypeError):
            continue  # counted with its object


def _of_table(ids: Mapping[str, Held], table: Mapping[str | None, Held]) -> Iterator[Finding]:
    if None in table:
        yield Finding(STRANGER, "table", "", f"{table[None].times} rows have no id")
    yield from _of_ids(ids, {name: row for name, row in table.items() if name is not None})


def _of_ids(ids: Mapping[str, Held], table: Mapping[str, Held]) -> Iterator[Finding]:
    for name in ids.keys() - table.keys():
        yield Finding(MISSING, "table", name, "it is in the archive, and not in the table")
    for name in table.keys() - ids.keys():
        yield Finding(STRANGER, "table", name, "it is in the table, and not in the archive")
    for name, row in table.items():
        if row.times > 1:
            yield Finding(DUPLICATE, "table", name, f"it stands there {row.times} times")
        if row.payload and name in ids and row.payload != ids[name].payload:
            yield Finding(ALTERED, "table", name, "its payload is not the archive's")


def hashed(payload: bytes) -> bytes:
    """Half as long as the whole: what tells two payloads of one id apart."""
    return hashlib.sha256(payload).digest()[:16]


def counts(findings: Iterable[Finding]) -> Counter[tuple[str, str]]:
    return Counter((one.what, one.where) for one in findings)
