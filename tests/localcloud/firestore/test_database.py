"""Commits happen whole or not at all, and what was is known for a while."""

from collections.abc import Callable

import pytest

from localcloud.clock import Clock
from localcloud.firestore.database import Changes, Database
from localcloud.firestore.messages import Document, Precondition, Value, Write
from localcloud.firestore.views import AsOf, Present, View
from localcloud.rpc import RpcError

DATABASE = "projects/p/databases/d"


def name(path: str) -> str:
    return f"{DATABASE}/documents/{path}"


def put(path: str, number: int, exists: bool | None = None) -> Write:
    write = Write(update=Document(name=name(path), fields={"n": Value(integer_value=number)}))
    if exists is not None:
        write.current_document.CopyFrom(Precondition(exists=exists))
    return write


def gone(path: str) -> Write:
    return Write(delete=name(path))


def database(clock: Clock | None = None, record: Callable[[Changes], None] = lambda changes: None) -> Database:
    return Database(DATABASE, clock or Clock(), record)


def contents(view: View) -> dict[str, int]:
    return {"/".join(entry.path): entry.document.fields["n"].integer_value for entry in view.below(())}


def test_a_refused_write_takes_the_whole_commit_with_it() -> None:
    data = database()
    data.commit([put("c/a", 1)])
    with pytest.raises(RpcError, match="No document to update"):
        data.commit([put("c/a", 2), gone("c/a"), put("c/b", 3, exists=True)])
    assert contents(Present(data)) == {"c/a": 1}


def test_later_writes_of_a_commit_see_the_earlier_ones() -> None:
    data = database()
    data.commit([put("c/a", 1, exists=False), put("c/a", 2, exists=True), put("c/b", 3), gone("c/b")])
    assert contents(Present(data)) == {"c/a": 2}


def test_what_cannot_be_recorded_does_not_happen() -> None:
    def full(changes: Changes) -> None:
        raise OSError("disk full")

    data = database(record=full)
    with pytest.raises(OSError, match="disk full"):
        data.commit([put("c/a", 1)])
    assert contents(Present(data)) == {}


def test_each_commit_has_a_later_time() -> None:
    data = database()
    times = [data.commit([put("c/a", number)]).time for number in range(50)]
    assert times == sorted(set(times))


def test_a_write_that_changes_nothing_keeps_the_update_time() -> None:
    records: list[Changes] = []
    data = database(record=records.append)
    first = data.commit([put("c/a", 1)])
    again = data.commit([put("c/a", 1)])
    assert again.results[0].update_time == first.results[0].update_time
    assert len(records) == 1


def test_documents_below_a_path_are_in_the_order_of_their_segments() -> None:
    data = database()
    data.commit([put(path, 1) for path in ("b/x", "a/x/c/y", "a-b/x", "a/x", "a/w", "a/x0")])
    assert ["/".join(entry.path) for entry in data.below(())] == ["a/w", "a/x", "a/x/c/y", "a/x0", "a-b/x", "b/x"]
    assert ["/".join(entry.path) for entry in data.below(("a", "x"))] == ["a/x", "a/x/c/y"]
    assert ["/".join(entry.path) for entry in data.below(("a",))] == ["a/w", "a/x", "a/x/c/y", "a/x0"]


def test_the_past_is_the_present_with_later_commits_undone() -> None:
    data = database()
    states = []
    for writes in ([put("c/a", 1), put("c/b", 1)], [put("c/a", 2), gone("c/b")], [put("c/b", 3), put("c/c", 3)]):
        time = data.commit(writes).time
        states.append((time, contents(Present(data))))
    for time, state in states:
        assert contents(AsOf(data, time)) == state
        assert AsOf(data, time).get(name("c/a")).document.fields["n"].integer_value == state["c/a"]


def test_the_past_is_forgotten_after_an_hour_and_the_future_unknown() -> None:
    clock = Clock()
    data = database(clock)
    early = data.commit([put("c/a", 1)]).time
    clock.advance(3700)
    data.commit([put("c/a", 2)])
    with pytest.raises(RpcError, match="too old"):
        AsOf(data, early)
    with pytest.raises(RpcError, match="future"):
        AsOf(data, data.now() + 10_000_000)


def test_listeners_hear_of_commits_until_they_stop() -> None:
    data = database()
    heard: list[int] = []
    stop = data.listen(lambda: heard.append(1))
    data.commit([put("c/a", 1)])
    data.commit([put("c/a", 1)])  # changes nothing
    stop()
    data.commit([put("c/a", 2)])
    assert heard == [1]
