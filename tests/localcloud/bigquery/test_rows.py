"""Rows sent as JSON: what their values may look like."""

from decimal import Decimal
from typing import Any

import pytest

from localcloud.bigquery.rows import checked, columns
from localcloud.bigquery.schema import Field


@pytest.mark.parametrize(
    ("field", "value", "stored"),
    [
        (Field("v", "STRING"), 12, "12"),
        (Field("v", "STRING"), True, "true"),
        (Field("v", "INTEGER"), "12", 12),
        (Field("v", "INTEGER"), 12.0, 12),
        (Field("v", "FLOAT"), "1e3", 1000.0),
        (Field("v", "FLOAT"), "-Infinity", float("-inf")),
        (Field("v", "BOOLEAN"), "True", True),
        (Field("v", "BYTES"), "YWI=", b"ab"),
        (Field("v", "TIMESTAMP"), 1.5, 1_500_000),
        (Field("v", "TIMESTAMP"), "1970-01-01T00:00:01Z", 1_000_000),
        (Field("v", "DATE"), "1970-01-02", 1),
        (Field("v", "NUMERIC"), 0.1, Decimal("0.1")),
        (Field("v", "NUMERIC", precision=4, scale=1), "1.25", Decimal("1.2")),
        (Field("v", "JSON"), "[1, 2]", "[1,2]"),
        (Field("v", "STRING", "REPEATED"), None, []),
    ],
)
def test_values_that_are_taken(field: Field, value: Any, stored: Any) -> None:
    good, errors = checked((field,), [{"V": value}], ignore_unknown=False)
    assert errors == {}
    assert good == [{"v": stored}]
    assert columns((field,), good).num_rows == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (Field("v", "INTEGER"), 1.5),
        (Field("v", "INTEGER"), True),
        (Field("v", "INTEGER"), 2**63),
        (Field("v", "FLOAT"), "x"),
        (Field("v", "BOOLEAN"), 1),
        (Field("v", "BYTES"), "not base64!"),
        (Field("v", "TIMESTAMP"), 1e18),
        (Field("v", "DATE"), 5),
        (Field("v", "JSON"), 5),
        (Field("v", "STRING", max_length=2), "abc"),
        (Field("v", "NUMERIC", precision=3, scale=1), 100),
        (Field("v", "RECORD", fields=(Field("x", "STRING"),)), "text"),
        (Field("v", "RECORD", fields=(Field("x", "STRING"),)), {"y": 1}),
        (Field("v", "RECORD", fields=(Field("x", "STRING", "REQUIRED"),)), {}),
    ],
)
def test_values_that_are_refused(field: Field, value: Any) -> None:
    good, errors = checked((field,), [{"v": value}, {}], ignore_unknown=False)
    assert list(errors) == [0]
    assert errors[0].location.startswith("v")
    assert len(good) == 1


def test_a_row_that_is_no_object_is_refused() -> None:
    _, errors = checked((Field("v", "STRING"),), ["text"], ignore_unknown=True)
    assert list(errors) == [0]
