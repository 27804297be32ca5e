"""Appending rows through BigQuery's Storage Write API, default stream: at least once, and visible when answered.

An answer that names rows means that none of the request was written (AppendRowsResponse.row_errors): the named ones are
given back with the reason, the others sent again. https://cloud.google.com/bigquery/docs/write-api

The client library's AppendRowsStream is not used: its futures poll for their result with growing pauses, which takes
half a second a request, and it breaks after minutes of idleness.
"""

import threading
import time
from collections.abc import Sequence
from queue import SimpleQueue
from typing import Any

import grpc
from google.cloud.bigquery_storage_v1 import types

from beam_jobs.errors import RetryLater, of_status

APPEND_ROWS = "/google.cloud.bigquery.storage.v1.BigQueryWrite/AppendRows"
ANSWER_SECONDS = 30.0
CONNECTION_SECONDS = 240.0  # the service closes connections that are idle for some minutes: we are before it
REQUEST_BYTES = 8_000_000  # of the 10 MB a request may have
OVERHEAD_PER_ROW = 8
TOO_LARGE = f"the row is larger than a request may be ({REQUEST_BYTES} bytes)"

_Request: Any = type(types.AppendRowsRequest.pb(types.AppendRowsRequest()))
_Response: Any = type(types.AppendRowsResponse.pb(types.AppendRowsResponse()))
_ROW_ERROR_CODES: Any = types.RowError.RowErrorCode


class TableWriter:
    """Appends rows of one schema to one table over one connection, opened anew after an error or some minutes."""

    def __init__(self, channel: grpc.Channel, table: str, descriptor: Any) -> None:
        project, dataset, name = table.split(".")
        self.table = table
        self._stream = f"projects/{project}/datasets/{dataset}/tables/{name}/streams/_default"
        self._descriptor = descriptor
        self._call = channel.stream_stream(APPEND_ROWS, _Request.SerializeToString, _Response.FromString)
        self._connection: _Connection | None = None
        self._lock = threading.Lock()

    def append(self, rows: Sequence[bytes]) -> dict[int, str]:
        """Writes all rows but those BigQuery refuses: their indexes, and why. Raises RetryLater or Misconfigured."""
        refused = {index: TOO_LARGE for index, row in enumerate(rows) if len(row) > REQUEST_BYTES}
        with self._lock:
            for part in parts(rows):
                refused |= self._append(rows, part)
        return refused

    def _append(self, rows: Sequence[bytes], part: Sequence[int]) -> dict[int, str]:
        refused: dict[int, str] = {}
        left = list(part)
        while left:
            response = self._answer([rows[index] for index in left])
            if not response.row_errors:
                break
            self._close()
            refused |= {left[error.index]: _reason(error) for error in response.row_errors}
            left = [index for index in left if index not in refused]
        return refused

    def _answer(self, rows: Sequence[bytes]) -> Any:
        """The response to one request: rows written, or row errors."""
        request = _Request()
        request.proto_rows.rows.serialized_rows.extend(rows)
        try:
            response = self._open().exchange(request)
        except grpc.RpcError as error:
            self._close()
            raise of_status(error.code().name, f"appending to {self.table}", error.details() or "") from error
        except StopIteration as error:
            self._close()
            raise RetryLater(f"appending to {self.table}: the service closed the connection") from error
        if response.HasField("error") and not response.row_errors:
            self._close()
            raise of_status(_status(response.error.code), f"appending to {self.table}", response.error.message)
        return response

    def _open(self) -> "_Connection":
        if self._connection is not None and self._connection.age > CONNECTION_SECONDS:
            self._close()
        if self._connection is None:
            self._connection = _Connection(self._call, self._stream, self._descriptor)
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Connection:
    """One AppendRows call: a request, its answer, the next request."""

    def __init__(self, call: Any, stream: str, descriptor: Any) -> None:
        self._first: tuple[str, Any] | None = (stream, descriptor)
        self._requests: SimpleQueue[Any] = SimpleQueue()
        metadata = (("x-goog-request-params", f"write_stream={stream}"),)
        self._responses = call(iter(self._requests.get, None), metadata=metadata)
        self._opened = time.monotonic()

    @property
    def age(self) -> float:
        return time.monotonic() - self._opened

    def exchange(self, request: Any) -> Any:
        """Raises grpc.RpcError, CANCELLED where no answer came in time, or StopIteration."""
        if self._first is not None:
            request.write_stream, descriptor = self._first
            request.proto_rows.writer_schema.proto_descriptor.CopyFrom(descriptor)
            self._first = None
        watchdog = threading.Timer(ANSWER_SECONDS, self._responses.cancel)
        watchdog.start()
        try:
            self._requests.put(request)
            return next(self._responses)
        finally:
            watchdog.cancel()

    def close(self) -> None:
        self._requests.put(None)
        self._responses.cancel()


def parts(rows: Sequence[bytes]) -> list[list[int]]:
    """Indexes of rows, cut where a request would grow too large; rows that alone are too large are left out."""
    made: list[list[int]] = [[]]
    size = 0
    for index, row in enumerate(rows):
        if len(row) > REQUEST_BYTES:
            continue
        size += len(row) + OVERHEAD_PER_ROW
        if size > REQUEST_BYTES and made[-1]:
            made.append([])
            size = len(row) + OVERHEAD_PER_ROW
        made[-1].append(index)
    return made if made[0] else []


def _status(number: int) -> str:
    return next((code.name for code in grpc.StatusCode if code.value[0] == number), "UNKNOWN")


def _reason(error: Any) -> str:
    return f"{_ROW_ERROR_CODES(error.code).name}: {error.message}"
