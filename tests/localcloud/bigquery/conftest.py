"""Google's own clients on the running cloud, and small helpers for tables and appends."""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import grpc
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient, types
from google.cloud.bigquery_storage_v1.services.big_query_write.transports import BigQueryWriteGrpcTransport
from google.cloud.bigquery_storage_v1.writer import AppendRowsStream
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from localcloud.cloud import LocalCloud

PROJECT = "project-1"
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def client(running_cloud: LocalCloud) -> Iterator[bigquery.Client]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("BIGQUERY_EMULATOR_HOST", running_cloud.variables()["BIGQUERY_EMULATOR_HOST"])
        client = bigquery.Client(project=PROJECT, credentials=AnonymousCredentials())
    yield client
    client.close()


@pytest.fixture
def dataset(cloud: LocalCloud, client: bigquery.Client) -> Iterator[str]:
    """The id of a new dataset."""
    name = f"dataset_{next(NUMBERS)}"
    client.create_dataset(name)
    yield name
    client.delete_dataset(name, delete_contents=True, not_found_ok=True)


@pytest.fixture
def make_table(client: bigquery.Client, dataset: str) -> Callable[..., str]:
    """Makes a table of `name TYPE [MODE]` columns; gives its full id."""

    def make(*columns: str | bigquery.SchemaField, name: str = "t") -> str:
        fields = [c if isinstance(c, bigquery.SchemaField) else bigquery.SchemaField(*c.split()) for c in columns]
        client.create_table(bigquery.Table(f"{PROJECT}.{dataset}.{name}", schema=fields))
        return f"{PROJECT}.{dataset}.{name}"

    return make


@pytest.fixture
def run(client: bigquery.Client, dataset: str) -> Callable[..., list[tuple[Any, ...]]]:
    """Runs a statement with the new dataset as default; gives the rows as tuples."""

    def query(sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        config = bigquery.QueryJobConfig(default_dataset=f"{PROJECT}.{dataset}", query_parameters=list(parameters))
        return [row.values() for row in client.query_and_wait(sql, job_config=config)]

    return query


@pytest.fixture(scope="module")
def write_client(running_cloud: LocalCloud) -> Iterator[BigQueryWriteClient]:
    channel = grpc.insecure_channel(running_cloud.grpc_address)
    yield BigQueryWriteClient(transport=BigQueryWriteGrpcTransport(channel=channel))
    channel.close()


class Rows:
    """A row message of `name:type` fields, made as a writer without generated code makes it."""

    TYPES = {  # noqa: RUF012 - a table
        "string": 9, "int64": 3, "int32": 5, "double": 1, "bool": 8, "bytes": 12, "uint32": 13,
    }  # fmt: skip

    def __init__(self, *fields: str) -> None:
        self.descriptor = descriptor_pb2.DescriptorProto(name="Row")
        for number, field in enumerate(fields, 1):
            name, kind, *label = field.split(":")
            self.descriptor.field.add(
                name=name, number=number, type=self.TYPES[kind], label=3 if label == ["repeated"] else 1
            )
        file = descriptor_pb2.FileDescriptorProto(name="rows.proto", syntax="proto2")
        file.message_type.add().CopyFrom(self.descriptor)
        pool = descriptor_pool.DescriptorPool()
        pool.AddSerializedFile(file.SerializeToString())
        self.message = message_factory.GetMessageClass(pool.FindMessageTypeByName("Row"))

    def request(self, *rows: dict[str, Any] | bytes, offset: int | None = None) -> types.AppendRowsRequest:
        serialized = [row if isinstance(row, bytes) else self.message(**row).SerializeToString() for row in rows]
        request = types.AppendRowsRequest(
            proto_rows=types.AppendRowsRequest.ProtoData(rows=types.ProtoRows(serialized_rows=serialized))
        )
        if offset is not None:
            request.offset = offset
        return request

    def template(self, stream: str) -> types.AppendRowsRequest:
        schema = types.ProtoSchema(proto_descriptor=self.descriptor)
        data = types.AppendRowsRequest.ProtoData(writer_schema=schema)
        return types.AppendRowsRequest(write_stream=stream, proto_rows=data)


def settled(future: Any) -> Any:
    """The future once it is done: its own `result` looks only every second or so."""
    deadline = time.monotonic() + 20
    while not future.done():
        assert time.monotonic() < deadline, "no answer from the writer"
        time.sleep(0.001)
    return future


class Appender:
    """An open AppendRows connection of Google's client."""

    def __init__(self, client: BigQueryWriteClient, stream: str, rows: Rows) -> None:
        self.rows = rows
        self._client = client
        self._template = rows.template(stream)
        self._stream = AppendRowsStream(client, self._template)

    def send(self, *rows: dict[str, Any] | bytes, offset: int | None = None) -> Any:
        """The future of the answer."""
        return self._stream.send(self.rows.request(*rows, offset=offset))

    def append(self, *rows: dict[str, Any] | bytes, offset: int | None = None) -> Any:
        return settled(self.send(*rows, offset=offset)).result()

    def append_alone(self, *rows: dict[str, Any] | bytes) -> Any:
        """The answer on a connection of its own: the only way to see the status of one that ends at once."""
        request = types.AppendRowsRequest(self._template)
        request.proto_rows.rows = self.rows.request(*rows).proto_rows.rows
        return next(iter(self._client.append_rows(iter([request]), retry=None)))

    def refused(self, *rows: dict[str, Any] | bytes, offset: int | None = None) -> Any:
        """The response that refuses the rows."""
        with pytest.raises(Exception) as caught:
            self.append(*rows, offset=offset)
        return caught.value.response

    def close(self) -> None:
        if self._stream.is_active:
            self._stream.close()


@pytest.fixture
def open_stream(write_client: BigQueryWriteClient) -> Iterator[Callable[[str, Sequence[str]], Appender]]:
    """Opens a connection to a stream (a table's full id means its default stream), for rows of such fields."""
    opened: list[Appender] = []

    def open_one(stream: str, fields: Sequence[str]) -> Appender:
        opened.append(Appender(write_client, stream_path(stream), Rows(*fields)))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


def stream_path(stream: str) -> str:
    if stream.startswith("projects/"):
        return stream
    project, dataset, table = stream.split(".")
    return f"projects/{project}/datasets/{dataset}/tables/{table}/streams/_default"
