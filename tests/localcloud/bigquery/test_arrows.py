"""Arrow record batches through Google's client."""

import datetime
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from google.api_core import exceptions
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient, types

Make = Callable[..., str]
Run = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def append(write_client: BigQueryWriteClient) -> Callable[[str, pa.RecordBatch], Any]:
    """Appends one batch to a table's default stream; gives the answer."""

    def append_one(table: str, batch: pa.RecordBatch) -> Any:
        project, dataset, name = table.split(".")
        data = types.AppendRowsRequest.ArrowData(
            writer_schema=types.ArrowSchema(serialized_schema=batch.schema.serialize().to_pybytes()),
            rows=types.ArrowRecordBatch(serialized_record_batch=batch.serialize().to_pybytes()),
        )
        stream = f"projects/{project}/datasets/{dataset}/tables/{name}/_default"
        request = types.AppendRowsRequest(write_stream=stream, arrow_rows=data)
        return next(iter(write_client.append_rows(iter([request]), retry=None)))

    return append_one


def test_batches_are_stored(make_table: Make, append: Any, run: Run) -> None:
    table = make_table(
        "id STRING REQUIRED", "n INTEGER", "f FLOAT", "ts TIMESTAMP", "d DATE", "j JSON", "tags STRING REPEATED"
    )
    moment = datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    batch = pa.record_batch(
        {
            "id": pa.array(["a", "b"], pa.large_string()),
            "n": pa.array([1, None], pa.int32()),
            "f": pa.array([1.5, None], pa.float32()),
            "ts": pa.array([moment, None], pa.timestamp("ms", "UTC")),
            "d": pa.array([datetime.date(2024, 1, 2), None]),
            "j": ['{"a": 1}', None],
            "tags": [["x"], []],
        }
    )
    assert "error" not in append(table, batch)
    assert run("SELECT * FROM t ORDER BY id") == [
        ("a", 1, 1.5, moment, datetime.date(2024, 1, 2), {"a": 1}, ["x"]),
        ("b", None, None, None, None, None, []),
    ]


def test_bad_rows_are_named(make_table: Make, append: Any, run: Run) -> None:
    table = make_table("id STRING REQUIRED", "j JSON", "ts TIMESTAMP")
    batch = pa.record_batch(
        {
            "id": ["a", None, "c", "d"],
            "j": [None, None, "{", None],
            "ts": pa.array([0, 0, 0, 2**62], pa.timestamp("us", "UTC")),
        }
    )
    answer = append(table, batch)
    assert answer.error.code == 3
    assert [error.index for error in answer.row_errors] == [1, 2, 3]
    assert run("SELECT COUNT(*) FROM t") == [(0,)]


@pytest.mark.parametrize(
    ("batch", "reason"),
    [
        (pa.record_batch({"id": ["a"], "extra": [1]}), "extra fields: 'extra'"),
        (pa.record_batch({"id": [1]}), "the Arrow type int64, BigQuery field type STRING"),
        (pa.record_batch({"n": [1]}), "required field id is missing"),
    ],
)
def test_schemas_that_do_not_fit_end_the_connection(
    make_table: Make, append: Any, batch: pa.RecordBatch, reason: str
) -> None:
    table = make_table("id STRING REQUIRED", "n INTEGER")
    with pytest.raises(exceptions.InvalidArgument, match=reason):
        append(table, batch)
