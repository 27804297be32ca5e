"""Queries, aggregations and listings over the wire."""

import pytest
from google.api_core.exceptions import InvalidArgument, MethodNotImplemented
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter
from google.cloud.firestore_v1.query_profile import ExplainOptions


@pytest.fixture
def numbers(client: firestore.Client) -> firestore.CollectionReference:
    """Documents 0 to 9, each with its number `n`, and whether it is odd."""
    batch = client.batch()
    for number in range(10):
        batch.set(client.document(f"numbers/{number}"), {"n": number, "odd": number % 2 == 1, "half": number / 2})
    batch.commit()
    return client.collection("numbers")


def ids(results: object) -> list[str]:
    return [snapshot.id for snapshot in results]  # type: ignore[attr-defined]


def test_a_query_streams_its_results(numbers: firestore.CollectionReference) -> None:
    asked = numbers.where(filter=FieldFilter("odd", "==", True)).order_by("n", direction="DESCENDING").limit(3)
    results = asked.get()
    assert ids(results) == ["9", "7", "5"]
    assert results[0].read_time >= results[0].update_time


def test_a_query_without_results_still_has_a_time(client: firestore.Client) -> None:
    root = f"{client._database_string}/documents"
    query = client.collection("nothing").limit(1)._to_protobuf()
    answers = list(client._firestore_api.run_query(request={"parent": root, "structured_query": query}))
    assert [(answer.document.name, bool(answer.read_time)) for answer in answers] == [("", True)]


def test_pages_follow_the_last_document(numbers: firestore.CollectionReference) -> None:
    ordered = numbers.order_by("odd").limit(4)
    first = ordered.get()
    second = ordered.start_after(first[-1]).get()
    assert ids(first) + ids(second) == ["0", "2", "4", "6", "8", "1", "3", "5"]
    assert ids(numbers.order_by("n").limit_to_last(2).get()) == ["8", "9"]


def test_collection_groups_and_recursion(client: firestore.Client) -> None:
    for path in ("c/a", "c/a/logs/1", "c/b/logs/2", "logs/3"):
        client.document(path).set({})
    assert ids(client.collection_group("logs").stream()) == ["1", "2", "3"]
    assert ids(client.collection("c", "b", "logs").stream()) == ["2"]
    client.recursive_delete(client.collection("c"))
    assert ids(client.collection_group("logs").stream()) == ["3"]


def test_partitions_cover_a_collection_group(client: firestore.Client, numbers: firestore.CollectionReference) -> None:
    partitions = list(client.collection_group(numbers.id).get_partitions(3))
    assert len(partitions) == 4
    assert [found for partition in partitions for found in ids(partition.query().stream())] == [*"0123456789"]


def test_aggregations(numbers: firestore.CollectionReference) -> None:
    odd = numbers.where(filter=FieldFilter("odd", "==", True))
    asked = odd.count(alias="count").sum("n", alias="sum").avg("n", alias="mean").sum("half", alias="halves")
    assert {result.alias: result.value for result in asked.get()[0]} == {
        "count": 5,
        "sum": 25,
        "mean": 5.0,
        "halves": 12.5,
    }


def test_aggregations_that_cannot_be(numbers: firestore.CollectionReference) -> None:
    with pytest.raises(InvalidArgument, match="unique"):
        numbers.count(alias="x").sum("n", alias="x").get()
    asked = numbers.count()
    for _ in range(5):
        asked.count()
    with pytest.raises(InvalidArgument, match="1 to 5"):
        asked.get()


def test_collections_are_listed_even_below_missing_documents(client: firestore.Client) -> None:
    for path in ("a/x/b/y/c/z", "d/x"):
        client.document(path).set({})
    assert [collection.id for collection in client.collections()] == ["a", "d"]
    assert [collection.id for collection in client.document("a/x").collections()] == ["b"]


def test_documents_are_listed_with_the_missing_ones(client: firestore.Client) -> None:
    for path in ("a/1", "a/2/b/y", "a/2/b/z", "a/3"):
        client.document(path).set({"x": 1})
    assert [document.id for document in client.collection("a").list_documents(page_size=1)] == ["1", "2", "3"]
    api, root = client._firestore_api, f"{client._database_string}/documents"
    listed = api.list_documents(request={"parent": root, "collection_id": "a", "page_size": 1})
    assert [document.name for document in listed] == [f"{root}/a/1", f"{root}/a/3"]
    with pytest.raises(MethodNotImplemented, match="order_by"):
        api.list_documents(request={"parent": root, "collection_id": "a", "order_by": "x"})


def test_explanations_are_not_pretended(numbers: firestore.CollectionReference) -> None:
    with pytest.raises(MethodNotImplemented, match="explain"):
        numbers.limit(1).get(explain_options=ExplainOptions(analyze=True))
