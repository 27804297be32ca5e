"""Write streams: which rows of a stream are accepted, and when a table shows them.

The default stream and COMMITTED streams put rows into the table at once. PENDING and BUFFERED streams hold them, as
Arrow, until they are committed or flushed.
https://cloud.google.com/bigquery/docs/write-api
"""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from localcloud.bigquery.catalog import Catalog
from localcloud.bigquery.database import Database, Transaction
from localcloud.bigquery.entities import Table
from localcloud.bigquery.names import DEFAULT_STREAM, TableName
from localcloud.clock import Clock

COMMITTED, PENDING, BUFFERED = "COMMITTED", "PENDING", "BUFFERED"


class StreamError(Exception):
    """Why a stream did not take or show rows: a code of StorageError.StorageErrorCode, and of gRPC."""

    def __init__(self, code: str, status: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class Stream:
    """A created stream. `rows` were accepted, of which a BUFFERED stream has shown `flushed`. Times in nanoseconds."""

    name: str
    table: TableName
    number: int  # of the table that it was created for
    kind: str
    created: int
    rows: int = 0
    flushed: int = 0
    finalized: bool = False
    committed: int = 0

    def record(self) -> str:
        body = {key: getattr(self, key) for key in ("name", "number", "kind", "created", "rows", "flushed")}
        return json.dumps(
            {**body, "table": self.table.reference, "finalized": self.finalized, "committed": self.committed}
        )


@dataclass(frozen=True, slots=True)
class Append:
    """Checked rows for a table; `stream` None is the default stream, `offset` None the end of the stream."""

    table: Table
    stream: str | None
    offset: int | None
    rows: pa.Table


class WriteStreams:
    """All created streams. Methods that take a transaction change them."""

    def __init__(self, database: Database, catalog: Catalog, clock: Clock) -> None:
        self._catalog = catalog
        self._clock = clock
        self._streams = {name: _stream(json.loads(body)) for name, body in database.records("stream")}

    def stream(self, name: str) -> Stream:
        """Raises StreamError if there is none, or its table is gone."""
        stream = self._streams.get(name)
        if stream is None or self._table(stream) is None:
            raise StreamError("STREAM_NOT_FOUND", "NOT_FOUND", f"Requested entity was not found. Entity: {name}")
        return stream

    def create(self, transaction: Transaction, table: Table, kind: str) -> Stream:
        name = f"{table.name.path}/streams/{uuid.uuid4().hex}"
        stream = Stream(name, table.name, table.number, kind, self._clock.time_ns())
        return self._keep(transaction, stream)

    def append(self, transaction: Transaction, appends: Sequence[Append]) -> list[int | StreamError | None]:
        """The offset of the first row of each, or why it was not taken; the rows go in together."""
        moved: dict[str, Stream] = {}
        arriving: dict[tuple[str, ...], list[pa.Table]] = {}
        outcomes: list[int | StreamError | None] = []
        for each in appends:
            try:
                outcomes.append(self._place(transaction, each, moved, arriving))
            except StreamError as error:
                outcomes.append(error)
        for (target, *_), tables in arriving.items():
            transaction.insert(target, pa.concat_tables(tables))
        for stream in moved.values():
            self._keep(transaction, stream)
        return outcomes

    def finalize(self, transaction: Transaction, name: str) -> int:
        """Closes the stream for appends; the number of its rows."""
        stream = self._keep(transaction, replace(self.stream(name), finalized=True))
        return stream.rows

    def flush(self, transaction: Transaction, name: str, offset: int) -> None:
        """Shows the rows of a BUFFERED stream up to and with `offset`."""
        stream = self.stream(name)
        if stream.kind != BUFFERED:
            raise _refused("INVALID_STREAM_TYPE", "Stream type is not BUFFERED", name)
        if offset >= stream.rows:
            message = f"The offset is beyond stream, expected offset below {stream.rows}, received {offset}"
            raise StreamError("OFFSET_OUT_OF_RANGE", "OUT_OF_RANGE", f"{message}. Entity: {name}")
        if offset >= stream.flushed:
            self._show(transaction, stream, offset + 1)
            self._keep(transaction, replace(stream, flushed=offset + 1))

    def commit(self, transaction: Transaction, table: TableName, names: Sequence[str]) -> tuple[int, list[StreamError]]:
        """Shows all rows of finalized PENDING streams together. The time of it, or why nothing was shown."""
        errors = [error for name in names if (error := self._uncommittable(table, name))]
        if errors:
            return 0, errors
        now = self._clock.time_ns()
        for name in dict.fromkeys(names):
            stream = self.stream(name)
            self._show(transaction, stream, stream.rows)
            self._keep(transaction, replace(stream, committed=now))
        return now, []

    def _place(
        self,
        transaction: Transaction,
        each: Append,
        moved: dict[str, Stream],
        arriving: dict[tuple[str, ...], list[pa.Table]],
    ) -> int | None:
        key = (each.table.storage, str(each.table.version), *each.rows.column_names)
        if each.stream is None:
            arriving.setdefault(key, []).append(each.rows)
            return None
        stream = moved.get(each.stream) or self.stream(each.stream)
        _check_open(stream)
        _check_offset(stream, each.offset)
        if stream.kind == COMMITTED:
            arriving.setdefault(key, []).append(each.rows)
        else:
            transaction.execute("INSERT INTO held VALUES (?, ?, ?)", [stream.name, stream.rows, _packed(each.rows)])
        moved[stream.name] = replace(stream, rows=stream.rows + each.rows.num_rows)
        return stream.rows

    def _show(self, transaction: Transaction, stream: Stream, end: int) -> None:
        """Moves held rows from where the stream was shown last up to `end` into the table."""
        table = self._catalog.table(stream.table)
        held = transaction.execute("SELECT first, rows FROM held WHERE stream = ? ORDER BY first", [stream.name])
        for first, packed in held:
            rows = _unpacked(packed)
            start, stop = max(stream.flushed - first, 0), min(end - first, rows.num_rows)
            if start < stop:
                transaction.insert(table.storage, rows.slice(start, stop - start))
            if stop == rows.num_rows:
                transaction.execute("DELETE FROM held WHERE stream = ? AND first = ?", [stream.name, first])

    def _uncommittable(self, table: TableName, name: str) -> StreamError | None:
        try:
            stream = self.stream(name)
        except StreamError as error:
            return error
        if stream.table != table:
            return _refused("STREAM_NOT_FOUND", f"The stream is not of table {table.path}", name)
        if stream.kind != PENDING:
            return _refused("INVALID_STREAM_TYPE", "Stream type is not PENDING", name)
        if stream.committed:
            return _refused("STREAM_ALREADY_COMMITTED", "Stream is already committed", name)
        if not stream.finalized:
            return _refused("INVALID_STREAM_STATE", "Stream is not finalized", name)
        return None

    def _table(self, stream: Stream) -> Table | None:
        table = self._catalog.find(stream.table)
        return table if table is not None and table.number == stream.number else None

    def _keep(self, transaction: Transaction, stream: Stream) -> Stream:
        transaction.keep("stream", stream.name, stream.record())
        transaction.afterwards(lambda: self._streams.update({stream.name: stream}))
        return stream


def default_stream(table: TableName) -> str:
    return f"{table.path}/streams/{DEFAULT_STREAM}"


def _refused(code: str, what: str, name: str) -> StreamError:
    return StreamError(code, "INVALID_ARGUMENT", f"{what}. Entity: {name}")


def _check_open(stream: Stream) -> None:
    if stream.finalized:
        raise _refused("STREAM_FINALIZED", "Stream has been finalized and cannot be appended to", stream.name)


def _check_offset(stream: Stream, offset: int | None) -> None:
    if offset is None or offset == stream.rows:
        return
    if offset < stream.rows:
        code, status, where = "OFFSET_ALREADY_EXISTS", "ALREADY_EXISTS", "within"
    else:
        code, status, where = "OFFSET_OUT_OF_RANGE", "OUT_OF_RANGE", "beyond"
    message = f"The offset is {where} stream, expected offset {stream.rows}, received {offset}. Entity: {stream.name}"
    raise StreamError(code, status, message)


def _packed(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def _unpacked(packed: bytes) -> pa.Table:
    with pa.ipc.open_stream(packed) as reader:
        return reader.read_all()


def _stream(body: Any) -> Stream:
    reference = body.pop("table")
    table = TableName(reference["projectId"], reference["datasetId"], reference["tableId"])
    return Stream(table=table, **body)
