"""Rows as the REST API sends them."""

from decimal import Decimal

import pyarrow as pa
import pytest

from localcloud.bigquery.schema import Field, arrow_type
from localcloud.bigquery.wire import Encoding
from localcloud.rest import HttpError

NESTED = Field("r", "RECORD", fields=(Field("x", "INTEGER"), Field("ts", "TIMESTAMP", "REPEATED")))


@pytest.mark.parametrize(
    ("field", "values", "cells"),
    [
        (Field("a", "STRING"), ["x", None], ["x", None]),
        (Field("a", "INTEGER"), [-5, None], ["-5", None]),
        (Field("a", "FLOAT"), [1.5, float("nan"), float("-inf")], ["1.5", "NaN", "-Infinity"]),
        (Field("a", "BOOLEAN"), [True, False], ["true", "false"]),
        (Field("a", "BYTES"), [b"ab"], ["YWI="]),
        (Field("a", "NUMERIC"), [Decimal("1.500000000"), Decimal(100)], ["1.5", "100"]),
        (Field("a", "DATE"), [-1], ["1969-12-31"]),
        (Field("a", "TIME"), [500_000], ["00:00:00.500000"]),
        (Field("a", "DATETIME"), [1_000_000], ["1970-01-01T00:00:01"]),
        (Field("a", "TIMESTAMP"), [1_500_000], ["1.5"]),
        (Field("a", "JSON"), ['{"a":1}'], ['{"a":1}']),
        (Field("a", "INTEGER", "REPEATED"), [[1, 2], [], None], [[{"v": "1"}, {"v": "2"}], [], []]),
        (
            NESTED,
            [{"x": 1, "ts": [1_000_000]}, None],
            [{"f": [{"v": "1"}, {"v": [{"v": "1.0"}]}]}, None],
        ),
        (
            Field("a", "RECORD", "REPEATED", NESTED.fields),
            [[{"x": None, "ts": None}], []],
            [[{"v": {"f": [{"v": None}, {"v": []}]}}], []],
        ),
    ],
)
def test_values_are_strings_lists_of_v_and_records_of_f(field: Field, values: list, cells: list) -> None:  # type: ignore[type-arg]
    table = pa.table({"a": pa.array(values, arrow_type(field))})
    assert Encoding().rows(table, (field,)) == [{"f": [{"v": cell}]} for cell in cells]


def test_slices_of_nested_columns_keep_their_own_rows() -> None:
    field = Field("a", "RECORD", "REPEATED", (Field("x", "INTEGER"),))
    table = pa.table({"a": pa.array([[{"x": 1}], [{"x": 2}, {"x": 3}], []], arrow_type(field))})
    assert Encoding().rows(table.slice(1, 1), (field,)) == [
        {"f": [{"v": [{"v": {"f": [{"v": "2"}]}}, {"v": {"f": [{"v": "3"}]}}]}]}
    ]


def test_timestamps_can_be_whole_microseconds() -> None:
    table = pa.table({"a": pa.array([1_500_000], pa.timestamp("us", "UTC"))})
    assert Encoding(whole_timestamps=True).rows(table, (Field("a", "TIMESTAMP"),)) == [{"f": [{"v": "1500000"}]}]


def test_a_null_in_an_array_cannot_be_sent() -> None:
    field = Field("a", "INTEGER", "REPEATED")
    with pytest.raises(HttpError, match="null element"):
        Encoding().rows(pa.table({"a": pa.array([[None]], arrow_type(field))}), (field,))
