"""`conductor archive verify` behind its parser."""

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from beam_jobs.archive.reading.catalogue import catalogue
from beam_jobs.archive.reading.place import Span
from beam_jobs.archive.reading.shelf import open_shelf
from beam_jobs.archive.tools.verify import Report, counts, verify
from director.strict import printable

NAMED = 50  # findings that are named to people; JSON names all


def run(given: argparse.Namespace) -> int:
    """Exit code: 1 where something was found."""
    shelf = open_shelf(given.archive.bucket)
    span = Span(given.from_ or "", given.to or "")
    known = catalogue(shelf, given.archive, span)
    table = None
    if given.table:
        from beam_jobs.archive.tools.tables import ids

        table = ids(given.table, given.column, given.time_column, span, given.payload_column)
    report = verify(shelf, known, span, datetime.now(UTC) - timedelta(seconds=given.settling), given.deep, table)
    lines = [json.dumps(_as_json(report), indent=2)] if given.json else _told(report)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 1 if report.findings else 0


def _as_json(report: Report) -> dict[str, object]:
    return {
        "objects": report.objects,
        "messages": report.messages,
        "rows": report.rows,
        "repeated_ids": report.repeated,
        "replaced_objects": report.replaced,
        "unfinished_objects": report.unfinished,
        "fresh_objects": report.fresh,
        "findings": [one._asdict() for one in report.findings],
    }


def _told(report: Report) -> Iterator[str]:
    yield f"{report.objects:,} objects with {report.messages:,} messages; {report.rows:,} rows of the table"
    if report.repeated:
        yield f"{report.repeated:,} ids stand there more than once, as Pub/Sub delivers now and then"
    if report.replaced or report.unfinished:
        yield f"of compaction: {report.replaced:,} objects to be deleted, {report.unfinished:,} not listed yet"
    if report.fresh:
        yield f"{report.fresh:,} objects are not listed, and were written a moment ago"
    for one in report.findings[:NAMED]:
        yield printable(f"{one.what:10} {one.where:9} {one.name}: {one.why}")
    if len(report.findings) > NAMED:
        yield f"and {len(report.findings) - NAMED:,} more; --json names all"
    for (what, where), number in sorted(counts(report.findings).items()):
        yield f"{number:,} {what} ({where})"
    if not report.findings:
        yield "all as it should be"
