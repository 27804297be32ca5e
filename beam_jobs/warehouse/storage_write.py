"""Appending rows through BigQuery's Storage Write API, default stream: at least once, and visible when answered.

An answer that names rows means that none of the request was written (AppendRowsResponse.row_errors): the named ones are
given back with the reason, the others sent again. https://cloud.google.com/bigquery/docs/write-api
"""

import logging
import threading
from collections.abc import Sequence
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient, types, writer
from google.cloud.bigquery_storage_v1.exceptions import StreamClosedError
from google.cloud.bigquery_storage_v1.services.big_query_write.transports import BigQueryWriteGrpcTransport

from beam_jobs.errors import RetryLater, of_status
from director.endpoints import channel

log = logging.getLogger(__name__)

ANSWER_SECONDS = 30.0
REQUEST_BYTES = 8_000_000  # of the 10 MB a request may have
OVERHEAD_PER_ROW = 8


class BadRows(Exception):
    """Rows that BigQuery refuses, by their index in the request; nothing of the request was written."""

    def __init__(self, reasons: dict[int, str]) -> None:
        super().__init__(f"{len(reasons)} rows refused")
        self.reasons = reasons


class TableWriter:
    """Appends rows of one schema to one table over one connection, opened anew after an error."""

    def __init__(self, table: str, descriptor: Any) -> None:
        project, dataset, name = table.split(".")
        self.table = table
        self._stream_name = f"projects/{project}/datasets/{dataset}/tables/{name}/streams/_default"
        self._descriptor = descriptor
        transport = BigQueryWriteGrpcTransport(channel=channel("bigquerystorage"))
        self._client = BigQueryWriteClient(transport=transport)
        self._stream: writer.AppendRowsStream | None = None
        self._lock = threading.Lock()

    def append(self, rows: Sequence[bytes]) -> dict[int, str]:
        """Writes all rows but those BigQuery refuses: their indexes, and why. Raises RetryLater or Misconfigured."""
        refused: dict[int, str] = {}
        for part in _parts(rows):
            refused |= self._append(rows, part)
        return refused

    def _append(self, rows: Sequence[bytes], part: Sequence[int]) -> dict[int, str]:
        refused: dict[int, str] = {}
        left = list(part)
        while left:
            try:
                self._send([rows[index] for index in left])
                break
            except BadRows as bad:
                refused |= {left[index]: reason for index, reason in bad.reasons.items()}
                left = [index for index in left if index not in refused]
        return refused

    def _send(self, rows: Sequence[bytes]) -> None:
        request = types.AppendRowsRequest()
        request.proto_rows = types.AppendRowsRequest.ProtoData(rows=types.ProtoRows(serialized_rows=rows))
        try:
            self._open_stream().send(request).result(timeout=ANSWER_SECONDS)
        except Exception as error:  # grpc, api_core and futures each bring their own; all are told apart below
            raise self._reaction(error) from error

    def _open_stream(self) -> writer.AppendRowsStream:
        with self._lock:
            if self._stream is None:
                schema = types.ProtoSchema(proto_descriptor=self._descriptor)
                template = types.AppendRowsRequest(write_stream=self._stream_name)
                template.proto_rows = types.AppendRowsRequest.ProtoData(writer_schema=schema)
                self._stream = writer.AppendRowsStream(self._client, template)
            return self._stream

    def _reaction(self, error: Exception) -> Exception:
        row_errors = getattr(getattr(error, "response", None), "row_errors", None)
        if row_errors:
            return BadRows(
                {one.index: f"{types.RowError.RowErrorCode(one.code).name}: {one.message}" for one in row_errors}
            )
        self._close()
        if isinstance(error, StreamClosedError | TimeoutError):
            return RetryLater(f"{self.table}: {type(error).__name__}: {error}")
        status = error.grpc_status_code if isinstance(error, GoogleAPICallError) else None
        return of_status(status.name if status else "UNKNOWN", f"appending to {self.table}", str(error))

    def _close(self) -> None:
        with self._lock:
            stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()


def _parts(rows: Sequence[bytes]) -> list[list[int]]:
    """Indexes of rows, cut where a request would grow too large."""
    parts: list[list[int]] = [[]]
    size = 0
    for index, row in enumerate(rows):
        size += len(row) + OVERHEAD_PER_ROW
        if size > REQUEST_BYTES and parts[-1]:
            parts.append([])
            size = len(row) + OVERHEAD_PER_ROW
        parts[-1].append(index)
    return parts if rows else []
