"""What transforms make of a field, whatever it was."""

import math
from typing import Any

import pytest
from google.cloud.firestore_v1 import _helpers

from localcloud.firestore.messages import Document, Write
from localcloud.firestore.transforms import transform
from localcloud.rpc import RpcError

ABSENT = object()
LARGEST = 2**63 - 1


def value(plain: object) -> Any:
    encoded = _helpers.encode_value(plain)
    return getattr(encoded, "_pb", encoded)


def transformed(before: object, kind: str, operand: Any) -> tuple[Any, Any]:
    """The field afterwards, and the result told."""
    document = Document()
    if before is not ABSENT:
        document.fields["x"].CopyFrom(value(before))
    change = Write().update_transforms.add(field_path="x")
    if kind in ("append_missing_elements", "remove_all_from_array"):
        getattr(change, kind).values.extend(map(value, operand))
    elif kind == "set_to_server_value":
        change.set_to_server_value = operand
    else:
        getattr(change, kind).CopyFrom(value(operand))
    result = transform(document.fields, change, 1_700_000_000_123_456)
    return _helpers.decode_dict(document.fields, None)["x"], _helpers.decode_value(result, None)


@pytest.mark.parametrize(
    ("before", "operand", "after"),
    [
        (1, 2, 3),
        (1, 0.5, 1.5),
        (1.5, 1, 2.5),
        (ABSENT, 5, 5),
        ("text", 5, 5),
        (LARGEST, 1, LARGEST),
        (-LARGEST, -10, -LARGEST - 1),
    ],
)
def test_increment(before: Any, operand: Any, after: Any) -> None:
    field, told = transformed(before, "increment", operand)
    assert (field, told, type(field)) == (after, after, type(after))


@pytest.mark.parametrize(
    ("kind", "before", "operand", "after"),
    [
        ("maximum", 1, 2, 2),
        ("maximum", 2, 1, 2),
        ("maximum", 1, 1.0, 1),
        ("maximum", "text", 1, 1),
        ("maximum", ABSENT, 1, 1),
        ("minimum", 1, 2, 1),
        ("minimum", 2.5, 1, 1),
        ("minimum", 1.0, 1, 1.0),
        ("minimum", True, 1, 1),
    ],
)
def test_maximum_and_minimum_keep_the_field_when_equal(kind: str, before: Any, operand: Any, after: Any) -> None:
    field, told = transformed(before, kind, operand)
    assert (field, told, type(field)) == (after, after, type(after))


@pytest.mark.parametrize("kind", ["maximum", "minimum"])
@pytest.mark.parametrize(("before", "operand"), [(math.nan, 1), (1, math.nan)])
def test_the_extreme_of_anything_and_nan_is_nan(kind: str, before: Any, operand: Any) -> None:
    assert math.isnan(transformed(before, kind, operand)[0])


@pytest.mark.parametrize(
    ("kind", "before", "operand", "after"),
    [
        ("append_missing_elements", [1, 2], [2.0, 3, 3], [1, 2, 3]),
        ("append_missing_elements", ABSENT, [1], [1]),
        ("append_missing_elements", "text", [{"a": 1}], [{"a": 1}]),
        ("remove_all_from_array", [1, 2, 1.0, "1"], [1], [2, "1"]),
        ("remove_all_from_array", "text", [1], []),
    ],
)
def test_arrays_as_sets(kind: str, before: Any, operand: Any, after: Any) -> None:
    assert transformed(before, kind, operand) == (after, None)


def test_the_servers_time_has_milliseconds() -> None:
    field, told = transformed(1, "set_to_server_value", 1)
    assert field == told
    assert (field.timestamp(), field.microsecond) == (1_700_000_000.123, 123_000)


@pytest.mark.parametrize(
    ("kind", "operand", "reason"), [("increment", "x", "takes a number"), ("set_to_server_value", 0, "REQUEST_TIME")]
)
def test_operands_that_cannot_be(kind: str, operand: Any, reason: str) -> None:
    with pytest.raises(RpcError, match=reason):
        transformed(1, kind, operand)
