"""Created write streams through Google's client: offsets, and when their rows are shown."""

from collections.abc import Callable
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient, types
from google.protobuf import wrappers_pb2

Make = Callable[..., str]
Open = Callable[..., Any]
Run = Callable[..., list[tuple[Any, ...]]]
Kind = types.WriteStream.Type
ErrorCode = types.StorageError.StorageErrorCode


def parent_of(table: str) -> str:
    project, dataset, name = table.split(".")
    return f"projects/{project}/datasets/{dataset}/tables/{name}"


@pytest.fixture
def create(make_table: Make, write_client: BigQueryWriteClient) -> Callable[[Kind], types.WriteStream]:
    """Creates a stream of a kind on the table `t`."""
    made: list[str] = []

    def create_one(kind: Kind) -> types.WriteStream:
        if not made:
            made.append(make_table("id STRING"))
        return write_client.create_write_stream(parent=parent_of(made[0]), write_stream=types.WriteStream(type_=kind))

    return create_one


def storage_error(response: Any) -> Any:
    error = types.StorageError.pb(types.StorageError())
    assert response.error.details[0].Unpack(error)
    return ErrorCode(error.code)


def test_a_new_stream_tells_its_kind_and_the_schema_of_the_table(
    create: Any, write_client: BigQueryWriteClient
) -> None:
    stream = create(Kind.PENDING)
    assert stream.type_ == Kind.PENDING
    assert [field.name for field in stream.table_schema.fields] == ["id"]
    basic = write_client.get_write_stream(name=stream.name)
    assert (basic.type_, basic.create_time) == (Kind.PENDING, stream.create_time)


def test_the_default_stream_can_be_looked_up(make_table: Make, write_client: BigQueryWriteClient) -> None:
    name = f"{parent_of(make_table('id STRING'))}/streams/_default"
    assert write_client.get_write_stream(name=name).type_ == Kind.COMMITTED


def test_rows_of_a_committed_stream_are_visible_at_once_with_their_offsets(
    create: Any, open_stream: Open, run: Run
) -> None:
    stream = open_stream(create(Kind.COMMITTED).name, ["id:string"])
    assert stream.append({"id": "a"}, {"id": "b"}, offset=0).append_result.offset == 0
    assert stream.append({"id": "c"}, offset=2).append_result.offset == 2
    assert stream.append({"id": "d"}).append_result.offset == 3
    assert run("SELECT STRING_AGG(id ORDER BY id) FROM t") == [("a,b,c,d",)]


def test_an_offset_already_written_and_one_beyond_the_end_are_told_apart(
    create: Any, open_stream: Open, run: Run
) -> None:
    stream = open_stream(create(Kind.COMMITTED).name, ["id:string"])
    stream.append({"id": "a"}, {"id": "b"}, offset=0)
    again = stream.refused({"id": "a"}, {"id": "b"}, offset=0)
    assert (again.error.code, storage_error(again)) == (6, ErrorCode.OFFSET_ALREADY_EXISTS)
    beyond = stream.refused({"id": "x"}, offset=5)
    assert (beyond.error.code, storage_error(beyond)) == (11, ErrorCode.OFFSET_OUT_OF_RANGE)
    assert "expected offset 2, received 5" in beyond.error.message
    stream.append({"id": "c"}, offset=2)
    assert run("SELECT COUNT(*) FROM t") == [(3,)]


def test_requests_pipelined_behind_a_bad_one_do_not_leave_a_gap(create: Any, open_stream: Open, run: Run) -> None:
    stream = open_stream(create(Kind.COMMITTED).name, ["id:string"])
    futures = [stream.send({"id": str(offset)}, offset=offset) for offset in (0, 1, 3, 4, 2)]
    failed = [future.exception() is not None for future in futures]
    assert failed == [False, False, True, True, False]
    assert run("SELECT STRING_AGG(id ORDER BY id) FROM t") == [("0,1,2",)]


def test_the_default_stream_takes_no_offset(make_table: Make, open_stream: Open) -> None:
    refusal = open_stream(make_table("id STRING"), ["id:string"]).refused({"id": "x"}, offset=0)
    assert refusal.error.code == 3


