"""Values take the form that BigQuery's Storage Write API wants for a column's type, or say why they cannot."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_jobs.warehouse.values import CONVERSIONS, converted

AT = datetime(2020, 7, 13, 0, 0, 24, 500_000, UTC)


@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        ("STRING", "text", "text"),
        ("STRING", 1.5, "1.5"),
        ("STRING", {"a": [1]}, '{"a":[1]}'),
        ("STRING", AT, "2020-07-13T00:00:24.500000+00:00"),
        ("INT64", "7", 7),
        ("INT64", 7.0, 7),
        ("INT64", -(2**63), -(2**63)),
        ("FLOAT64", 7, 7.0),
        ("FLOAT64", "7.5", 7.5),
        ("NUMERIC", 0.1, "0.100000000"),
        ("NUMERIC", "1.0000000005", "1.000000001"),
        ("NUMERIC", "99999999999999999999999999999.5", "99999999999999999999999999999.500000000"),
        ("BIGNUMERIC", 10**37, f"{10**37}.{'0' * 38}"),
        ("BOOL", "false", False),
        ("TIMESTAMP", 1_594_598_424.5, 1_594_598_424_500_000),
        ("TIMESTAMP", "2020-07-13T02:00:24.5+02:00", 1_594_598_424_500_000),
        ("TIMESTAMP", AT, 1_594_598_424_500_000),
        ("DATE", "1970-01-02", 1),
        ("DATE", "2020-07-13T00:30:00+02:00", 18_455),
        ("DATE", date(1969, 12, 31), -1),
        ("DATETIME", "2020-07-13T00:00:24", "2020-07-13 00:00:24.000000"),
        ("DATETIME", AT.astimezone(timezone(timedelta(hours=2))), "2020-07-13 00:00:24.500000"),
        ("TIME", "03:04", "03:04:00.000000"),
        ("BYTES", "AP8=", b"\x00\xff"),
        ("BYTES", b"\xff", b"\xff"),
        ("JSON", {"b": None}, b'{"b":null}'),
        ("GEOGRAPHY", "POINT(1 2)", "POINT(1 2)"),
        ("GEOGRAPHY", {"type": "Point", "coordinates": [1, 2]}, b'{"type":"Point","coordinates":[1,2]}'),
    ],
)
def test_values_become_what_the_type_takes(kind: Any, value: Any, stored: Any) -> None:
    assert converted(kind, value) == stored


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("INT64", "x"),
        ("INT64", "1_000"),
        ("INT64", " 7 "),
        ("INT64", "\u0663"),
        ("FLOAT64", "1_0"),
        ("FLOAT64", " 1.5"),
        ("NUMERIC", "1_000"),
        ("NUMERIC", "\u0663"),
        ("INT64", 1.5),
        ("INT64", True),
        ("INT64", 2**63),
        ("FLOAT64", "nan"),
        ("FLOAT64", True),
        ("FLOAT64", 10**400),
        ("NUMERIC", "1e29"),
        ("NUMERIC", "99999999999999999999999999999.9999999999"),
        ("NUMERIC", "NaN"),
        ("NUMERIC", "x"),
        ("NUMERIC", True),
        ("BIGNUMERIC", 1e39),
        ("BOOL", 1),
        ("BOOL", []),
        ("TIMESTAMP", "2020-07-13"),
        ("TIMESTAMP", "0001-01-01T00:00:00+14:00"),
        ("TIMESTAMP", 1e14),
        ("DATE", 7),
        ("DATE", "13.7.2020"),
        ("DATETIME", "0001-01-01T00:00:00+14:00"),
        ("TIME", "03:04Z"),
        ("TIME", 3),
        ("BYTES", "%"),
        ("BYTES", 1),
        ("JSON", object()),
        ("GEOGRAPHY", 1),
    ],
)
def test_what_does_not_fit_is_refused(kind: Any, value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        converted(kind, value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(value=JSON, kind=st.sampled_from(sorted(CONVERSIONS)))
def test_any_value_is_converted_or_refused(value: Any, kind: Any) -> None:
    try:
        converted(kind, value)
    except (TypeError, ValueError) as error:
        assert str(error)  # noqa: PT017 - either is fine
