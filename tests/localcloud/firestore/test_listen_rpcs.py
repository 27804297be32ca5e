"""Listeners over the wire."""

import queue
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter
from google.cloud.firestore_v1.types import ListenRequest, ListenResponse, Target

from localcloud.cloud import LocalCloud
from localcloud.faults import Fault

Told = tuple[list[str], list[tuple[str, str]]]


class Ear:
    """What a snapshot listener is told: ids in order, and the changes."""

    def __init__(self) -> None:
        self._told: queue.Queue[Told] = queue.Queue()

    def __call__(self, documents: Any, changes: Any, read_time: Any) -> None:
        names = [(change.type.name, change.document.id) for change in changes]
        self._told.put(([document.id for document in documents], names))

    def next(self) -> Told:
        return self._told.get(timeout=10)


@pytest.fixture
def listening() -> Any:
    watches = []

    def listen(reference: Any) -> Ear:
        ear = Ear()
        watches.append(reference.on_snapshot(ear))
        return ear

    yield listen
    for watch in watches:
        watch.unsubscribe()


def test_a_query_is_told_first_whole_then_by_changes(client: firestore.Client, listening: Callable[[Any], Ear]) -> None:
    client.document("c/a").set({"n": 5})
    ear = listening(client.collection("c").where(filter=FieldFilter("n", ">", 1)).order_by("n"))
    assert ear.next() == (["a"], [("ADDED", "a")])
    client.document("c/b").set({"n": 3})
    assert ear.next() == (["b", "a"], [("ADDED", "b")])
    client.document("c/ignored").set({"n": 0})
    client.document("c/b").set({"n": 7})
    assert ear.next() == (["a", "b"], [("MODIFIED", "b")])
    client.document("c/a").set({"n": 0})
    assert ear.next() == (["b"], [("REMOVED", "a")])
    client.document("c/b").delete()
    assert ear.next() == ([], [("REMOVED", "b")])


def test_a_limited_query_is_told_who_moves_up(client: firestore.Client, listening: Callable[[Any], Ear]) -> None:
    for number in range(3):
        client.document(f"c/{number}").set({"n": number})
    ear = listening(client.collection("c").order_by("n").limit(2))
    assert ear.next()[0] == ["0", "1"]
    client.document("c/0").delete()
    assert ear.next() == (["1", "2"], [("REMOVED", "0"), ("ADDED", "2")])


def test_a_document_is_told_of_before_it_exists(client: firestore.Client, listening: Callable[[Any], Ear]) -> None:
    ear = listening(client.document("c/x"))
    assert ear.next() == ([], [])
    client.document("c/x").set({"a": 1})
    assert ear.next() == (["x"], [("ADDED", "x")])
    client.document("c/x").delete()
    assert ear.next() == ([], [("REMOVED", "x")])


def test_a_commit_is_told_as_one(client: firestore.Client, listening: Callable[[Any], Ear]) -> None:
    ear = listening(client.collection("c").order_by("n"))
    ear.next()
    batch = client.batch()
    for number in range(3):
        batch.set(client.document(f"c/{number}"), {"n": number})
    batch.commit()
    assert ear.next()[0] == ["0", "1", "2"]


def test_a_cut_stream_is_resumed_without_missing_anything(
    cloud: LocalCloud, client: firestore.Client, listening: Callable[[Any], Ear]
) -> None:
    ear = listening(client.collection("c").order_by("n"))
    ear.next()
    client.document("c/x").set({"n": 1})
    assert ear.next()[0] == ["x"]
    cloud.faults.add(Fault("firestore.Listen.tell", client._database_string, calls=1))
    client.document("c/y").set({"n": 2})
    assert ear.next() == (["x", "y"], [("ADDED", "y")])


class Stream:
    """A raw Listen call."""

    def __init__(self, client: firestore.Client) -> None:
        self._requests: queue.Queue[Any] = queue.Queue()
        self._database = client._database_string
        metadata = [("google-cloud-resource-prefix", self._database)]
        self.responses = client._firestore_api._transport.listen(iter(self._requests.get, None), metadata=metadata)

    def ask(self, **change: Any) -> None:
        self._requests.put(ListenRequest(database=self._database, **change))

    def end(self) -> None:
        self._requests.put(None)

    def kinds(self, count: int) -> list[str]:
        """What the next responses are; target changes by their type."""
        return [self._kind(next(self.responses)) for _ in range(count)]

    def _kind(self, response: ListenResponse) -> str:
        kind = ListenResponse.pb(response).WhichOneof("response_type")
        return response.target_change.target_change_type.name if kind == "target_change" else str(kind)


def target(client: firestore.Client, *ids: str, **more: Any) -> Target:
    names = [f"{client._database_string}/documents/c/{one}" for one in ids]
    return Target(documents={"documents": names}, target_id=7, **more)


def test_targets_are_added_and_removed_on_one_stream(client: firestore.Client) -> None:
    client.document("c/x").set({})
    stream = Stream(client)
    stream.ask(add_target=target(client, "x", "absent"))
    first = ["ADD", "document_delete", "document_change", "CURRENT", "NO_CHANGE"]
    assert stream.kinds(5) == first
    stream.ask(remove_target=7)
    assert stream.kinds(1) == ["REMOVE"]
    client.document("c/x").set({"a": 1})
    stream.end()
    assert list(stream.responses) == []


def test_a_resumed_target_is_told_everything_again(client: firestore.Client) -> None:
    client.document("c/x").set({})
    stream = Stream(client)
    stream.ask(add_target=target(client, "x", resume_token=b"any"))
    assert stream.kinds(5) == ["ADD", "RESET", "document_change", "CURRENT", "NO_CHANGE"]
    stream.end()


def test_a_target_of_nothing_is_refused(client: firestore.Client) -> None:
    stream = Stream(client)
    stream.ask(add_target=Target(target_id=1))
    with pytest.raises(grpc.RpcError, match="documents or a query"):
        next(stream.responses)
    stream.end()


def test_faults_strike_targets(cloud: LocalCloud, client: firestore.Client) -> None:
    cloud.faults.add(Fault("firestore.Listen", marker="c/bad", code="PERMISSION_DENIED"))
    stream = Stream(client)
    stream.ask(add_target=target(client, "good"))
    assert stream.kinds(4) == ["ADD", "document_delete", "CURRENT", "NO_CHANGE"]
    stream.ask(add_target=target(client, "bad"))
    with pytest.raises(grpc.RpcError, match="injected fault"):
        next(stream.responses)
    stream.end()
