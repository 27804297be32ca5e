"""What every store of operations promises, whatever it keeps them in."""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from director.errors import Rejected, Unavailable
from director.operations.file import FileOperations
from director.operations.firestore import FirestoreOperations
from director.operations.store import Filter, New, OperationStore
from director.provisioning.clients import Clients
from director.retries import Retries
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault

NEW = New("op-1", "air", "r-1", '{"a": 1}', "holder", "key", "body")
SOON = datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture(params=["memory", "file", "firestore"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], OperationStore]]:
    """Opens the same store again, as another director would."""
    opened: list[FileOperations] = []
    if request.param == "firestore":
        clients: Clients = request.getfixturevalue("clients")
        yield lambda: FirestoreOperations(clients.firestore, Retries(), "director/p.stores")
        return

    def open_file() -> OperationStore:
        if request.param == "file" or not opened:
            opened.append(FileOperations(tmp_path / "operations" if request.param == "file" else None))
        return opened[-1]

    yield open_file
    for one in opened:
        one.close()


@pytest.fixture
def store(open_store: Callable[[], OperationStore]) -> OperationStore:
    return open_store()


def test_what_is_added_is_found_by_id_and_key(store: OperationStore, open_store: Callable[[], OperationStore]) -> None:
    assert store.add(NEW, 30) is None
    kept = open_store().find("op-1")
    known = open_store().known("key")
    assert kept is not None
    assert known is not None
    assert (kept.id, kept.text, kept.state, kept.steps) == ("op-1", '{"a": 1}', "running", ())
    assert (known.operation, known.body, known.again, known.crashes) == (kept, "body", False, 0)
    assert (store.find("op-2"), store.known("other")) == (None, None)


def test_a_key_stands_for_one_operation_until_that_may_be_begun_anew(store: OperationStore) -> None:
    store.add(NEW, 30)
    second = replace(NEW, id="op-2")
    known = store.add(second, 30)
    assert known is not None
    assert known.operation.id == "op-1"
    assert store.find("op-2") is None
    assert store.end("op-1", "{}", "interrupted", again=True)
    refused = store.add(replace(second, body="other"), 30)
    assert refused is not None
    assert (refused.body, refused.again, refused.crashes) == ("body", True, 1)
    assert store.add(second, 30) is None
    known = store.known("key")
    assert known is not None
    assert (known.operation.id, known.again, known.crashes) == ("op-2", False, 1)
    assert store.end("op-2", "{}", "failed", again=True)
    again = store.known("key")
    assert again is not None
    assert (again.again, again.crashes) == (True, 1), "a failure is no crash"


def test_steps_are_kept_until_the_end_has_them_all(store: OperationStore) -> None:
    store.add(NEW, 30)
    assert store.beat("op-1", ["one", "two"], 30) == "held"
    assert store.beat("op-1", [], 30) == "held"
    assert store.beat("op-1", ["three"], 30) == "held"
    kept = store.find("op-1")
    assert kept is not None
    assert kept.steps == ("one", "two", "three")
    assert store.end("op-1", '{"b": 2}', "succeeded", again=False)
    kept = store.find("op-1")
    assert kept is not None
    assert (kept.text, kept.state, kept.steps) == ('{"b": 2}', "succeeded", ())


def test_an_end_stands_and_whoever_comes_later_is_told_so(store: OperationStore) -> None:
    store.add(NEW, 30)
    assert store.end("op-1", '{"b": 1}', "interrupted", again=True)
    assert not store.end("op-1", '{"b": 2}', "succeeded", again=False)
    assert store.beat("op-1", ["late"], 30) == "lost"
    store.cancel("op-1")
    kept = store.find("op-1")
    assert kept is not None
    assert (kept.text, kept.state) == ('{"b": 1}', "interrupted")
    assert not store.end("op-absent", "{}", "failed", again=False)
    assert store.beat("op-absent", [], 30) == "lost"
    store.cancel("op-absent")


def test_a_wish_to_cancel_is_heard_with_the_next_beat(
    store: OperationStore, open_store: Callable[[], OperationStore]
) -> None:
    store.add(NEW, 30)
    open_store().cancel("op-1")
    assert store.beat("op-1", [], 30) == "cancel"
    kept = store.find("op-1")
    assert kept is not None
    assert kept.state == "cancelling"


def test_only_what_nobody_renews_is_abandoned(store: OperationStore, eventually: Callable[..., None]) -> None:
    store.add(NEW, 0.2)
    store.add(replace(NEW, id="op-2", key=None), 30)
    eventually(lambda: [kept.id for kept in store.abandoned()] == ["op-1"])
    store.beat("op-1", [], 30)
    assert store.abandoned() == []
    store.beat("op-1", ["one"], 0)
    assert [(kept.id, kept.steps) for kept in store.abandoned()] == [("op-1", ("one",))]
    store.end("op-1", "{}", "interrupted", again=True)
    assert store.abandoned() == []


