"""Queries over documents: filters, orders, cursors, pages."""

from typing import Any

import grpc
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore import Client
from google.cloud.firestore_v1 import _helpers
from google.cloud.firestore_v1.base_query import And, FieldFilter, Or

from localcloud.clock import Clock
from localcloud.firestore.database import Database
from localcloud.firestore.messages import Cursor, Document, StructuredQuery, Value, Write
from localcloud.firestore.query import query
from localcloud.firestore.views import Present
from localcloud.rpc import RpcError

DATABASE = "projects/p/databases/(default)"
ROOT = f"{DATABASE}/documents"


@pytest.fixture(scope="module")
def client() -> Client:
    """Only to write queries down; it calls nobody."""
    return Client(project="p", credentials=AnonymousCredentials())


def holding(documents: dict[str, dict[str, Any]]) -> Database:
    database = Database(DATABASE, Clock(), lambda changes: None)
    for path, fields in documents.items():
        document = Document(name=f"{ROOT}/{path}")
        for name, value in _helpers.encode_dict(fields).items():
            document.fields[name].CopyFrom(value._pb)
        database.commit([Write(update=document)])
    return database


def found(database: Database, asked: Any, parent: tuple[str, ...] = ()) -> list[str]:
    """The ids of the results."""
    return [entry.path[-1] for entry in query(parent, asked._to_protobuf()._pb).run(Present(database))]


NUMBERS = holding(
    {
        "c/a": {"n": 1, "s": "x", "tags": ["red", "blue"], "m": {"k": 1}},
        "c/b": {"n": 2.5, "s": "y", "tags": ["red"], "m": {"k": 2}},
        "c/c": {"n": 3, "s": "x", "tags": [], "m": {"k": 1, "l": 1}},
        "c/d": {"n": None, "s": "z", "tags": "red"},
        "c/e": {"n": float("nan"), "s": "x"},
        "c/f": {"n": "text"},
        "c/g": {"other": 1},
        "c/a/c/deep": {"n": 1},
        "d/a": {"n": 1},
    }
)


@pytest.mark.parametrize(
    ("field", "op", "operand", "ids"),
    [
        ("n", "==", 1.0, ["a"]),
        ("n", "==", "text", ["f"]),
        ("n", "==", None, ["d"]),
        ("n", "==", float("nan"), ["e"]),
        ("n", "<", 3, ["e", "a", "b"]),
        ("n", "<=", 2.5, ["e", "a", "b"]),
        ("n", ">", 1, ["b", "c"]),
        ("n", ">=", 2.5, ["b", "c"]),
        ("n", "!=", 1, ["e", "b", "c", "f"]),
        ("n", "!=", None, ["e", "a", "b", "c", "f"]),
        ("n", "!=", float("nan"), ["a", "b", "c", "f"]),
        ("n", "in", [1, "text", 7], ["a", "f"]),
        ("n", "not-in", [1, 2.5], ["e", "c", "f"]),
        ("n", "not-in", [1, None], []),
        ("tags", "array_contains", "red", ["a", "b"]),
        ("tags", "array_contains_any", ["blue", "green"], ["a"]),
        ("tags", "==", ["red"], ["b"]),
        ("m", "==", {"k": 1}, ["a"]),
        ("m.k", "==", 1, ["a", "c"]),
        ("m.k.deeper", "==", 1, []),
    ],
)
def test_filters(client: Client, field: str, op: str, operand: Any, ids: list[str]) -> None:
    assert found(NUMBERS, client.collection("c").where(filter=FieldFilter(field, op, operand))) == ids


def test_filters_are_combined(client: Client) -> None:
    x, small, z = FieldFilter("s", "==", "x"), FieldFilter("n", "<", 3), FieldFilter("s", "==", "z")
    collection = client.collection("c")
    assert found(NUMBERS, collection.where(filter=x).where(filter=small)) == ["e", "a"]
    assert found(NUMBERS, collection.where(filter=Or([And([x, small]), z]))) == ["d", "e", "a"]


def test_names_are_filtered_by_references(client: Client) -> None:
    collection = client.collection("c")
    after = FieldFilter("__name__", ">", collection.document("d"))
    assert found(NUMBERS, collection.where(filter=after)) == ["e", "f", "g"]
    chosen = FieldFilter("__name__", "in", [collection.document("a"), collection.document("zz")])
    assert found(NUMBERS, collection.where(filter=chosen)) == ["a"]


def test_results_without_an_order_are_ordered_by_name(client: Client) -> None:
    assert found(NUMBERS, client.collection("c").offset(0)) == ["a", "b", "c", "d", "e", "f", "g"]


