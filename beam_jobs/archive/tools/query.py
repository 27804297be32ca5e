"""SQL over an archive, in DuckDB on this machine.

Each object becomes a Parquet file in a temporary folder, whatever its format, and `archive` is a view of all of them:
DuckDB reads of a file what a question needs, and holds no more in memory.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from beam_jobs.archive.formats import lines_in
from beam_jobs.archive.lines import payload_of, read
from beam_jobs.archive.manifest import Entry
from beam_jobs.archive.reading.contents import Damaged, ahead, text
from beam_jobs.archive.reading.place import Span
from beam_jobs.archive.reading.shelf import Shelf
from bridge.envelope import moment

ROWS = 2_000  # turned into columns at once, and fetched at once
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("event_time", pa.timestamp("us")),  # in UTC, as DuckDB's TIMESTAMP
        ("publish_time", pa.timestamp("us")),
        ("attributes", pa.map_(pa.string(), pa.string())),
        ("payload", pa.string()),
        ("payload_bytes", pa.binary()),
        ("ordering_key", pa.string()),
        ("message_id", pa.string()),
        ("object", pa.string()),
    ]
)


class Answer:
    """Columns by name, and rows as they come."""

    def __init__(self, cursor: Any) -> None:
        self.columns: list[str] = [name for name, *_ in cursor.description or ()]
        self._cursor = cursor

    def rows(self) -> Iterator[Sequence[Any]]:
        while some := self._cursor.fetchmany(ROWS):
            yield from some


@contextmanager
def opened(shelf: Shelf, entries: Sequence[Entry], span: Span, damaged: list[str]) -> Iterator[Any]:
    """A connection to DuckDB with the view `archive` of what happened in `span`.

    What cannot be read is named in `damaged`. Raises ModuleNotFoundError without duckdb.
    """
    import duckdb

    with TemporaryDirectory(prefix="archive-query-") as folder, duckdb.connect() as connection:
        parquet.write_table(SCHEMA.empty_table(), Path(folder, "empty.parquet"))
        with closing(ahead(lambda entry: text(shelf, entry), entries)) as texts:
            for number, (entry, found) in enumerate(zip(entries, texts, strict=True)):
                problem = str(found) if isinstance(found, Damaged) else _write(folder, number, entry, found, span)
                if problem:
                    damaged.append(problem)
        files = f"{folder}/*.parquet".replace("'", "''")
        connection.execute(f"CREATE VIEW archive AS SELECT * FROM read_parquet('{files}')")  # noqa: S608 - our folder
        yield connection


def _write(folder: str, number: int, entry: Entry, found: bytes, span: Span) -> str:
    """What is wrong, "" where nothing is."""
    lines = lines_in(found)
    bad = 0
    with parquet.ParquetWriter(Path(folder, f"{number}.parquet"), SCHEMA) as writer:
        for start in range(0, len(lines), ROWS):
            rows: list[dict[str, Any]] = []
            for line in lines[start : start + ROWS]:
                try:
                    time, row = _row(line, entry.name)
                except (ValueError, KeyError, TypeError, OverflowError):
                    bad += 1
                    continue
                if span.holds(time, time):
                    rows.append(row)
            writer.write_table(pa.Table.from_pylist(rows, SCHEMA))
    return f"{entry.name}: {bad} lines are no messages" if bad else ""


def _row(line: bytes, name: str) -> tuple[str, dict[str, Any]]:
    """With its event time as it is written."""
    document = read(line)
    payload = payload_of(document)
    published = document["publish_time"]
    time = document["event_time"]
    return time, {
        "id": document["id"],
        "event_time": moment(time).replace(tzinfo=None),
        "publish_time": moment(_microseconds(published)).replace(tzinfo=None),
        "attributes": list(document["attributes"].items()),
        "payload": _text(payload),
        "payload_bytes": payload,
        "ordering_key": document.get("ordering_key", ""),
        "message_id": document.get("message_id", ""),
        "object": name,
    }


def _text(payload: bytes) -> str | None:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return None


def _microseconds(published: str) -> str:
    """Without what stands behind microseconds."""
    second, point, rest = published.removesuffix("Z").partition(".")
    return f"{second}{point}{rest[:6]}Z"
