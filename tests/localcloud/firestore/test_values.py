"""The order of values of all types, and which values a document may hold."""

import datetime
import math
from typing import Any

import pytest
from google.cloud.firestore_v1 import GeoPoint, _helpers
from google.cloud.firestore_v1.vector import Vector
from hypothesis import given
from hypothesis import strategies as st

from localcloud.firestore.messages import NULL, Document, Value
from localcloud.firestore.values import check_document, order_key
from localcloud.rpc import RpcError


def value(plain: object) -> Any:
    encoded = _helpers.encode_value(plain)
    return getattr(encoded, "_pb", encoded)


def reference(path: str) -> Any:
    return Value(reference_value=f"projects/p/databases/d/documents/{path}")


DOCUMENTED_ORDER = [
    [Value(null_value=NULL)],
    [value(False)],
    [value(True)],
    [value(math.nan)],
    [value(-math.inf)],
    [value(-(2**63))],
    [value(-1.5)],
    [value(-0.0), value(0), value(0.0)],
    [value(1), value(1.0)],
    [value(2**53)],
    [value(2**53 + 1)],
    [value(math.inf)],
    [value(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))],
    [value(datetime.datetime(2020, 1, 1, microsecond=1, tzinfo=datetime.UTC))],
    [value("")],
    [value("A")],
    [value("a")],
    [value("a\0")],
    [value("b")],
    [value("é")],
    [value("\uffff")],
    [value("😀")],
    [value(b"")],
    [value(b"\x01\x02")],
    [value(b"\xff")],
    [reference("a/__id7__")],
    [reference("a/A")],
    [reference("a/b")],
    [reference("a/b/c/d")],
    [reference("a-b/a")],
    [value(GeoPoint(-1, 5))],
    [value(GeoPoint(1, -5))],
    [value(GeoPoint(1, 5))],
    [value([])],
    [value([1])],
    [value([1, "a"]), value([1.0, "a"])],
    [value([2])],
    [value(["a"])],
    [value(Vector([9.0]))],
    [value(Vector([1.0, 2.0]))],
    [value(Vector([1.0, 3.0]))],
    [value({})],
    [value({"a": 1})],
    [value({"a": 1, "b": 0})],
    [value({"a": 2})],
    [value({"b": 0})],
]


def test_values_are_ordered_as_documented() -> None:
    for place, equals in enumerate(DOCUMENTED_ORDER):
        for one in equals:
            assert all(order_key(one) == order_key(other) for other in equals)
            for greater in (other for others in DOCUMENTED_ORDER[place + 1 :] for other in others):
                assert order_key(one) < order_key(greater), (one, greater)


@given(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False))
def test_integers_and_doubles_compare_by_their_exact_value(integer: int, double: float) -> None:
    assert (order_key(value(integer)) < order_key(value(double))) == (integer < double)


def document(**fields: Any) -> Document:
    made = Document(name="projects/p/databases/d/documents/c/x")
    for name, content in fields.items():
        made.fields[name].CopyFrom(content)
    return made


def nested(levels: int) -> dict[str, Any]:
    return {"x": nested(levels - 1)} if levels > 1 else {"x": 1}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"__x__": value(1)}, "reserved"),
        ({"": value(1)}, "empty"),
        ({"x": value({"__y__": 1})}, "reserved"),
        ({"x": Value()}, "no value"),
        ({"x": value([[1]])}, "array value in an array value"),
        ({"x": value({"y": [{"z": [[1]]}]})}, "array value in an array value"),
        ({"x": value(nested(20))}, "deeper than 20"),
        ({"x": value("a" * (1 << 20))}, "exceeds the maximum allowed size of 1,048,576 bytes"),
        ({"x": value(list(range(200_000)))}, "exceeds the maximum"),
    ],
)
def test_documents_that_cannot_be(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(RpcError, match=reason):
        check_document(document(**fields))


def test_documents_at_the_limits() -> None:
    check_document(document(x=value(nested(19)), y=value(Vector([1.0])), z=value([{"a": [1]}])))
    check_document(document(x=value("a" * ((1 << 20) - 200))))
