"""google.cloud.bigquery.storage.v1.BigQueryWrite, and its sibling BigQueryRead that is not here."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.cloud.bigquery_storage_v1 import types

from localcloud.bigquery.append import Connection
from localcloud.bigquery.catalog import Catalog
from localcloud.bigquery.commits import Commits
from localcloud.bigquery.database import Database
from localcloud.bigquery.entities import Table
from localcloud.bigquery.names import DEFAULT_STREAM, TableName, path_table, stream_table
from localcloud.bigquery.storage_errors import STORAGE_ERROR, ending
from localcloud.bigquery.storage_schema import table_schema
from localcloud.bigquery.streams import BUFFERED, COMMITTED, PENDING, Stream, StreamError, WriteStreams, default_stream
from localcloud.faults import Faults
from localcloud.rpc import RAW, RpcError, RpcService, bidi, invalid_argument, not_found, pb, server_stream, unary

WRITE_STREAM = pb(types.WriteStream)
KINDS = (COMMITTED, PENDING, BUFFERED)


class Write(RpcService):
    """Decodes, checks names, and leaves the rest to the streams."""

    service = "google.cloud.bigquery.storage.v1.BigQueryWrite"
    short = "bigquerystorage"

    def __init__(
        self, faults: Faults, database: Database, catalog: Catalog, streams: WriteStreams, commits: Commits
    ) -> None:
        super().__init__(faults)
        self._database = database
        self._catalog = catalog
        self._streams = streams
        self._commits = commits

    @bidi(pb(types.AppendRowsRequest))
    async def AppendRows(self, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        label = f"{self.short}.AppendRows"
        connection = Connection(self._catalog, self._streams, self._commits, self.faults, label)
        async for response in connection.answers(requests):
            yield response

    @unary(pb(types.CreateWriteStreamRequest))
    async def CreateWriteStream(self, request: Any) -> Any:
        table = self._table(path_table(request.parent), request.parent)
        kind = types.WriteStream.Type(request.write_stream.type_).name
        if kind not in KINDS:
            raise invalid_argument("A write stream must be created as COMMITTED, PENDING or BUFFERED")
        stream = await self._database.write(lambda tx: self._streams.create(tx, table, kind))
        return _resource(stream, table)

    @unary(pb(types.GetWriteStreamRequest))
    async def GetWriteStream(self, request: Any) -> Any:
        full = request.view == types.WriteStreamView.FULL
        name = stream_table(request.name)
        if name is None:
            raise invalid_argument(f"Malformed stream name: {request.name}")
        table = self._table(name[0], request.name)
        if name[1] == DEFAULT_STREAM:
            return _default_resource(table, full)
        return _resource(self._stream(request.name), table, full)

    @unary(pb(types.FinalizeWriteStreamRequest))
    async def FinalizeWriteStream(self, request: Any) -> Any:
        self._created_only(request.name)
        count = await self._changed(request.name, lambda tx: self._streams.finalize(tx, request.name))
        return pb(types.FinalizeWriteStreamResponse)(row_count=count)

    @unary(pb(types.BatchCommitWriteStreamsRequest))
    async def BatchCommitWriteStreams(self, request: Any) -> Any:
        table = self._table(path_table(request.parent), request.parent)
        names = list(request.write_streams)
        if not names:
            raise invalid_argument("write_streams must name at least one stream")
        time, errors = await self._changed(request.parent, lambda tx: self._streams.commit(tx, table.name, names))
        response = pb(types.BatchCommitWriteStreamsResponse)()
        if errors:
            response.stream_errors.extend(STORAGE_ERROR(code=e.code, error_message=e.message) for e in errors)
        else:
            response.commit_time.FromNanoseconds(time)
        return response

    @unary(pb(types.FlushRowsRequest))
    async def FlushRows(self, request: Any) -> Any:
        self._created_only(request.write_stream)
        if not request.HasField("offset"):
            raise invalid_argument("FlushRows needs an offset")
        offset = request.offset.value
        name = request.write_stream
        await self._changed(name, lambda tx: self._streams.flush(tx, name, offset))
        return pb(types.FlushRowsResponse)(offset=offset)

    async def _changed(self, entity: str, work: Any) -> Any:
        try:
            return await self._database.write(work)
        except StreamError as error:
            raise ending(entity, error) from error

    def _table(self, name: TableName | None, path: str) -> Table:
        if name is None:
            raise invalid_argument(f"Malformed name: {path}")
        table = self._catalog.find(name)
        if table is None:
            raise not_found(f"Requested entity was not found. Entity: {path}")
        return table

    def _stream(self, name: str) -> Stream:
        try:
            return self._streams.stream(name)
        except StreamError as error:
            raise ending(name, error) from error

    def _created_only(self, name: str) -> None:
        parts = stream_table(name)
        if parts is None or parts[1] == DEFAULT_STREAM:
            raise invalid_argument(f"This takes a created stream, not {name}")


def _resource(stream: Stream, table: Table, full: bool = True) -> Any:
    resource = WRITE_STREAM(name=stream.name, type_=stream.kind, write_mode="INSERT", location=table.location)
    resource.create_time.FromNanoseconds(stream.created)
    if stream.committed:
        resource.commit_time.FromNanoseconds(stream.committed)
    if full:
        resource.table_schema.CopyFrom(table_schema(table.schema))
    return resource


def _default_resource(table: Table, full: bool) -> Any:
    resource = WRITE_STREAM(
        name=default_stream(table.name), type_=COMMITTED, write_mode="INSERT", location=table.location
    )
    resource.create_time.FromMilliseconds(table.created)
    if full:
        resource.table_schema.CopyFrom(table_schema(table.schema))
    return resource


class Read(RpcService):
    """The Storage Read API, so that its absence is plain."""

    service = "google.cloud.bigquery.storage.v1.BigQueryRead"
    short = "bigquerystorage"

    @unary(RAW)
    async def CreateReadSession(self, request: bytes) -> Any:
        raise _absent()

    @server_stream(RAW)
    async def ReadRows(self, request: bytes) -> AsyncIterator[Any]:
        raise _absent()
        yield b""

    @unary(RAW)
    async def SplitReadStream(self, request: bytes) -> Any:
        raise _absent()


def _absent() -> RpcError:
    message = "localcloud has no BigQuery Storage Read API: pass create_bqstorage_client=False and read over REST"
    return RpcError(grpc.StatusCode.UNIMPLEMENTED, message)
