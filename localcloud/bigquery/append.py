"""One AppendRows connection: what it remembers between requests, and its answers in their order."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import duckdb
import grpc
from google.cloud.bigquery_storage_v1 import types
from google.rpc import status_pb2

from localcloud.bigquery.arrows import BatchDecoder
from localcloud.bigquery.catalog import Catalog
from localcloud.bigquery.commits import Commits
from localcloud.bigquery.conversions import SchemaMismatch
from localcloud.bigquery.entities import Table
from localcloud.bigquery.names import DEFAULT_STREAM, stream_table
from localcloud.bigquery.protos import BadRows, RowDecoder
from localcloud.bigquery.storage_errors import ending, mismatch, status
from localcloud.bigquery.storage_schema import table_schema
from localcloud.bigquery.streams import Append, StreamError, WriteStreams
from localcloud.faults import Call, Faults
from localcloud.rpc import invalid_argument, not_found, pb

Request = Any
Response = Any
RESPONSE = pb(types.AppendRowsResponse)
LARGEST_REQUEST = 10 << 20
UNANSWERED = 100  # requests of one connection under way before it is read no further
FIELDS_ERROR = 1


@dataclass(slots=True)
class _Writer:
    """What a connection knows of one stream it writes to. `table` is the table as the decoder was made for it."""

    stream: str
    created: bool
    table: Table
    make: Callable[[Table], Any]
    decoder: Any
    known_version: int

    def current(self, table: Table) -> Any:
        """The decoder for the table as it is now. Raises SchemaMismatch if it no longer fits."""
        if (table.number, table.version) != (self.table.number, self.table.version):
            self.decoder, self.table = self.make(table), table
        return self.decoder


@dataclass(frozen=True, slots=True)
class _Pending:
    """A request that waits for its answer: either the commit under way, or the refusal that was found before."""

    call: Call
    stream: str
    commit: asyncio.Future[int | None] | None
    refusal: Response | None
    updated: Table | None


class Connection:
    """Requests in, answers out; decoding runs ahead of committing."""

    def __init__(self, catalog: Catalog, streams: WriteStreams, commits: Commits, faults: Faults, label: str) -> None:
        self._catalog = catalog
        self._streams = streams
        self._commits = commits
        self._faults = faults
        self._label = label
        self._writers: dict[str, _Writer] = {}
        self._stream = ""

    async def answers(self, requests: AsyncIterator[Request]) -> AsyncIterator[Response]:
        """Raises RpcError or Struck for what ends the connection."""
        pending: asyncio.Queue[_Pending | Exception | None] = asyncio.Queue(UNANSWERED)
        reading = asyncio.create_task(self._read(requests, pending))
        try:
            while (each := await pending.get()) is not None:
                if isinstance(each, Exception):
                    raise each
                yield await self._answer(each)
        finally:
            reading.cancel()

    async def _read(self, requests: AsyncIterator[Request], pending: asyncio.Queue[Any]) -> None:
        try:
            async for request in requests:
                await pending.put(await self._begin(request))
            await pending.put(None)
        except Exception as error:  # whatever ends the connection is raised after the answers before it
            await pending.put(error)

    async def _begin(self, request: Request) -> _Pending:
        self._stream = request.write_stream or self._stream
        call = Call(self._label, self._stream, request.SerializeToString)
        await self._faults.before(call)
        writer, table = self._writer(request)
        updated = table if table.version > writer.known_version else None
        writer.known_version = max(writer.known_version, table.version)
        try:
            append = await asyncio.to_thread(self._decoded, request, writer, table)
        except (BadRows, StreamError) as error:
            return _Pending(call, writer.stream, None, _refusal(writer.stream, error), updated)
        return _Pending(call, writer.stream, self._commits.submit(append), None, updated)

    async def _answer(self, pending: _Pending) -> Response:
        response = pending.refusal
        if pending.commit is not None:
            response = await self._committed(pending.stream, pending.commit)
        if pending.updated is not None and response is not None:
            response.updated_schema.CopyFrom(table_schema(pending.updated.schema))
        await self._faults.after(pending.call)
        return response

    async def _committed(self, stream: str, commit: asyncio.Future[int | None]) -> Response:
        try:
            offset = await commit
        except StreamError as error:
            return _refusal(stream, error)
        except duckdb.CatalogException as error:  # the table went away meanwhile
            raise not_found(f"Requested entity was not found. Entity: {stream}") from error
        result = {} if offset is None else {"offset": {"value": offset}}
        return RESPONSE(append_result=result, write_stream=stream)

    def _writer(self, request: Request) -> tuple[_Writer, Table]:
        """Whom the request is from, and the table as it is now."""
        if not self._stream:
            raise invalid_argument("The first request of a connection must name its write_stream")
        name = stream_table(self._stream)
        if name is None:
            raise invalid_argument(f"Malformed stream name: {self._stream}")
        table = self._catalog.find(name[0])
        if table is None:
            raise not_found(f"Requested entity was not found. Entity: {self._stream}")
        if table.view_query or not table.schema:
            raise invalid_argument(f"Rows can only be appended to a table with a schema. Entity: {self._stream}")
        created = name[1] != DEFAULT_STREAM
        if created:
            self._check_stream()
        make = _decoder_maker(request)
        if make is not None:
            decoder = self._fitting(make, table)
            self._writers[self._stream] = _Writer(self._stream, created, table, make, decoder, table.version)
        if self._stream not in self._writers:
            raise invalid_argument(f"The first request for a stream must have a writer schema. Entity: {self._stream}")
        return self._writers[self._stream], table

    def _check_stream(self) -> None:
        try:
            self._streams.stream(self._stream)
        except StreamError as error:
            raise ending(self._stream, error) from error

    def _fitting(self, make: Callable[[Table], Any], table: Table) -> Any:
        try:
            return make(table)
        except SchemaMismatch as error:
            raise ending(self._stream, mismatch(self._stream, error)) from error

    def _decoded(self, request: Request, writer: _Writer, table: Table) -> Append:
        """Raises BadRows, or StreamError for what the whole request is refused for."""
        if (size := request.ByteSize()) > LARGEST_REQUEST:
            raise _bad_request(f"AppendRows request of {size} bytes is over the limit of {LARGEST_REQUEST}", writer)
        offset = request.offset.value if request.HasField("offset") else None
        if offset is not None and not writer.created:
            raise _bad_request("An offset cannot be given on the default stream", writer)
        kind = request.WhichOneof("rows")
        try:
            decoder = writer.current(table)
        except SchemaMismatch as error:
            raise mismatch(writer.stream, error) from error
        if kind is None or isinstance(decoder, RowDecoder) != (kind == "proto_rows"):
            raise _bad_request("The request has no rows in the format of the writer schema", writer)
        if kind == "proto_rows":
            rows = decoder.table(request.proto_rows.rows.serialized_rows)
        else:
            rows = decoder.table(request.arrow_rows.rows.serialized_record_batch)
        return Append(table, writer.stream if writer.created else None, offset, rows)


def _decoder_maker(request: Request) -> Callable[[Table], Any] | None:
    """How to make the decoder of the request's writer schema; None if it brings none."""
    if request.proto_rows.writer_schema.HasField("proto_descriptor"):
        descriptor = request.proto_rows.writer_schema.proto_descriptor
        return lambda table: RowDecoder(descriptor, table.schema)
    if serialized := request.arrow_rows.writer_schema.serialized_schema:
        return lambda table: BatchDecoder(serialized, table.schema)
    return None


def _bad_request(what: str, writer: _Writer) -> StreamError:
    return StreamError("STORAGE_ERROR_CODE_UNSPECIFIED", "INVALID_ARGUMENT", f"{what}. Entity: {writer.stream}")


def _refusal(stream: str, error: BadRows | StreamError) -> Response:
    if isinstance(error, StreamError):
        return RESPONSE(error=status(stream, error), write_stream=stream)
    message = f"Errors found while processing rows. Please refer to the row_errors field for details. Entity: {stream}"
    refused = status_pb2.Status(code=grpc.StatusCode.INVALID_ARGUMENT.value[0], message=message)
    rows = [{"index": index, "code": FIELDS_ERROR, "message": reason} for index, reason in sorted(error.errors.items())]
    return RESPONSE(error=refused, row_errors=rows, write_stream=stream)
