# ruff: noqa: DTZ001 - DATETIME has no zone
"""AppendRows through Google's writer: what is stored, and what is refused, row by row."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient, types

from localcloud.cloud import LocalCloud
from localcloud.faults import Fault

Make = Callable[..., str]
Open = Callable[..., Any]
Run = Callable[..., list[tuple[Any, ...]]]


def test_rows_are_visible_to_queries_when_they_are_acknowledged(make_table: Make, open_stream: Open, run: Run) -> None:
    stream = open_stream(make_table("id STRING", "n INTEGER"), ["id:string", "n:int64"])
    for number in range(5):
        answer = stream.append({"id": f"row-{number}", "n": number})
        assert not answer.append_result.offset  # the default stream has none
        assert run("SELECT COUNT(*), MAX(n) FROM t") == [(number + 1, number)]


def test_unset_fields_are_null_and_set_ones_are_not_even_when_zero(
    make_table: Make, open_stream: Open, run: Run
) -> None:
    stream = open_stream(make_table("id STRING", "n INTEGER", "tags STRING REPEATED"), ["id:string", "n:int64"])
    stream.append({"id": "", "n": 0}, {})
    assert run("SELECT id, n, ARRAY_LENGTH(tags) FROM t ORDER BY n") == [(None, None, 0), ("", 0, 0)]


def test_every_type_arrives_as_documented(make_table: Make, open_stream: Open, client: bigquery.Client) -> None:
    table = make_table(
        "s STRING", "i INTEGER", "f FLOAT", "b BOOLEAN", "y BYTES", "ts TIMESTAMP", "d DATE", "tm TIME", "dt DATETIME",
        "num NUMERIC", "j JSON", "tags STRING REPEATED",
    )  # fmt: skip
    fields = ["s:string", "i:int32", "f:double", "b:bool", "y:bytes", "ts:int64", "d:int32", "tm:string"]
    fields += ["dt:string", "num:string", "j:string", "tags:string:repeated"]
    moment = datetime.datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=datetime.UTC)
    micros = int((moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)) / datetime.timedelta(microseconds=1))
    open_stream(table, fields).append(
        {
            "s": "ä", "i": -7, "f": 1.5, "b": True, "y": b"\x00\xff", "ts": micros, "d": 19849, "tm": "01:02:03.5",
            "dt": "2024-05-06T07:08:09", "num": "12.345", "j": '{"a": [1, null]}', "tags": ["x", "y"],
        }
    )  # fmt: skip
    (row,) = client.list_rows(table)
    values = dict(row)
    assert str(values.pop("num")) == "12.345"
    assert values == {
        "s": "ä",
        "i": -7,
        "f": 1.5,
        "b": True,
        "y": b"\x00\xff",
        "ts": moment,
        "d": datetime.date(2024, 5, 6),
        "tm": datetime.time(1, 2, 3, 500000),
        "dt": datetime.datetime(2024, 5, 6, 7, 8, 9),
        "j": {"a": [1, None]},
        "tags": ["x", "y"],
    }


def test_a_timestamp_may_be_text(make_table: Make, open_stream: Open, run: Run) -> None:
    open_stream(make_table("ts TIMESTAMP"), ["ts:string"]).append({"ts": "2024-05-06T07:08:09+02:00"})
    assert run("SELECT CAST(ts AS STRING) FROM t") == [("2024-05-06 05:08:09+00",)]


def test_bad_rows_are_named_and_nothing_of_their_request_is_stored(
    make_table: Make, open_stream: Open, run: Run
) -> None:
    stream = open_stream(
        make_table("id STRING REQUIRED", "ts TIMESTAMP", "j JSON"), ["id:string", "ts:int64", "j:string"]
    )
    refusal = stream.refused({"id": "good"}, {"ts": 1}, {"id": "x", "j": "{"}, {"id": "x", "ts": 2**62}, b"\xff")
    assert refusal.error.code == 3
    errors = {error.index: error.message for error in refusal.row_errors}
    assert set(errors) == {4}  # a row that cannot be read hides what is wrong with the others
    refusal = stream.refused({"id": "good"}, {"ts": 1}, {"id": "x", "j": "{"}, {"id": "x", "ts": 2**62})
    errors = {error.index: error.message for error in refusal.row_errors}
    assert set(errors) == {1, 2, 3}
    assert "id" in errors[1]
    assert "JSON" in errors[2]
    assert "out of range" in errors[3]
    assert all(error.code == types.RowError.RowErrorCode.FIELDS_ERROR for error in refusal.row_errors)
    assert run("SELECT COUNT(*) FROM t") == [(0,)]
    stream.append({"id": "good"})  # the connection goes on
    assert run("SELECT id FROM t") == [("good",)]


def test_fields_the_writer_did_not_declare_are_a_row_error(make_table: Make, open_stream: Open) -> None:
    stream = open_stream(make_table("id STRING"), ["id:string"])
    refusal = stream.refused(b"\x0a\x01x\xa0\x06\x01")
    assert "unknown fields: numbers 100" in refusal.row_errors[0].message


def test_a_writer_schema_with_more_fields_than_the_table_ends_the_connection(
    make_table: Make, open_stream: Open
) -> None:
    stream = open_stream(make_table("id STRING"), ["id:string", "extra:string"])
    with pytest.raises(exceptions.InvalidArgument, match="extra fields: 'extra'") as caught:
        stream.append_alone({"id": "x"})
    error = types.StorageError.pb(types.StorageError())
    assert caught.value.details[0].Unpack(error)
    assert error.code == types.StorageError.StorageErrorCode.SCHEMA_MISMATCH_EXTRA_FIELDS


def test_a_writer_schema_of_other_types_ends_the_connection(make_table: Make, open_stream: Open) -> None:
    stream = open_stream(make_table("n INTEGER"), ["n:string"])
    with pytest.raises(exceptions.InvalidArgument, match="the proto field type string, BigQuery field type INTEGER"):
        stream.append_alone({"n": "x"})


def test_a_table_that_does_not_exist_is_not_found(dataset: str, open_stream: Open) -> None:
    with pytest.raises(exceptions.NotFound):
        open_stream(f"project-1.{dataset}.nowhere", ["id:string"]).append_alone({"id": "x"})


def test_a_table_deleted_under_a_connection_is_not_found(
    make_table: Make, open_stream: Open, client: bigquery.Client
) -> None:
    table = make_table("id STRING")
    stream = open_stream(table, ["id:string"])
    stream.append({"id": "x"})
    client.delete_table(table)
    with pytest.raises(exceptions.NotFound):
        stream.append({"id": "y"})


def test_appends_go_on_after_a_column_is_added_and_are_told_of_it_once(
    make_table: Make, open_stream: Open, client: bigquery.Client, run: Run
) -> None:
    name = make_table("id STRING")
    stream = open_stream(name, ["id:string"])
    assert not stream.append({"id": "a"}).updated_schema.fields
    table = client.get_table(name)
    table.schema = [*table.schema, bigquery.SchemaField("n", "INTEGER")]
    client.update_table(table, ["schema"])
    updated = stream.append({"id": "b"}).updated_schema
    assert [(field.name, field.type_.name) for field in updated.fields] == [("id", "STRING"), ("n", "INT64")]
    assert not stream.append({"id": "c"}).updated_schema.fields
    wider = open_stream(name, ["id:string", "n:int64"])
    wider.append({"id": "d", "n": 4})
    assert run("SELECT id, n FROM t ORDER BY id") == [("a", None), ("b", None), ("c", None), ("d", 4)]


def test_a_request_over_ten_megabytes_is_refused(make_table: Make, open_stream: Open) -> None:
    stream = open_stream(make_table("id STRING"), ["id:string"])
    refusal = stream.refused({"id": "x" * (10 << 20)})
    assert refusal.error.code == 3
    assert "10485760" in refusal.error.message


def test_requests_sent_without_waiting_are_answered_in_order(make_table: Make, open_stream: Open, run: Run) -> None:
    stream = open_stream(make_table("n INTEGER", "id STRING REQUIRED"), ["n:int64", "id:string"])
    futures = [stream.send({"n": number, "id": "x"} if number % 10 else {"n": number}) for number in range(50)]
    failed = [number for number, future in enumerate(futures) if future.exception() is not None]
    assert failed == [0, 10, 20, 30, 40]
    assert run("SELECT COUNT(*), COUNT(DISTINCT n) FROM t") == [(45, 45)]


def test_one_connection_may_write_to_several_tables(
    make_table: Make, write_client: BigQueryWriteClient, open_stream: Open, run: Run
) -> None:
    first, second = make_table("id STRING", name="a"), make_table("id STRING", name="b")
    rows = open_stream(first, ["id:string"]).rows
    requests = []
    for table, value in ((first, "1"), (second, "2"), (first, "3")):
        project, dataset, name = table.split(".")
        request = rows.request({"id": value})
        request.write_stream = f"projects/{project}/datasets/{dataset}/tables/{name}/_default"
        if value != "3":
            request.proto_rows.writer_schema = types.ProtoSchema(proto_descriptor=rows.descriptor)
        requests.append(request)
    answers = list(write_client.append_rows(iter(requests)))
    assert not any("error" in answer for answer in answers)
    assert run("SELECT ARRAY_AGG(id ORDER BY id) FROM a") == [(["1", "3"],)]
    assert run("SELECT id FROM b") == [("2",)]


def test_a_fault_before_a_request_loses_it_and_one_after_loses_only_the_answer(
    cloud: LocalCloud, make_table: Make, open_stream: Open, run: Run
) -> None:
    table = make_table("id STRING")
    cloud.faults.add(Fault("bigquerystorage.AppendRows", calls=1))
    with pytest.raises(exceptions.ServiceUnavailable):
        open_stream(table, ["id:string"]).append_alone({"id": "before"})
    assert run("SELECT COUNT(*) FROM t") == [(0,)]
    cloud.faults.add(Fault("bigquerystorage.AppendRows", resource="*/tables/t/*", when="after", calls=1))
    with pytest.raises(exceptions.ServiceUnavailable):
        open_stream(table, ["id:string"]).append_alone({"id": "after"})
    assert run("SELECT id FROM t") == [("after",)]


def test_a_fault_may_strike_one_poison_row(cloud: LocalCloud, make_table: Make, open_stream: Open) -> None:
    stream = open_stream(make_table("id STRING"), ["id:string"])
    cloud.faults.add(Fault("bigquerystorage.AppendRows", marker="poison", code="INTERNAL"))
    stream.append({"id": "good"})
    with pytest.raises(exceptions.InternalServerError):
        stream.append({"id": "poison"})


def test_the_read_api_says_that_it_is_not_here(running_cloud: LocalCloud) -> None:
    import grpc
    from google.cloud.bigquery_storage_v1 import BigQueryReadClient
    from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport

    with grpc.insecure_channel(running_cloud.grpc_address) as channel:
        reader = BigQueryReadClient(transport=BigQueryReadGrpcTransport(channel=channel))
        with pytest.raises(exceptions.MethodNotImplemented, match="create_bqstorage_client=False"):
            reader.create_read_session(parent="projects/p", read_session=types.ReadSession(), max_stream_count=1)
