"""`conductor archive query` behind its parser."""

import argparse
import base64
import csv
import json
import sys
from datetime import date, datetime
from itertools import islice
from typing import Any

from beam_jobs.archive.reading.catalogue import catalogue
from beam_jobs.archive.reading.place import Span
from beam_jobs.archive.reading.shelf import open_shelf
from beam_jobs.archive.tools.query import Answer, opened
from beam_jobs.errors import Misconfigured
from director.strict import printable

SHOWN = 1_000  # rows that a table for people has at most
WIDEST = 60


def run(given: argparse.Namespace) -> int:
    """Exit code: 1 where something of the archive could not be read."""
    try:
        import duckdb
    except ModuleNotFoundError as error:
        raise Misconfigured("duckdb is missing; pip install 'iot-dataflows[conductor]'") from error
    shelf = open_shelf(given.archive.bucket)
    span = Span(given.from_ or "", given.to or "")
    known = catalogue(shelf, given.archive, span, not given.no_listing)
    damaged: list[str] = []
    with opened(shelf, known.entries, span, damaged) as connection:
        try:
            _say(Answer(connection.execute(given.sql)), given)
        except duckdb.Error as error:
            raise Misconfigured(f"DuckDB: {error}") from error
    for problem in damaged:
        sys.stderr.write(f"left out: {printable(problem)}\n")
    return 1 if damaged else 0


def _say(answer: Answer, given: argparse.Namespace) -> None:
    if given.json:
        for row in answer.rows():
            sys.stdout.write(json.dumps(dict(zip(answer.columns, map(_plain, row), strict=True))) + "\n")
    elif given.csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(answer.columns)
        writer.writerows([_cell(value) for value in row] for row in answer.rows())
    else:
        _table(answer)


def _table(answer: Answer) -> None:
    rows = [[printable(_cell(value)) for value in row] for row in islice(answer.rows(), SHOWN + 1)]
    shown = [answer.columns, *rows[:SHOWN]]
    widths = [min(WIDEST, max(map(len, column))) for column in zip(*shown, strict=True)]
    for row in shown:
        cells = (_cut(cell).ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write("  ".join(cells).rstrip() + "\n")
    if len(rows) > SHOWN:
        sys.stdout.write(f"... only the first {SHOWN:,} rows; --json and --csv give all\n")


def _plain(value: Any) -> Any:
    """As JSON has it: bytes in base64, times in ISO 8601."""
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(bytes(value)).decode()
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _cell(value: Any) -> str:
    plain = _plain(value)
    if plain is None:
        return ""
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _cut(cell: str) -> str:
    return cell if len(cell) <= WIDEST else f"{cell[: WIDEST - 1]}…"
