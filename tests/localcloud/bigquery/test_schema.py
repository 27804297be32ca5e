"""Schemas: what is accepted, and what types become in DuckDB and Arrow."""

import duckdb
import pyarrow as pa
import pytest

from localcloud.bigquery.schema import (
    Field,
    arrow_type,
    column_definition,
    column_type,
    result_schema,
    schema_from_resource,
    schema_resource,
)
from localcloud.rest import HttpError

RECORD = Field("r", "RECORD", "REPEATED", (Field("x", "INTEGER"), Field("tags", "STRING", "REPEATED")))


@pytest.mark.parametrize(
    ("field", "stored", "arrow"),
    [
        (Field("a", "STRING"), "VARCHAR", pa.string()),
        (Field("a", "BYTES"), "BLOB", pa.binary()),
        (Field("a", "INTEGER"), "BIGINT", pa.int64()),
        (Field("a", "FLOAT"), "DOUBLE", pa.float64()),
        (Field("a", "BOOLEAN"), "BOOLEAN", pa.bool_()),
        (Field("a", "TIMESTAMP"), "TIMESTAMP WITH TIME ZONE", pa.timestamp("us", "UTC")),
        (Field("a", "DATETIME"), "TIMESTAMP", pa.timestamp("us")),
        (Field("a", "DATE"), "DATE", pa.date32()),
        (Field("a", "TIME"), "TIME", pa.time64("us")),
        (Field("a", "JSON"), "JSON", pa.string()),
        (Field("a", "NUMERIC"), "DECIMAL(38,9)", pa.decimal128(38, 9)),
        (Field("a", "NUMERIC", precision=10, scale=2), "DECIMAL(10,2)", pa.decimal128(38, 9)),
        (Field("a", "STRING", "REPEATED"), "VARCHAR[]", pa.list_(pa.string())),
        (
            RECORD,
            'STRUCT("x" BIGINT, "tags" VARCHAR[])[]',
            pa.list_(pa.struct([("x", pa.int64()), ("tags", pa.list_(pa.string()))])),
        ),
    ],
)
def test_types_map_to_duckdb_and_arrow(field: Field, stored: str, arrow: pa.DataType) -> None:
    assert column_type(field) == stored
    assert arrow_type(field) == arrow


def test_required_columns_are_not_null_and_repeated_ones_empty() -> None:
    assert column_definition(Field("a", "STRING", "REQUIRED")) == '"a" VARCHAR NOT NULL'
    assert column_definition(Field("a", "STRING", "REPEATED")) == '"a" VARCHAR[] DEFAULT []'


def test_a_resource_is_kept_with_canonical_types() -> None:
    resource = {
        "fields": [
            {"name": "id", "type": "INT64", "mode": "required", "description": "the id"},
            {"name": "s", "type": "STRING", "maxLength": "10"},
            {"name": "r", "type": "STRUCT", "fields": [{"name": "f", "type": "FLOAT64"}]},
        ]
    }
    schema = schema_from_resource(resource)
    assert schema_resource(schema) == {
        "fields": [
            {"name": "id", "type": "INTEGER", "mode": "REQUIRED", "description": "the id"},
            {"name": "s", "type": "STRING", "mode": "NULLABLE", "maxLength": "10"},
            {
                "name": "r",
                "type": "RECORD",
                "mode": "NULLABLE",
                "fields": [{"name": "f", "type": "FLOAT", "mode": "NULLABLE"}],
            },
        ]
    }
    assert schema_from_resource(schema_resource(schema)) == schema


@pytest.mark.parametrize(
    ("field", "status"),
    [
        ({"name": "a-b", "type": "STRING"}, 400),
        ({"name": "", "type": "STRING"}, 400),
        ({"name": "a", "type": "TEXT"}, 400),
        ({"name": "a", "type": "STRING", "mode": "MAYBE"}, 400),
        ({"name": "a", "type": "RECORD"}, 400),
        ({"name": "a", "type": "STRING", "fields": [{"name": "b", "type": "STRING"}]}, 400),
        ({"name": "a", "type": "GEOGRAPHY"}, 501),
        ({"name": "a", "type": "BIGNUMERIC"}, 501),
        ({"name": "a", "type": "STRING", "defaultValueExpression": "'x'"}, 501),
    ],
)
def test_impossible_fields_are_refused(field: dict[str, str], status: int) -> None:
    with pytest.raises(HttpError) as caught:
        schema_from_resource({"fields": [field]})
    assert caught.value.status == status


def test_results_have_bigquery_types() -> None:
    relation = duckdb.sql(
        """SELECT sum(1::BIGINT) AS a, NULL AS b, {'x': 1, 'y': ['t']} AS c, '{}'::JSON AS d, 1.5::DECIMAL(4, 1) AS e,
        row(1, 'z') AS f"""
    )
    assert result_schema(relation.columns, relation.types) == (
        Field("a", "INTEGER"),
        Field("b", "INTEGER"),
        Field("c", "RECORD", fields=(Field("x", "INTEGER"), Field("y", "STRING", "REPEATED"))),
        Field("d", "JSON"),
        Field("e", "NUMERIC"),
        Field("f", "RECORD", fields=(Field("_field_1", "INTEGER"), Field("_field_2", "STRING"))),
    )
    intervals = duckdb.sql("SELECT INTERVAL 1 DAY AS a")
    with pytest.raises(HttpError, match="INTERVAL"):
        result_schema(intervals.columns, intervals.types)
