"""Expressions are compiled once; what they ask for and is not there is no value, what goes wrong is an error."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_jobs.warehouse.expressions import FUNCTIONS, Expression

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "values", "result"),
    [
        ("data.temp * 1.8 + 32.0", {"data": {"temp": 20.0}}, 68.0),
        ('data.v < 2.4 ? "low" : "ok"', {"data": {"v": 2.0}}, "low"),
        ('attributes["a.b"].startsWith("x")', {"attributes": {"a.b": "xy"}}, True),
        ("event_time.getFullYear()", {"event_time": AT}, 2026),
        ('event_time + duration("1h")', {"event_time": AT}, AT.replace(hour=4)),
        ("data.list.filter(x, x > 1).map(y, y * 2)", {"data": {"list": [1, 2, 3]}}, [4, 6]),
        ("has(data.x) ? data.x : 0", {"data": {}}, 0),
        ("data.x", {"data": {}}, None),
        ("data.list[3]", {"data": {"list": []}}, None),
        ('attributes["x"]', {"attributes": {}}, None),
    ],
)
def test_expressions_compute_from_the_message(text: str, values: dict[str, Any], result: Any) -> None:
    expression = Expression(text)
    assert expression.variables == tuple(values)
    assert expression(values) == result


@pytest.mark.parametrize(
    ("text", "data", "reason"),
    [
        ("data.n * 1.5", {"n": 2}, "No such overload"),
        ("data.n / 0", {"n": 2}, "division by zero"),
        ("int(data.s)", {"s": "x"}, "Function 'int' error"),
        ("string(data)", {}, r"string\(\) takes no value of this kind"),
        ("9223372036854775807 + data", 1, "Arithmetic overflow"),
    ],
)
def test_what_goes_wrong_is_one_kind_of_error(text: str, data: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Expression(text)({"data": data})


@pytest.mark.parametrize("text", ["", "1 +", "data.temp *", "nobody", "data.x.trim()", "x.map(y, y)", "(" * 500])
def test_what_could_never_work_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"CEL|not there"):
        Expression(text)


def test_every_function_that_is_told_as_known_can_be_named() -> None:
    for name in FUNCTIONS:
        Expression(f"{name}(data)")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abx"), inner, max_size=3),
    max_leaves=6,
)


@given(
    data=JSON,
    text=st.sampled_from(["data.a.b", "data.a + data.b", "data[0]", "size(data)", "-data.x", "data.x / data.a"]),
)
def test_any_document_gives_a_value_or_that_error(data: Any, text: str) -> None:
    try:
        Expression(text)({"data": data})
    except ValueError as error:
        assert str(error)  # noqa: PT017 - either is fine
