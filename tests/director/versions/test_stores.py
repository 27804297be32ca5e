"""What every store promises: versions are only added, whole, each by somebody who knew the one before."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from director.errors import Rejected, Unavailable, Unknown
from director.provisioning.clients import Clients
from director.retries import Retries
from director.versions.file import FileVersions
from director.versions.firestore import FirestoreVersions
from director.versions.version import Added, Conflict, Contents, Version, Versions
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault

Open = Callable[[], Versions]
ONE = Contents("hub.yaml", {"hub.yaml": "name: plant\n", "flows/air.yaml": "# ä\r\n\ufefflast"})
TWO = Contents("hub.yaml", {"hub.yaml": "name: plant # two\n"})
ANNA, BERT = Added("anna", "the first"), Added("bert")


def test_an_empty_store_has_no_version(open_store: Open) -> None:
    store = open_store()
    assert store.current() is None
    assert store.page(None, 10) == []
    for look in (store.find, store.contents):
        with pytest.raises(Unknown, match="no version 1 in the store"):
            look(1)


def test_what_is_added_is_current_and_comes_back_character_for_character(open_store: Open) -> None:
    added = open_store().add(ONE, 0, ANNA)
    assert (added.number, added.who, added.comment, added.restores) == (1, "anna", "the first", None)
    assert added.sha256 == ONE.sha256
    store = open_store()
    assert store.current() == added == store.find(1)
    assert store.contents(1) == ONE
    second = store.add(TWO, 1, Added("bert", restores=1))
    assert second.restores == 1
    assert (store.current(), store.find(1), store.contents(1)) == (second, added, ONE)


def test_whoever_does_not_know_the_current_version_is_told_both(open_store: Open) -> None:
    store = open_store()
    store.add(ONE, 0, ANNA)
    for expected in (0, 2, 7):
        with pytest.raises(Conflict, match=f"version 1 is current and not {expected}") as told:
            open_store().add(TWO, expected, BERT)
        assert told.value.moved[0] == ("expected: " + (f"version {expected}" if expected else "no version"))
        assert told.value.moved[1].startswith("current: version 1 of 20")
        assert told.value.moved[1].endswith("by anna: the first")
    assert [one.number for one in store.page(None, 10)] == [1]


def test_of_many_who_add_at_once_one_wins_and_all_others_are_told(open_store: Open) -> None:
    store = open_store()
    store.add(ONE, 0, ANNA)
    ends: list[Version | Conflict] = []
    begin = threading.Barrier(6)

    def add(name: str) -> None:
        begin.wait(10)
        try:
            ends.append(store.add(Contents("hub.yaml", {"hub.yaml": f"# {name}"}), 1, Added(name)))
        except Conflict as error:
            ends.append(error)

    threads = [threading.Thread(target=add, args=(name,)) for name in "abcdef"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    [winner] = [end for end in ends if isinstance(end, Version)]
    lost = [end for end in ends if isinstance(end, Conflict)]
    assert len(lost) == 5
    assert {one.current for one in lost} == {winner}
    assert [one.number for one in store.page(None, 10)] == [2, 1]
    assert store.contents(2).texts == {"hub.yaml": f"# {winner.who}"}


def test_history_is_told_in_pages_from_the_newest(open_store: Open) -> None:
    store = open_store()
    for number in range(5):
        store.add(ONE if number % 2 else TWO, number, Added(f"person-{number}"))
    assert [one.number for one in store.page(None, 2)] == [5, 4]
    assert [one.number for one in store.page(4, 2)] == [3, 2]
    assert [one.number for one in store.page(2, 2)] == [1]
    assert store.page(1, 2) == []


def test_large_versions_are_kept_whole(open_store: Open) -> None:
    """Eight texts of a megabyte, whose characters take several bytes."""
    large = Contents("0", {str(number): "é\n" * 333_000 for number in range(8)})
    open_store().add(large, 0, ANNA)
    assert open_store().contents(1) == large


def test_a_file_is_its_users_alone(tmp_path: Path) -> None:
    FileVersions(tmp_path / "store").close()
    assert (tmp_path / "store").stat().st_mode & 0o777 == 0o600
    with pytest.raises(Unavailable, match="check the file"):
        FileVersions(tmp_path / "no" / "store")


def test_a_file_somebody_has_changed_is_refused(tmp_path: Path) -> None:
    store = FileVersions(tmp_path / "store")
    store.add(ONE, 0, ANNA)
    import sqlite3

    with sqlite3.connect(tmp_path / "store") as database:
        database.execute("UPDATE files SET text = 'name: other' WHERE name = 'hub.yaml'")
    database.close()
    with pytest.raises(Rejected, match="not what was written there"):
        store.contents(1)
    store.close()


@pytest.fixture
def store(clients: Clients) -> FirestoreVersions:
    return FirestoreVersions(clients.firestore, Retries(first=0.01, longest=0.02))


def test_in_firestore_a_version_is_one_request(cloud: LocalCloud, store: FirestoreVersions) -> None:
    """So there is no moment at which half of it is there."""
    cloud.faults.add(Fault(method="firestore.Commit", action="delay", seconds=0.0))
    store.add(ONE, 0, ANNA)
    assert [one.method for one in cloud.faults.log].count("firestore.Commit") >= 1
    before = len(cloud.faults.log)
    store.add(TWO, 1, ANNA)
    assert len(cloud.faults.log) == before + 1


@pytest.mark.parametrize("code", ["UNAVAILABLE", "DEADLINE_EXCEEDED", "ABORTED", "INTERNAL"])
def test_an_answer_that_was_lost_is_not_taken_for_somebody_elses_version(
    cloud: LocalCloud, store: FirestoreVersions, code: str
) -> None:
    cloud.faults.add(Fault(method="firestore.Commit", when="after", calls=1, code=code))
    assert store.add(ONE, 0, ANNA).number == 1
    assert [one.number for one in store.page(None, 10)] == [1]


def test_firestore_away_changes_nothing_and_is_told(cloud: LocalCloud, store: FirestoreVersions) -> None:
    cloud.faults.add(Fault(method="firestore.*"))
    with pytest.raises(Unavailable, match="Firestore's collection architecture does not answer: ServiceUnavailable"):
        store.add(ONE, 0, ANNA)
    cloud.faults.clear()
    cloud.faults.add(Fault(method="firestore.*", code="PERMISSION_DENIED"))
    with pytest.raises(Rejected, match="PermissionDenied"):
        store.current()
    cloud.faults.clear()
    assert store.current() is None


@pytest.mark.parametrize("damage", [{"number": "1"}, {"who": 3}, {"sha256": "0" * 64}, {"restores": 0}])
def test_what_somebody_else_wrote_in_firestore_is_refused(
    clients: Clients, store: FirestoreVersions, damage: dict[str, Any]
) -> None:
    store.add(ONE, 0, ANNA)
    document = clients.firestore.collection("architecture").document("current")
    document.collection("versions").document(f"{1:010}").update(damage)
    with pytest.raises(Rejected, match="is not what a director writes there"):
        store.contents(1)


def test_a_pointer_that_is_gone_is_no_reason_to_write_over_versions(clients: Clients, store: FirestoreVersions) -> None:
    store.add(ONE, 0, ANNA)
    clients.firestore.collection("architecture").document("current").delete()
    with pytest.raises(Rejected, match="what lies beside version 0"):
        store.add(TWO, 0, BERT)
    assert store.contents(1) == ONE