def test_pages_are_of_dataflows_states_and_requests(store: OperationStore) -> None:
    for number in range(6):
        store.add(New(f"op-{number}", "air" if number % 2 else "water", f"r-{number // 2}", "{}", "h"), 30)
    store.end("op-5", "{}", "failed", again=False)

    def ids(before: int | None, size: int, asked: Filter) -> list[str]:
        return [kept.id for kept in store.page(before, size, asked)]

    both = ["air", "water"]
    assert ids(None, 9, Filter(both)) == [f"op-{number}" for number in (5, 4, 3, 2, 1, 0)]
    assert ids(None, 2, Filter(["air"])) == ["op-5", "op-3"]
    mark = store.page(None, 2, Filter(["air"]))[-1].number
    assert ids(mark, 9, Filter(["air"])) == ["op-1"]
    assert ids(None, 9, Filter(both, "failed")) == ["op-5"]
    assert ids(None, 9, Filter(both, "running")) == ["op-4", "op-3", "op-2", "op-1", "op-0"]
    assert ids(None, 9, Filter(both, request_id="r-1")) == ["op-3", "op-2"]
    assert ids(None, 9, Filter(["air"], request_id="r-1")) == ["op-3"]
    assert ids(None, 9, Filter([])) == []
    counts = store.states()
    assert (counts["running"], counts["failed"]) == (5, 1)


def test_what_is_over_and_old_is_forgotten_with_its_key(store: OperationStore) -> None:
    for number in range(4):
        store.add(replace(NEW, id=f"op-{number}", key=f"key-{number}"), 30)
    for number in range(3):
        store.end(f"op-{number}", "{}", "succeeded", again=False)
    assert store.prune(datetime.now(UTC) - timedelta(days=1), 9) == 0
    assert store.prune(SOON, 2) == 2
    assert store.prune(SOON, 9) == 1
    assert [store.find(f"op-{number}") is None for number in range(4)] == [True, True, True, False]
    assert [store.known(f"key-{number}") is None for number in range(4)] == [True, True, True, False]
    assert store.add(replace(NEW, id="op-5", key="key-0"), 30) is None


def test_lost_answers_change_nothing_twice(clients: Clients, cloud: LocalCloud, retries: Retries) -> None:
    store = FirestoreOperations(clients.firestore, retries, "director/p.lost")
    lost = Fault(method="firestore.Commit", when="after", code="UNAVAILABLE", calls=1)
    cloud.faults.add(lost)
    assert store.add(NEW, 30) is None
    cloud.faults.add(lost)
    assert store.beat("op-1", ["one"], 30) == "held"
    cloud.faults.add(lost)
    kept = store.find("op-1")
    assert kept is not None
    assert kept.steps == ("one",)
    assert store.end("op-1", "{}", "interrupted", again=True), "it was ours"
    known = store.known("key")
    assert known is not None
    assert known.crashes == 1


def test_a_long_report_fits_into_a_document(clients: Clients) -> None:
    """The outcomes of 20,000 resources."""
    store = FirestoreOperations(clients.firestore, Retries(), "director/p.long")
    store.add(NEW, 30)
    text = "".join(f'{{"name": "projects/p/topics/t-{number}", "result": "created"}}' for number in range(20_000))
    assert store.end("op-1", text, "succeeded", again=False)
    kept = store.find("op-1")
    assert kept is not None
    assert kept.text == text


def test_a_firestore_that_is_away_or_refuses_is_told(clients: Clients, cloud: LocalCloud, retries: Retries) -> None:
    store = FirestoreOperations(clients.firestore, retries, "director/p.away")
    number = cloud.faults.add(Fault(method="firestore.*", code="UNAVAILABLE"))
    for ask in (lambda: store.add(NEW, 30), lambda: store.find("op-1"), lambda: store.page(None, 9, Filter(["air"]))):
        with pytest.raises(Unavailable, match="the operations in Firestore do not answer"):
            ask()
    cloud.faults.remove(number)
    cloud.faults.add(Fault(method="firestore.*", code="PERMISSION_DENIED"))
    with pytest.raises(Rejected):
        store.states()


def test_a_file_of_an_earlier_layout_is_told(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "old") as database:
        database.execute("CREATE TABLE operations (number INTEGER)")
    database.close()
    with pytest.raises(Unavailable, match="written by another version of the director; name another file"):
        FileOperations(tmp_path / "old")
