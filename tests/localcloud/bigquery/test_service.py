# ruff: noqa: S608 - the names are our own
"""What was answered as done is there when a new process starts on the same folder, kill -9 included."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient, types
from google.cloud.bigquery_storage_v1.services.big_query_write.transports import BigQueryWriteGrpcTransport
from google.protobuf import descriptor_pb2

from localcloud.cloud import Options, in_thread

PARENT = "projects/p/datasets/d/tables/t"
SERVER = """
import sys
from pathlib import Path
from localcloud.cloud import Options, in_thread
with in_thread(Options(data=Path(sys.argv[1]))) as cloud:
    print(cloud.grpc_address, cloud.http_address, flush=True)
    sys.stdin.read()
"""


@contextmanager
def clients(grpc_address: str, http_address: str) -> Iterator[tuple[bigquery.Client, BigQueryWriteClient]]:
    options = {"api_endpoint": f"http://{http_address}"}
    client = bigquery.Client(project="p", credentials=AnonymousCredentials(), client_options=options)
    with grpc.insecure_channel(grpc_address) as channel:
        yield client, BigQueryWriteClient(transport=BigQueryWriteGrpcTransport(channel=channel))
    client.close()


class Server:
    """A localcloud in a process of its own, to be killed."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.addresses = self._process.stdout.readline().split()

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate()


def requests(stream: str, batches: int, offsets: bool) -> Iterator[types.AppendRowsRequest]:
    """Batches of ten rows each, numbered through."""
    row = descriptor_pb2.DescriptorProto(name="Row")
    row.field.add(name="n", number=1, type=3, label=1)
    for batch in range(batches):
        rows = [b"\x08" + varint(batch * 10 + index) for index in range(10)]
        data = types.AppendRowsRequest.ProtoData(
            writer_schema=types.ProtoSchema(proto_descriptor=row), rows=types.ProtoRows(serialized_rows=rows)
        )
        request = types.AppendRowsRequest(write_stream=stream, proto_rows=data)
        if offsets:
            request.offset = batch * 10
        yield request


def varint(number: int) -> bytes:
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*encoded, number))


@dataclass(frozen=True)
class Crash:
    """What was acknowledged before the kill."""

    default_rows: int
    committed_stream: str
    pending_stream: str


def appended(write_client: BigQueryWriteClient, stream: str, batches: int, offsets: bool) -> int:
    """Rows that were acknowledged."""
    answers = list(write_client.append_rows(requests(stream, batches, offsets), retry=None))
    assert not any("error" in answer for answer in answers)
    return len(answers) * 10


def killed_while_appending(write_client: BigQueryWriteClient, stream: str, server: Server) -> int:
    """Rows that were acknowledged, while more requests were under way."""
    rows = 0
    with pytest.raises(exceptions.GoogleAPICallError):  # noqa: PT012 - the kill is what raises
        for answer in write_client.append_rows(requests(stream, 10_000, offsets=False), retry=None):
            assert "error" not in answer
            rows += 10
            if rows == 500:
                server.kill()
    return rows


def created(write_client: BigQueryWriteClient, kind: types.WriteStream.Type) -> str:
    stream = types.WriteStream(type_=kind)
    return str(write_client.create_write_stream(parent=PARENT, write_stream=stream).name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def crash(folder: Path) -> Crash:
    server = Server(folder)
    with clients(*server.addresses) as (client, write_client):
        client.create_dataset("d")
        for name in ("t", "u"):
            table = bigquery.Table(f"p.d.{name}", schema=[bigquery.SchemaField("n", "INTEGER", description="number")])
            table.labels = {"kept": "yes"}
            client.create_table(table)
        pending = created(write_client, types.WriteStream.Type.PENDING)
        appended(write_client, pending, 3, offsets=True)
        write_client.finalize_write_stream(name=pending)
        committed = created(write_client, types.WriteStream.Type.COMMITTED)
        assert appended(write_client, committed, 7, offsets=True) == 70
        client.query("INSERT INTO d.u (n) VALUES (-1)", job_id="insert-once", job_retry=None).result()
        client.query_and_wait("ALTER TABLE d.u ADD COLUMN s STRING")
        client.query_and_wait("CREATE VIEW d.v AS SELECT n FROM d.u")
        client.create_dataset("gone")
        client.delete_dataset("gone")
        rows = killed_while_appending(write_client, f"{PARENT}/_default".replace("/t/", "/u/"), server)
    return Crash(rows, committed, pending)


@pytest.fixture(scope="module")
def after(crash: Crash, folder: Path) -> Iterator[tuple[bigquery.Client, BigQueryWriteClient]]:
    with in_thread(Options(data=folder)) as cloud, clients(cloud.grpc_address, cloud.http_address) as both:
        yield both


Clients = tuple[bigquery.Client, BigQueryWriteClient]


def values(client: bigquery.Client, sql: str) -> list[tuple[Any, ...]]:
    return [row.values() for row in client.query_and_wait(sql)]


def test_acknowledged_rows_are_there_once(crash: Crash, after: Clients) -> None:
    ((stored, distinct),) = values(after[0], "SELECT COUNT(*), COUNT(DISTINCT n) FROM d.u WHERE n >= 0")
    assert stored == distinct >= crash.default_rows >= 500
    assert values(after[0], f"SELECT COUNT(*) FROM d.u WHERE n BETWEEN 0 AND {crash.default_rows - 1}") == [
        (crash.default_rows,)
    ]


def test_tables_views_and_deletions_are_as_they_were(after: Clients) -> None:
    client, _ = after
    table = client.get_table("p.d.u")
    assert [(field.name, field.description) for field in table.schema] == [("n", "number"), ("s", None)]
    assert table.labels == {"kept": "yes"}
    assert values(client, "SELECT n FROM d.v WHERE n < 0") == [(-1,)]
    assert [each.dataset_id for each in client.list_datasets()] == ["d"]


def test_a_committed_stream_goes_on_at_its_offset(crash: Crash, after: Clients) -> None:
    client, write_client = after
    again = list(write_client.append_rows(requests(crash.committed_stream, 9, offsets=True)))
    assert [answer.error.code for answer in again] == [6] * 7 + [0] * 2
    assert values(client, "SELECT COUNT(*), COUNT(DISTINCT n) FROM d.t") == [(90, 90)]


def test_a_pending_stream_can_be_committed(crash: Crash, after: Clients) -> None:
    client, write_client = after
    ((before,),) = values(client, "SELECT COUNT(*) FROM d.t")
    streams = {"parent": PARENT, "write_streams": [crash.pending_stream]}
    assert write_client.batch_commit_write_streams(streams).commit_time
    assert values(client, "SELECT COUNT(*) FROM d.t") == [(before + 30,)]


def test_a_job_that_changed_something_is_known(after: Clients) -> None:
    client, _ = after
    assert client.get_job("insert-once").num_dml_affected_rows == 1
    with pytest.raises(exceptions.Conflict):
        client.query("INSERT INTO d.u (n) VALUES (-1)", job_id="insert-once", job_retry=None)


def test_a_folder_can_be_closed_and_opened_again(tmp_path: Path) -> None:
    for count in (1, 2):
        with in_thread(Options(data=tmp_path)) as cloud, clients(cloud.grpc_address, cloud.http_address) as (client, _):
            client.query_and_wait("CREATE SCHEMA IF NOT EXISTS d")
            client.query_and_wait("CREATE TABLE IF NOT EXISTS d.t (n INT64)")
            client.query_and_wait("INSERT INTO d.t (n) VALUES (1)")
            assert values(client, "SELECT COUNT(*) FROM d.t") == [(count,)]
