"""Datasets and tables as documents write them, and what is refused with what to do."""

from typing import Any

import pytest

from director.documents.specs.bigquery import Dataset, Table
from director.strict import DocumentError, Strict, parse

KEY = "projects/p/locations/eu/keyRings/r/cryptoKeys/k"
COLUMNS = [
    {"name": "at", "type": "TIMESTAMP"},
    {"name": "device", "type": "STRING", "mode": "REQUIRED"},
    {"name": "number", "type": "INT64"},
    {"name": "many", "type": "INT64", "mode": "REPEATED"},
    {"name": "days", "type": "DATE", "mode": "REPEATED"},
    {"name": "day", "type": "DATE"},
]
RANGES = {"field": "number", "start": 0, "end": 100, "interval": 10}


def test_every_field_may_be_said() -> None:
    dataset = {"name": "d", "default_partition_expiration": "90d", "default_kms_key_name": KEY}
    assert parse({**dataset, "max_time_travel_hours": 48}, Dataset).max_time_travel_hours == 48
    table = {"name": "t", "dataset": "d", "schema": COLUMNS, "range_partitioning": RANGES, "kms_key_name": KEY}
    parse({**table, "require_partition_filter": True, "primary_key": ["device", "at"]}, Table)


@pytest.mark.parametrize(
    ("model", "data", "told"),
    [
        (Dataset, {"max_time_travel_hours": 50}, "max_time_travel_hours: is 50; use 48, 72, 96, 120, 144 or 168"),
        (Dataset, {"default_kms_key_name": f"{KEY}/cryptoKeyVersions/1"}, "without a version"),
        (Dataset, {"default_partition_expiration": "1m"}, "from 1h to 3650d is allowed"),
        (Table, {"require_partition_filter": True}, "the table is not partitioned; remove it"),
        (Table, {"range_partitioning": {**RANGES, "field": "at"}}, "'at' is no INT64 column; name one"),
        (Table, {"range_partitioning": {**RANGES, "field": "many"}}, "'many' is no INT64 column"),
        (Table, {"range_partitioning": {**RANGES, "end": 0}}, "makes 0 partitions"),
        (Table, {"range_partitioning": {**RANGES, "end": 100_001}}, "makes 10001 partitions; from 1 to 10,000"),
        (Table, {"range_partitioning": RANGES, "time_partitioning_field": "at"}, "partitioned by time already"),
        (Table, {"time_partitioning_field": "days"}, "'days' is no DATE, DATETIME or TIMESTAMP column; name one"),
        (
            Table,
            {"time_partitioning_field": "day", "time_partitioning_type": "HOUR"},
            "time_partitioning_type: a DATE has no hours; write DAY, MONTH or YEAR, or name another column",
        ),
        (Table, {"clustering_fields": ["device", "device"]}, "clustering_fields: names a column twice; keep one"),
        (
            Table,
            {"schema": [{"name": "s", "type": "STRUCT", "fields": [COLUMNS[0], {"name": "AT", "type": "DATE"}]}]},
            "columns named alike (BigQuery ignores case): at; keep one of each",
        ),
        (Table, {"primary_key": ["devise"]}, "'devise' is no column that BigQuery takes as a key"),
        (Table, {"primary_key": ["many"]}, "'many' is no column that BigQuery takes as a key"),
        (Table, {"primary_key": ["at", "at"]}, "names a column twice"),
        (Table, {"primary_key": []}, "at least 1"),
    ],
)
def test_what_bigquery_would_not_take_is_refused(model: type[Strict], data: dict[str, Any], told: str) -> None:
    whole = {"name": "x", **({"dataset": "d", "schema": COLUMNS} if model is Table else {}), **data}
    with pytest.raises(DocumentError) as refused:
        parse(whole, model)
    assert told in str(refused.value)
