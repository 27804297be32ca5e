"""Appending rows through BigQuery's Storage Write API, default stream: at least once, and visible when answered.

Several requests are under way at once; all are answered before `append` returns. An answer that names rows means that
none of its request was written (AppendRowsResponse.row_errors): the named ones are given back with the reason, the
others sent again. https://cloud.google.com/bigquery/docs/write-api
"""

import logging
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import grpc
from apache_beam.metrics import Metrics
from google.cloud.bigquery_storage_v1 import types

from beam_jobs.errors import Misconfigured, of_status
from beam_jobs.stages import DETAILS
from beam_jobs.warehouse.config import Column
from beam_jobs.warehouse.connection import Connection, Lost
from beam_jobs.warehouse.schema import TableSchema, check, default_stream, live_columns

log = logging.getLogger(__name__)

ANSWER_SECONDS = 30.0  # for all requests of an append, and more for many bytes
SLOWEST = 500_000  # bytes a second
IDLE_SECONDS = 150.0  # the service ends connections that are idle for some minutes: we are before it
REQUEST_ROWS, REQUEST_BYTES = 500, 1_000_000  # what a request aims at
LARGEST_ROW = 9_900_000  # bytes, of the 10 MB a request may have
OVERHEAD_PER_ROW = 8
UNDER_WAY = 32  # requests without an answer
TOO_LARGE = f"the row is larger than a request may be ({LARGEST_ROW} bytes)"
# Ends of a connection that say nothing about the service: what was not answered goes to a new one at once.
_PASSING = frozenset({"UNAVAILABLE", "ABORTED", "INTERNAL", "UNKNOWN", "CANCELLED"})
_ROW_ERROR_CODES: Any = types.RowError.RowErrorCode


class TableWriter:
    """Appends rows of one mapping to one table. Threads may append at once: each has a connection to itself."""

    def __init__(
        self,
        channel: grpc.Channel,
        table: str,
        columns: Sequence[Column],
        descriptor: Any,
        on_schema_change: Literal["hold", "dead_letter"] = "hold",
    ) -> None:
        self.table = table
        self._channel = channel
        self._columns = columns
        self._descriptor = descriptor
        self._holds = on_schema_change == "hold"
        self._schema = TableSchema(channel, default_stream(table))
        self._fits = False
        self._idle: list[Connection] = []
        self._lock = threading.Lock()

    def append(self, rows: Sequence[bytes]) -> dict[int, str]:
        """Writes all rows but those BigQuery refuses: their indexes, and why. Raises RetryLater or Misconfigured."""
        if not self._fits:
            check(self.table, self._columns, self._schema.read())
            self._fits = True
        one = _Append(self, rows)
        one.run()
        return one.refused

    def connection(self) -> Connection:
        """One that nobody uses, else a new one."""
        with self._lock:
            while self._idle:
                one = self._idle.pop()
                if one.idle_seconds < IDLE_SECONDS:
                    return one
                one.close()
        _count("connections")
        return Connection(self._channel, default_stream(self.table), self._descriptor)

    def give_back(self, connection: Connection) -> None:
        with self._lock:
            old = [one for one in self._idle if one.idle_seconds >= IDLE_SECONDS]
            self._idle = [*(one for one in self._idle if one not in old), connection]
        for one in old:
            one.close()

    def misfit(self, refusal: str) -> str | None:
        """After a request was refused whole: why its rows are dead where the table changed, None where it did not.

        Raises Misconfigured where such rows are held.
        """
        try:
            check(self.table, self._columns, self._schema.read())
        except Misconfigured as error:
            _count("schema_refusals")
            log.error("the table no longer takes our rows: %s (%s)", error, refusal)
            if self._holds:
                self._fits = False
                raise
            return f"schema_mismatch: {error}"
        return None

    def changed(self, table_schema: Any) -> None:
        """The table has got another schema, and still took our rows."""
        _count("schema_updates")
        known = {column.name.lower() for column in self._columns}
        new = [f"{one.name} {one}" for one in live_columns(table_schema) if one.name.lower() not in known]
        log.info("%s has a new schema; not written by this job: %s", self.table, ", ".join(new) or "nothing")