def test_documents_without_the_ordering_field_are_left_out(client: Client) -> None:
    assert found(NUMBERS, client.collection("c").order_by("n")) == ["d", "e", "a", "b", "c", "f"]
    assert found(NUMBERS, client.collection("c").order_by("n", direction="DESCENDING")) == [*"fcbaed"]


def test_each_order_has_its_direction_and_the_name_the_last_one(client: Client) -> None:
    ordered = client.collection("c").order_by("s").order_by("n", direction="DESCENDING")
    assert found(NUMBERS, ordered) == ["c", "a", "e", "b", "d"]
    assert found(NUMBERS, client.collection("c").order_by("s", direction="DESCENDING")) == ["d", "b", "e", "c", "a"]


@pytest.mark.parametrize(
    ("cursor", "ids"),
    [
        ("start_at", ["b", "c"]),
        ("start_after", ["c"]),
        ("end_at", ["e", "a", "b"]),
        ("end_before", ["e", "a"]),
    ],
)
def test_cursors(client: Client, cursor: str, ids: list[str]) -> None:
    numbers = client.collection("c").where(filter=FieldFilter("n", "<", 100)).order_by("n")
    assert found(NUMBERS, getattr(numbers, cursor)({"n": 2.5})) == ids


def test_cursors_follow_descending_orders(client: Client) -> None:
    falling = client.collection("c").order_by("s", direction="DESCENDING").order_by("n")
    assert found(NUMBERS, falling.start_at({"s": "x", "n": 1})) == ["a", "c"]
    assert found(NUMBERS, falling.end_before({"s": "x"})) == ["d", "b"]


def test_pages(client: Client) -> None:
    collection = client.collection("c")
    assert found(NUMBERS, collection.limit(2)) == ["a", "b"]
    assert found(NUMBERS, collection.offset(2).limit(2)) == ["c", "d"]
    assert found(NUMBERS, collection.limit(0)) == []


def test_collections_are_found_where_they_are_asked_for(client: Client) -> None:
    assert found(NUMBERS, client.collection("c", "a", "c").offset(0), ("c", "a")) == ["deep"]
    assert found(NUMBERS, client.collection_group("c").where(filter=FieldFilter("n", "==", 1))) == ["a", "deep"]


def test_a_recursive_query_finds_everything_below_a_collection(client: Client) -> None:
    assert found(NUMBERS, client.collection("c").recursive()) == ["a", "deep", "b", "c", "d", "e", "f", "g"]


def test_a_projection_leaves_the_fields_asked_for(client: Client) -> None:
    for fields, left in ((["m.k", "s"], {"m": {"k": 1}, "s": "x"}), (["__name__"], {})):
        asked = query((), client.collection("c").select(fields)._to_protobuf()._pb)
        document = Document.FromString(asked.projected(asked.run(Present(NUMBERS))[0]))
        assert _helpers.decode_dict(document.fields, None) == left


def filtered(op: int | str, value: Any) -> StructuredQuery:
    asked = StructuredQuery(from_=[StructuredQuery.CollectionSelector(collection_id="c")])
    asked.where.field_filter.field.field_path = "n"
    asked.where.field_filter.op = StructuredQuery.FieldFilter.Operator.Value(op) if isinstance(op, str) else op
    asked.where.field_filter.value.CopyFrom(value)
    return asked


def many(count: int) -> Value:
    value = Value()
    value.array_value.values.extend(Value(integer_value=number) for number in range(count))
    return value


def with_cursor(*values: Value) -> StructuredQuery:
    asked = StructuredQuery(from_=[StructuredQuery.CollectionSelector(collection_id="c")])
    asked.start_at.CopyFrom(Cursor(values=values))
    return asked


def test_vector_search_is_not_supported() -> None:
    asked = StructuredQuery(from_=[StructuredQuery.CollectionSelector(collection_id="c")])
    asked.find_nearest.SetInParent()
    with pytest.raises(RpcError) as refused:
        query((), asked)
    assert refused.value.code is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (StructuredQuery(), "exactly one from"),
        (filtered("IN", Value(integer_value=1)), "non-empty ArrayValue"),
        (filtered("IN", many(0)), "non-empty ArrayValue"),
        (filtered("IN", many(31)), "up to 30"),
        (filtered("NOT_IN", many(11)), "up to 10"),
        (filtered(0, Value(integer_value=1)), "must have an operator"),
        (with_cursor(Value(integer_value=1)), "must be a reference"),
        (with_cursor(Value(reference_value=ROOT), Value(integer_value=1)), "too many values"),
        (
            StructuredQuery(from_=[StructuredQuery.CollectionSelector(collection_id="c")], offset=-1),
            "must not be negative",
        ),
    ],
)
def test_queries_that_cannot_be(asked: StructuredQuery, reason: str) -> None:
    with pytest.raises(RpcError, match=reason):
        query((), asked)
