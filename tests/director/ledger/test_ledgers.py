"""What both ledgers promise: one holder, tokens that only rise, and no write with a lower one."""

import random
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from director.errors import Busy, Rejected, Superseded, Unavailable
from director.ledger import file
from director.ledger.file import FileLedger
from director.ledger.firestore import FirestoreLedger
from director.ledger.ledger import Entry, Ledger, Record, written_at
from director.provisioning.clients import Clients
from director.retries import Retries
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault

SCOPE = "p.plant.air"
RECORD = Record("1", "op", "topics", "projects/p/topics/t", "create", "intent", "abc", 1, "me", "2026-01-01T00:00:00Z")
MADE = Entry(made=True, wanted="abc", pending="1", action="create")


@pytest.fixture(params=["file", "memory", "firestore"])
def open_ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Ledger]]:
    """Opens the same ledger again, as another director would."""
    opened: list[FileLedger] = []
    if request.param == "firestore":
        clients: Clients = request.getfixturevalue("clients")
        yield lambda: FirestoreLedger(clients.firestore, Retries(), "director")
        return
    if request.param == "memory":
        opened.append(FileLedger())
        yield lambda: opened[0]
    else:

        def open_file() -> FileLedger:
            opened.append(FileLedger(tmp_path / "journal"))
            return opened[-1]

        yield open_file
    for one in opened:
        one.close()


def test_one_holds_a_scope_and_the_next_is_told_who_and_until_when(open_ledger: Callable[[], Ledger]) -> None:
    grant = open_ledger().take(SCOPE, "anna", 30)
    assert abs(grant.expires - datetime.now(UTC) - timedelta(seconds=30)) < timedelta(seconds=10)
    with pytest.raises(
        Busy, match=f"{SCOPE} is being changed by anna, whose lease lasts until {grant.expires:%Y}"
    ) as told:
        open_ledger().take(SCOPE, "bert", 30)
    assert (told.value.holder, told.value.expires) == ("anna", grant.expires)
    assert 0 < told.value.seconds <= 30
    assert open_ledger().take("p.plant.water", "bert", 30).token == 1


def test_tokens_only_rise_over_release_and_expiry(open_ledger: Callable[[], Ledger]) -> None:
    ledger = open_ledger()
    tokens = [ledger.take(SCOPE, "anna", 30).token]
    ledger.release(SCOPE, tokens[-1])
    tokens.append(ledger.take(SCOPE, "anna", 0).token)  # runs out at once
    tokens.append(open_ledger().take(SCOPE, "bert", 30).token)
    assert tokens == [1, 2, 3]


def test_a_renewed_lease_lasts_and_a_lost_one_cannot_be_renewed(open_ledger: Callable[[], Ledger]) -> None:
    ledger = open_ledger()
    first = ledger.take(SCOPE, "anna", 0)
    ledger.renew(SCOPE, first.token, 30)
    with pytest.raises(Busy):
        ledger.take(SCOPE, "bert", 30)
    ledger.renew(SCOPE, first.token, 0)
    second = ledger.take(SCOPE, "bert", 30)
    with pytest.raises(Superseded, match="went over to bert"):
        ledger.renew(SCOPE, first.token, 30)
    ledger.release(SCOPE, first.token)  # too late to matter
    with pytest.raises(Busy):
        ledger.take(SCOPE, "carl", 30)
    ledger.release(SCOPE, second.token)
    assert ledger.take(SCOPE, "carl", 30).token == 3


def test_a_record_and_its_entry_are_kept_together_in_order(open_ledger: Callable[[], Ledger]) -> None:
    ledger = open_ledger()
    ledger.take(SCOPE, "anna", 30)
    ledger.append(SCOPE, RECORD, MADE)
    outcome = replace(RECORD, id="2", phase="done", intent="1", detail='ünïcode / "quoted"')
    ledger.append(SCOPE, outcome, replace(MADE, pending=""))
    assert open_ledger().records(SCOPE) == [RECORD, outcome]
    assert open_ledger().entries(SCOPE) == {RECORD.key: replace(MADE, pending="")}
    assert (open_ledger().records("other"), open_ledger().entries("other")) == ([], {})


def test_a_write_with_a_lower_token_is_refused_and_leaves_nothing(open_ledger: Callable[[], Ledger]) -> None:
    ledger = open_ledger()
    ledger.take(SCOPE, "anna", 0)
    ledger.take(SCOPE, "bert", 0)  # expired as well: only the token counts
    with pytest.raises(Superseded, match="went over to bert"):
        ledger.append(SCOPE, RECORD, MADE)
    assert (ledger.records(SCOPE), ledger.entries(SCOPE)) == ([], {})
    with pytest.raises(Superseded):
        ledger.append("never-taken", RECORD, MADE)


def test_old_records_are_forgotten_and_entries_never(open_ledger: Callable[[], Ledger]) -> None:
    ledger = open_ledger()
    ledger.take(SCOPE, "anna", 30)
    for number in range(1, 6):
        record = replace(RECORD, id=str(number), at=written_at(datetime(2026, 1, number, tzinfo=UTC)))
        ledger.append(SCOPE, record, MADE)
    assert ledger.forget("other", datetime(2027, 1, 1, tzinfo=UTC), 9) == 0
    assert ledger.forget(SCOPE, datetime(2026, 1, 4, tzinfo=UTC), 2) == 2
    assert ledger.forget(SCOPE, datetime(2026, 1, 4, tzinfo=UTC), 9) == 1
    assert [one.id for one in open_ledger().records(SCOPE)] == ["4", "5"]
    assert open_ledger().entries(SCOPE) == {RECORD.key: MADE}
    assert ledger.forget(SCOPE, datetime(2027, 1, 1, tzinfo=UTC), 9) == 2
    assert ledger.entries(SCOPE) == {RECORD.key: MADE}


