"""Long work: told as it goes, begun once, cancelled between resources, and remembered over a restart."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from director.errors import Busy, Unavailable, Unknown
from director.operations.file import FileOperations
from director.operations.firestore import FirestoreOperations
from director.operations.model import Asked, Fault, OneOutcome, Operation, Progress, Reused
from director.operations.operations import Operations
from director.operations.store import OperationStore, Pulse
from director.provisioning.clients import Clients
from director.retries import Retries


@dataclass(frozen=True)
class Outcome:
    name: str
    result: str = "created"
    kind: str = "topics"
    reason: str = ""

    @property
    def good(self) -> bool:
        return self.result == "created"


class Steps:
    """Work of three resources, each waiting for its turn."""

    def __init__(self, *results: str) -> None:
        self.turns = threading.Semaphore(0)
        self.results = results or ("created", "created", "created")

    def __call__(self, progress: Progress, operation: str) -> list[Outcome]:
        report = []
        for number, result in enumerate(self.results):
            assert self.turns.acquire(timeout=10)
            report.append(Outcome(f"t-{number}", result))
            progress(report[-1])
        return report

    def all(self) -> "Steps":
        self.turns.release(len(self.results))
        return self


class Deaf:
    """A store that keeps what it is told of steps and never renews a lease: as of a process that is frozen."""

    def __init__(self, store: OperationStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def beat(self, operation: str, steps: Sequence[str], seconds: float) -> Pulse:
        return self._store.beat(operation, steps, seconds) if steps else "held"


class Told:
    def __init__(self) -> None:
        self.events: list[tuple[str, str, str | None]] = []
        self.ends: list[Operation] = []

    def event(self, kind: str, operation: Operation, one: OneOutcome | None) -> None:
        self.events.append((kind, operation.state, one.name if one else None))


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture(params=["memory", "firestore"])
def store(request: pytest.FixtureRequest) -> Iterator[OperationStore]:
    if request.param == "firestore":
        clients: Clients = request.getfixturevalue("clients")
        yield FirestoreOperations(clients.firestore, Retries(), "director/p.plant")
        return
    found = FileOperations()
    yield found
    found.close()


@pytest.fixture
def operations(store: OperationStore, told: Told) -> Operations:
    return Operations(store, explained, told.event, most_running=2)


def explained(error: Exception, request_id: str) -> Fault:
    return Fault(status=503, code=type(error).__name__, message=f"{request_id}: {error}")


def asked(dataflow: str = "air", **more: Any) -> Asked:
    return Asked("apply", dataflow, "anna", "r-1", **more)


def begin(operations: Operations, work: Any, told: Told, what: Asked | None = None) -> Operation:
    return operations.begin(what or asked(), work, lambda one: one.good, told.ends.append)[0]


def test_an_operation_tells_what_becomes_of_each_resource_as_it_happens(
    operations: Operations, told: Told, eventually: Callable[..., None]
) -> None:
    work = Steps()
    begun = begin(operations, work, told)
    assert (begun.state, begun.by, begun.resources) == ("running", "anna", ())
    work.turns.release()
    eventually(lambda: [one.name for one in operations.find(begun.id).resources] == ["t-0"])
    assert operations.wait(begun.id, 0.01).state == "running"
    work.turns.release(2)
    final = operations.wait(begun.id, 10)
    assert (final.state, len(final.resources), final.fault) == ("succeeded", 3, None)
    assert told.ends == [final] == [operations.find(begun.id)]
    assert [kind for kind, _, _ in told.events] == ["operation.began", *["operation.resource"] * 3, "operation.ended"]


def test_one_bad_outcome_is_a_failure(operations: Operations, told: Told) -> None:
    begun = begin(operations, Steps("created", "failed").all(), told)
    assert operations.wait(begun.id, 10).state == "failed"


def test_an_error_is_told_as_a_caller_would_be_told(operations: Operations, told: Told) -> None:
    def work(progress: Progress, operation: str) -> list[Outcome]:
        progress(Outcome("t-0"))
        raise Unavailable("down")

    final = operations.wait(begin(operations, work, told).id, 10)
    assert final.fault == Fault(status=503, code="Unavailable", message="r-1: down")
    assert (final.state, [one.name for one in final.resources]) == ("failed", ["t-0"])


def test_a_cancelled_one_ends_after_the_resource_it_is_at(
    operations: Operations, told: Told, eventually: Callable[..., None]
) -> None:
    work = Steps()
    begun = begin(operations, work, told)
    work.turns.release()
    eventually(lambda: operations.find(begun.id).resources)
    assert operations.cancel(begun.id).state == "cancelling"
    assert operations.cancel(begun.id).state == "cancelling"
    work.turns.release(2)
    final = operations.wait(begun.id, 10)
    assert (final.state, [one.name for one in final.resources]) == ("cancelled", ["t-0", "t-1"])
    assert operations.cancel(begun.id) == final


def test_one_dataflow_has_one_at_a_time_and_all_have_so_many(operations: Operations, told: Told) -> None:
    first, second = Steps(), Steps()
    begun = begin(operations, first, told)
    with pytest.raises(Busy, match=f"'air' is busy with {begun.id}"):
        begin(operations, Steps(), told)
    begin(operations, second, told, asked("water"))
    with pytest.raises(Busy, match="2 operations run already"):
        begin(operations, Steps(), told, asked("fire"))
    first.all()
    second.all()
    operations.wait(begun.id, 10)
    assert operations.wait(begin(operations, Steps().all(), told).id, 10).state == "succeeded"
    operations.close(10)


def test_the_same_request_begins_one_operation(operations: Operations, told: Told) -> None:
    ran = []

    def work(progress: Progress, operation: str) -> list[Outcome]:
        ran.append(operation)
        return []

    first, new = operations.begin(asked(key="k", body="b"), work, lambda one: True, told.ends.append)
    assert new
    operations.wait(first.id, 10)
    again, new = operations.begin(asked(key="k", body="b"), work, lambda one: True, told.ends.append)
    assert (again.id, new, ran) == (first.id, False, [first.id])
    with pytest.raises(Reused, match="came with another request before"):
        operations.begin(asked(key="k", body="other"), work, lambda one: True, told.ends.append)


def test_what_failed_for_a_passing_reason_is_begun_anew_by_the_same_request(store: OperationStore, told: Told) -> None:
    def busy(progress: Progress, operation: str) -> list[Outcome]:
        raise Busy("another has it")

    for passing in (True, False):
        fault = Fault(status=409, code="busy", message="", passing=passing)
        operations = Operations(store, lambda error, request_id, fault=fault: fault)
        what = asked(key=f"k-{passing}", body="b")
        failed = operations.wait(begin(operations, busy, told, what).id, 10)
        assert failed.fault == fault
        _, new = operations.begin(what, Steps().all(), lambda one: True, told.ends.append)
        assert new == passing
        operations.close(10)


def test_what_a_dead_director_left_running_is_told_by_another_once_its_lease_is_gone(
    store: OperationStore, told: Told, eventually: Callable[..., None]
) -> None:
    """The process ends in the middle: its thread never comes back, and nobody renews."""
    died = Steps()
    first = Operations(Deaf(store), explained, lease_seconds=2.0)
    begun = begin(first, died, told, asked(key="k", body="b"))
    died.turns.release()
    second = Operations(store, explained, told.event)
    eventually(lambda: second.find(begun.id).resources)
    assert second.find(begun.id).state == "running"
    assert second.recover() == [], "it may be alive"
    again, new = second.begin(asked(key="k", body="b"), Steps().all(), lambda one: True, told.ends.append)
    assert (again.id, new) == (begun.id, False)
    found: list[Operation] = []
    eventually(lambda: found.extend(second.recover()) or found)
    assert [(one.id, one.state, one.resources[0].name) for one in found] == [(begun.id, "interrupted", "t-0")]
    assert second.find(begun.id) == found[0]
    assert Operations(store, explained).recover() == [], "it is told once"
    assert second.counts()["interrupted"] == 1
    again, new = second.begin(asked(key="k", body="b"), Steps().all(), lambda one: True, told.ends.append)
    assert new, "what was interrupted is begun anew under the same key"
    assert second.wait(again.id, 10).state == "succeeded"
    known = second.known("k")
    assert known is not None
    assert (known.again, known.crashes) == (False, 1)
    died.turns.release(2)
    eventually(lambda: first.find(begun.id).state == "interrupted")
    assert len(told.ends) == 1, "the one that was taken for dead has no say any more"


def test_what_is_renewed_is_never_told_as_interrupted(store: OperationStore, told: Told) -> None:
    work = Steps()
    first, second = Operations(store, explained, lease_seconds=0.6), Operations(store, explained)
    begun = begin(first, work, told)
    assert first.wait(begun.id, 1.5).state == "running"
    assert second.recover() == []
    work.all()
    assert second.wait(begun.id, 10).state == "succeeded"


def test_an_operation_is_seen_waited_for_and_cancelled_through_another_director(
    store: OperationStore, told: Told, eventually: Callable[..., None]
) -> None:
    work = Steps()
    first, second = Operations(store, explained, told.event), Operations(store, explained)
    begun = begin(first, work, told)
    work.turns.release()
    eventually(lambda: [one.name for one in second.find(begun.id).resources] == ["t-0"])
    assert second.cancel(begun.id).state == "cancelling"
    eventually(lambda: first.find(begun.id).state == "cancelling")
    work.turns.release(2)
    assert second.wait(begun.id, 10).state == "cancelled"
    with pytest.raises(Unknown):
        second.cancel("op-absent")


def test_of_two_directors_with_the_same_request_one_begins(store: OperationStore, told: Told) -> None:
    start, ids = threading.Barrier(4), []

    def run() -> None:
        operations = Operations(store, explained)
        start.wait(10)
        ids.append(operations.begin(asked(key="k", body="b"), Steps().all(), lambda one: True, told.ends.append))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len({operation.id for operation, _ in ids}) == 1
    assert sorted(new for _, new in ids) == [False, False, False, True]


def test_a_store_that_does_not_answer_in_between_costs_the_work_nothing(
    told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    class Away(FileOperations):
        def beat(self, operation: str, steps: Sequence[str], seconds: float) -> Pulse:
            raise Unavailable("away")

    operations, work = Operations(Away(), explained, lease_seconds=0.3), Steps()
    begun = begin(operations, work, told)
    assert operations.wait(begun.id, 0.5).state == "running"
    work.all()
    final = operations.wait(begun.id, 10)
    assert (final.state, len(final.resources)) == ("succeeded", 3)
    assert "shows no sign of life: away" in caplog.text


def test_stopping_interrupts_what_runs_between_two_resources(operations: Operations, told: Told) -> None:
    """Nobody asked for its end: whoever asks for it again, under the same key, has it begun anew."""
    work = Steps()
    begun = begin(operations, work, told, asked(key="k"))
    stopping = threading.Thread(target=operations.close, args=(10,))
    stopping.start()
    work.turns.release(3)
    stopping.join(10)
    assert operations.find(begun.id).state == "interrupted"
    known = operations.known("k")
    assert known is not None
    assert known.again
    with pytest.raises(Busy, match="about to stop"):
        begin(operations, work, told)


def test_pages_hold_the_newest_first_of_the_asked_dataflows(operations: Operations, told: Told) -> None:
    ids = []
    for number in range(7):
        begun = begin(operations, Steps().all(), told, asked("air" if number % 2 else "water"))
        ids.append(operations.wait(begun.id, 10).id)
    first, mark = operations.page(None, 2, ["air"])
    rest, end = operations.page(mark, 2, ["air"])
    assert [one.id for one in (*first, *rest)] == [ids[5], ids[3], ids[1]]
    assert end is None
    assert operations.page(None, 9, ["air", "water"], "failed") == ([], None)
    assert len(operations.page(None, 9, ["air", "water"], "succeeded")[0]) == 7
    assert operations.page(None, 9, []) == ([], None)


def test_only_so_many_are_kept(told: Told) -> None:
    store = FileOperations(kept=3)
    operations = Operations(store, explained)
    ids = []
    for _ in range(6):
        begun = begin(operations, Steps().all(), told)
        ids.append(operations.wait(begun.id, 10).id)
    assert [one.id for one in operations.page(None, 9, ["air"])[0]] == ids[:-4:-1]
    with pytest.raises(Unknown):
        operations.find(ids[0])
    store.close()


def test_a_store_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be used"):
        FileOperations(tmp_path)