class _Append:
    """One batch on its way: what waits, what has no answer yet, what was refused; rows by their index."""

    def __init__(self, writer: TableWriter, rows: Sequence[bytes]) -> None:
        self._writer = writer
        self._rows = rows
        self._waiting = deque(parts(rows))
        self._unanswered: deque[list[int]] = deque()
        self._schema_checked = False
        self.refused = {index: TOO_LARGE for index, row in enumerate(rows) if len(row) > LARGEST_ROW}
        _count("refused_rows", len(self.refused))

    def run(self) -> None:
        """Raises RetryLater or Misconfigured; what was answered until then is written."""
        while self._waiting:
            connection = self._writer.connection()
            try:
                with connection.limited(ANSWER_SECONDS + sum(map(len, self._rows)) / SLOWEST):
                    self._exchange(connection)
            except Lost as lost:
                connection.close()
                self._again(connection, lost)
            except BaseException:
                connection.close()
                raise
            else:
                self._writer.give_back(connection)

    def _exchange(self, connection: Connection) -> None:
        while self._waiting or self._unanswered:
            while self._waiting and len(self._unanswered) < UNDER_WAY:
                part = self._waiting.popleft()
                self._unanswered.append(part)
                self._send(connection, part)
            self._take(connection)

    def _send(self, connection: Connection, part: Sequence[int]) -> None:
        rows = [self._rows[index] for index in part]
        _count("requests")
        _count("bytes", sum(map(len, rows)))
        connection.send(rows)

    def _take(self, connection: Connection) -> None:
        """An answer belongs to the oldest request without one."""
        response = connection.answer()
        part = self._unanswered[0]
        if response.HasField("updated_schema"):
            self._writer.changed(response.updated_schema)
        if response.row_errors:
            reasons = {part[error.index]: _reason(error) for error in response.row_errors}
            self._refuse(reasons)
            self._resend([index for index in part if index not in reasons])
        elif response.HasField("error"):
            self._refused_whole(part, response.error)
        else:
            _count("rows", len(part))
        self._unanswered.popleft()
        connection.proven = True

    def _refused_whole(self, part: list[int], error: Any) -> None:
        status = _status(error.code)
        if status != "INVALID_ARGUMENT":
            raise Lost(status, error.message)
        reason = None if self._schema_checked else self._writer.misfit(error.message)
        if reason is not None:
            self._refuse(dict.fromkeys(part, reason))
            return
        self._schema_checked = True
        if len(part) == 1:
            self._refuse({part[0]: error.message})
        else:  # some row is to blame, and BigQuery does not say which
            middle = len(part) // 2
            self._resend(part[:middle])
            self._resend(part[middle:])

    def _again(self, connection: Connection, lost: Lost) -> None:
        """What had no answer waits once more where the connection had worked; else the service is away.

        Raises RetryLater or Misconfigured.
        """
        unanswered, self._unanswered = list(self._unanswered), deque()
        if lost.status == "INVALID_ARGUMENT":
            self._ended_by_refusal(unanswered, lost)
        elif connection.proven and lost.status in _PASSING and not lost.timed_out:
            log.info("%s: connection ended (%s); a new one takes what had no answer", self._writer.table, lost)
            for part in unanswered:
                self._resend(part)
        else:
            raise of_status(lost.status, f"appending to {self._writer.table}", lost.details) from lost

    def _ended_by_refusal(self, unanswered: Iterable[list[int]], lost: Lost) -> None:
        """The writer's schema was refused, which is the table's doing."""
        reason = self._writer.misfit(lost.details)
        if reason is None:
            raise of_status(lost.status, f"appending to {self._writer.table}", lost.details) from lost
        for part in [*unanswered, *self._waiting]:
            self._refuse(dict.fromkeys(part, reason))
        self._waiting.clear()

    def _resend(self, part: list[int]) -> None:
        if part:
            _count("resent_rows", len(part))
            self._waiting.append(part)

    def _refuse(self, reasons: dict[int, str]) -> None:
        _count("refused_rows", len(reasons))
        self.refused |= reasons


def parts(rows: Sequence[bytes]) -> list[list[int]]:
    """Indexes of rows by request; rows that alone are too large are left out."""
    made: list[list[int]] = []
    size = REQUEST_BYTES
    for index, row in enumerate(rows):
        if len(row) > LARGEST_ROW:
            continue
        size += len(row) + OVERHEAD_PER_ROW
        if size > REQUEST_BYTES or len(made[-1]) >= REQUEST_ROWS:
            made.append([])
            size = len(row) + OVERHEAD_PER_ROW
        made[-1].append(index)
    return made


def _status(number: int) -> str:
    return next((code.name for code in grpc.StatusCode if code.value[0] == number), "UNKNOWN")


def _reason(error: Any) -> str:
    return f"{_ROW_ERROR_CODES(error.code).name}: {error.message}"


def _count(name: str, number: int = 1) -> None:
    """Adds to the metrics of the bundle that this thread works on; outside of Beam to none."""
    if number:
        Metrics.counter(DETAILS, name).inc(number)