def test_of_many_at_once_one_gets_the_lease(open_ledger: Callable[[], Ledger]) -> None:
    start, ends = threading.Barrier(6), []

    def run() -> None:
        ledger = open_ledger()
        start.wait(10)
        try:
            ends.append(ledger.take(SCOPE, "one", 30).token)
        except Busy:
            ends.append("busy")

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(map(str, ends)) == ["1", *["busy"] * 5]


def test_many_threads_write_under_one_lease(open_ledger: Callable[[], Ledger]) -> None:
    ledger = open_ledger()
    ledger.take(SCOPE, "anna", 60)

    def run(number: int) -> None:
        for step in range(5):
            record = replace(RECORD, id=f"{step:02}-{number}", name=f"t-{number}")
            ledger.append(SCOPE, record, replace(MADE, pending=record.id))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(ledger.records(SCOPE)) == 20
    assert {entry.pending[:2] for entry in ledger.entries(SCOPE).values()} == {"04"}


def test_a_lost_answer_to_a_take_does_not_lock_its_own_caller_out(
    clients: Clients, cloud: LocalCloud, retries: Retries
) -> None:
    ledger = FirestoreLedger(clients.firestore, retries)
    cloud.faults.add(Fault(method="firestore.Commit", when="after", code="UNAVAILABLE", calls=2))
    assert ledger.take(SCOPE, "anna", 30).token == 1
    ledger.append(SCOPE, RECORD, MADE)
    assert ledger.records(SCOPE) == [RECORD]


@pytest.mark.parametrize("ask", [lambda ledger: ledger.take(SCOPE, "a", 1), lambda ledger: ledger.entries(SCOPE)])
def test_a_firestore_that_is_away_is_unavailable(
    clients: Clients, cloud: LocalCloud, retries: Retries, ask: Callable[[Any], Any]
) -> None:
    cloud.faults.add(Fault(method="firestore.*", code="UNAVAILABLE"))
    with pytest.raises(Unavailable, match="the journal in Firestore does not answer"):
        ask(FirestoreLedger(clients.firestore, retries))


def test_a_file_that_is_none_of_ours_is_told(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("name: plant\n" * 100)
    with pytest.raises(Unavailable, match=r"journal cannot be used: file is not a database; check the file"):
        FileLedger(tmp_path / "journal")
    with pytest.raises(Unavailable, match="unable to open"):
        FileLedger(tmp_path / "absent" / "journal")


def test_a_write_that_another_s_reading_kept_out_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "PATIENCE", 0.05)
    ledger = FileLedger(tmp_path / "journal")
    with closing(ledger), closing(sqlite3.connect(tmp_path / "journal", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM leases").fetchall()
        with pytest.raises(Unavailable, match="database is locked"):
            ledger.take(SCOPE, "me", 30)
        reader.execute("COMMIT")
        assert ledger.take(SCOPE, "me", 30).token == 1


def test_what_was_applied_is_kept_until_something_else_was(open_ledger: Callable[[], Ledger]) -> None:
    ledger = open_ledger()
    assert ledger.kept(SCOPE) is None
    token = ledger.take(SCOPE, "anna", 30).token
    for text in ("first: ö", "second " * 50_000):
        ledger.keep(SCOPE, token, text)
        assert open_ledger().kept(SCOPE) == text
    assert ledger.kept("p.plant.water") is None


def test_nobody_keeps_anything_under_a_lease_that_is_another_s(open_ledger: Callable[[], Ledger]) -> None:
    ledger = open_ledger()
    old = ledger.take(SCOPE, "anna", 30).token
    ledger.keep(SCOPE, old, "anna's")
    ledger.release(SCOPE, old)
    open_ledger().take(SCOPE, "bert", 30)
    with pytest.raises(Superseded):
        ledger.keep(SCOPE, old, "anna's again")
    assert ledger.kept(SCOPE) == "anna's"


def test_what_is_too_large_for_a_document_of_firestore_is_told(clients: Clients) -> None:
    ledger = FirestoreLedger(clients.firestore, Retries(), "director-large")
    token = ledger.take(SCOPE, "anna", 30).token
    with pytest.raises(Rejected, match="more than a document of Firestore"):
        ledger.keep(SCOPE, token, random.Random(1).randbytes(1_500_000).hex())


def test_an_answer_of_firestore_that_breaks_off_midway_is_asked_for_again(clients: Clients, cloud: LocalCloud) -> None:
    ledger = FirestoreLedger(clients.firestore, Retries(sleep=lambda seconds: None), "director-broken")
    token = ledger.take(SCOPE, "anna", 30).token
    ledger.append(SCOPE, replace(RECORD, token=token), MADE)
    cloud.faults.add(Fault(method="firestore.RunQuery", when="after", code="UNAVAILABLE", calls=1))
    assert list(ledger.entries(SCOPE).values()) == [MADE]
    cloud.faults.add(Fault(method="firestore.RunQuery", when="after", code="UNAVAILABLE"))
    with pytest.raises(Unavailable, match="does not answer"):
        ledger.records(SCOPE)