def test_pending_rows_are_shown_together_when_their_streams_are_committed(
    create: Any, open_stream: Open, write_client: BigQueryWriteClient, run: Run
) -> None:
    names = [create(Kind.PENDING).name for _ in range(2)]
    for number, name in enumerate(names):
        stream = open_stream(name, ["id:string"])
        stream.append({"id": f"{number}-a"}, offset=0)
        stream.append({"id": f"{number}-b"}, {"id": f"{number}-c"}, offset=1)
        assert write_client.finalize_write_stream(name=name).row_count == 3
    assert run("SELECT COUNT(*) FROM t") == [(0,)]
    parent = names[0].partition("/streams/")[0]
    answer = write_client.batch_commit_write_streams({"parent": parent, "write_streams": names})
    assert answer.commit_time
    assert run("SELECT COUNT(*), COUNT(DISTINCT id) FROM t") == [(6, 6)]
    again = write_client.batch_commit_write_streams({"parent": parent, "write_streams": names})
    assert [error.code for error in again.stream_errors] == [ErrorCode.STREAM_ALREADY_COMMITTED] * 2
    assert run("SELECT COUNT(*) FROM t") == [(6,)]


def test_nothing_is_committed_when_one_stream_cannot_be(
    create: Any, open_stream: Open, write_client: BigQueryWriteClient, run: Run
) -> None:
    ready, unfinished = create(Kind.PENDING).name, create(Kind.PENDING).name
    open_stream(ready, ["id:string"]).append({"id": "a"})
    write_client.finalize_write_stream(name=ready)
    parent = ready.partition("/streams/")[0]
    names = [ready, unfinished, f"{parent}/streams/none"]
    answer = write_client.batch_commit_write_streams({"parent": parent, "write_streams": names})
    assert [error.code for error in answer.stream_errors] == [
        ErrorCode.INVALID_STREAM_STATE,
        ErrorCode.STREAM_NOT_FOUND,
    ]
    assert not answer.commit_time
    assert run("SELECT COUNT(*) FROM t") == [(0,)]


def test_buffered_rows_are_shown_up_to_the_flushed_offset(
    create: Any, open_stream: Open, write_client: BigQueryWriteClient, run: Run
) -> None:
    name = create(Kind.BUFFERED).name
    open_stream(name, ["id:string"]).append({"id": "a"}, {"id": "b"}, {"id": "c"}, offset=0)
    assert run("SELECT COUNT(*) FROM t") == [(0,)]
    for offset, shown in ((1, "a,b"), (1, "a,b"), (0, "a,b"), (2, "a,b,c")):
        write_client.flush_rows({"write_stream": name, "offset": wrappers_pb2.Int64Value(value=offset)})
        assert run("SELECT STRING_AGG(id ORDER BY id) FROM t") == [(shown,)]
    with pytest.raises(exceptions.OutOfRange):
        write_client.flush_rows({"write_stream": name, "offset": wrappers_pb2.Int64Value(value=3)})


def test_only_buffered_streams_can_be_flushed(create: Any, write_client: BigQueryWriteClient) -> None:
    name = create(Kind.COMMITTED).name
    with pytest.raises(exceptions.InvalidArgument, match="not BUFFERED"):
        write_client.flush_rows({"write_stream": name, "offset": wrappers_pb2.Int64Value(value=0)})


def test_a_finalized_stream_takes_no_more_rows(
    create: Any, open_stream: Open, write_client: BigQueryWriteClient
) -> None:
    name = create(Kind.COMMITTED).name
    stream = open_stream(name, ["id:string"])
    stream.append({"id": "a"})
    assert write_client.finalize_write_stream(name=name).row_count == 1
    assert storage_error(stream.refused({"id": "b"})) == ErrorCode.STREAM_FINALIZED


def test_a_stream_is_gone_with_its_table(
    create: Any, write_client: BigQueryWriteClient, client: bigquery.Client, dataset: str, make_table: Make
) -> None:
    name = create(Kind.COMMITTED).name
    client.delete_table(f"project-1.{dataset}.t")
    client.create_table(bigquery.Table(f"project-1.{dataset}.t", schema=[bigquery.SchemaField("id", "STRING")]))
    with pytest.raises(exceptions.NotFound):
        write_client.get_write_stream(name=name)


def test_streams_need_a_known_kind_and_an_existing_table(
    create: Any, write_client: BigQueryWriteClient, dataset: str
) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        create(Kind.TYPE_UNSPECIFIED)
    with pytest.raises(exceptions.NotFound):
        write_client.create_write_stream(
            parent=parent_of(f"project-1.{dataset}.nowhere"), write_stream=types.WriteStream(type_=Kind.PENDING)
        )
