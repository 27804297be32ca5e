"""What is recorded stays recorded, and what cannot be recorded is not done."""

import json
import stat
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from director.provisioning.clients import Clients
from director.retries import Retries
from director.safety.audit import Audit, AuditUnavailable, MemoryRecords, Record, Records
from director.safety.audit_file import FileRecords
from director.safety.audit_firestore import FirestoreRecords
from director.safety.authentication import Identity
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault

ANNA = Identity("anna@example.com", "id_token")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


@pytest.fixture(params=["memory", "file", "firestore"])
def records(request: pytest.FixtureRequest, file: Path) -> Records:
    if request.param == "firestore":
        clients: Clients = request.getfixturevalue("clients")
        return FirestoreRecords(clients.firestore, Retries(), "director/p.plant")
    return MemoryRecords() if request.param == "memory" else FileRecords(file)


def everything(record: Record) -> bool:
    return True


def test_an_outcome_follows_its_intent_once(records: Records) -> None:
    audit = Audit(records)
    trail = audit.intent(ANNA, "10.0.0.1", "apply", "r-1", dataflow="air", plan_hash="abc")
    trail.end("succeeded", operation="op-1", report_hash="def")
    trail.end("failed")
    outcome, intent = audit.page(None, 10, everything)[0]
    assert (intent.phase, intent.who, intent.action, intent.result) == ("intent", ANNA.name, "apply", None)
    assert (outcome.phase, outcome.result, outcome.operation) == ("outcome", "succeeded", "op-1")
    assert (outcome.request_id, outcome.plan_hash, outcome.report_hash) == ("r-1", "abc", "def")


def test_pages_go_from_the_newest_to_the_oldest(records: Records) -> None:
    audit = Audit(records)
    for number in range(25):
        audit.refusal("", "", "", "see", f"r-{number}", dataflow="air" if number % 5 else None)
    seen: list[str] = []
    mark: int | None = None
    while True:
        page, mark = audit.page(mark, 4, lambda record: record.dataflow == "air")
        seen += [record.request_id for record in page]
        if mark is None:
            break
    assert seen == [f"r-{number}" for number in reversed(range(25)) if number % 5]


def test_the_file_is_only_its_owners_and_grows_over_restarts(file: Path) -> None:
    for number in range(3):
        Audit(FileRecords(file)).refusal("", "", "", "see", f"r-{number}")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [json.loads(line)["request_id"] for line in file.read_text().splitlines()] == ["r-0", "r-1", "r-2"]


def test_lines_longer_than_what_is_read_at_once_are_found(file: Path) -> None:
    audit = Audit(FileRecords(file))
    for number in range(3):
        audit.refusal("x" * 100_000, "", "", "see", f"r-{number}")
    assert [record.request_id for record in audit.page(None, 10, everything)[0]] == ["r-2", "r-1", "r-0"]


def test_a_line_cut_short_by_a_crash_spoils_no_other(file: Path) -> None:
    Audit(FileRecords(file)).refusal("", "", "", "see", "r-0")
    with file.open("a") as cut:
        cut.write('{"time": "2026')
    audit = Audit(FileRecords(file))
    audit.refusal("", "", "", "see", "r-1")
    assert [record.request_id for record in audit.page(None, 10, everything)[0]] == ["r-1", "r-0"]


def test_what_cannot_be_recorded_is_not_begun() -> None:
    full = Audit(FileRecords(Path("/dev/full")))
    with pytest.raises(AuditUnavailable, match="cannot be written"):
        full.intent(ANNA, "", "apply", "r-1")


def test_an_outcome_that_cannot_be_recorded_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    class Full(MemoryRecords):
        def append(self, line: bytes) -> None:
            if b"outcome" in line:
                raise AuditUnavailable("full")
            super().append(line)

    Audit(Full()).intent(ANNA, "", "apply", "r-1").end("succeeded")
    assert any("not in the audit" in one.getMessage() and "succeeded" in one.getMessage() for one in caplog.records)


def test_a_link_to_elsewhere_is_not_followed(file: Path, tmp_path: Path) -> None:
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AuditUnavailable):
        FileRecords(file)


def test_nothing_a_caller_sends_can_forge_a_line(file: Path) -> None:
    audit = Audit(FileRecords(file))
    audit.refusal('x"\n{"phase": "outcome"}\n\x1b[31m', "", "", "see", "r-0")
    assert len(file.read_text().splitlines()) == 1
    assert "\x1b" not in file.read_text()


def test_what_is_older_than_wanted_is_forgotten_and_nothing_else(records: Records) -> None:
    audit = Audit(records)
    assert audit.forget(datetime.now(UTC), 100) == 0
    for number in range(6):
        audit.refusal("", "", "", "see", f"r-{number}")
        if number == 3:
            time.sleep(0.01)
            moment = datetime.now(UTC)
            time.sleep(0.01)
    assert audit.forget(moment - timedelta(days=1), 100) == 0
    assert audit.forget(moment, 100) == 4
    assert [record.request_id for record in audit.page(None, 10, everything)[0]] == ["r-5", "r-4"]
    audit.refusal("", "", "", "see", "r-6")
    assert audit.forget(moment, 100) == 0
    assert len(audit.page(None, 10, everything)[0]) == 3


def test_a_clean_up_of_many_is_bounded(clients: Clients) -> None:
    audit = Audit(FirestoreRecords(clients.firestore, Retries(), "director/p.bounded"))
    for number in range(5):
        audit.refusal("", "", "", "see", f"r-{number}")
    assert [audit.forget(datetime.now(UTC) + timedelta(seconds=1), 2) for _ in range(4)] == [2, 2, 1, 0]


def test_an_audit_in_firestore_that_does_not_answer_stops_what_would_go_unrecorded(
    clients: Clients, cloud: LocalCloud, retries: Retries
) -> None:
    audit = Audit(FirestoreRecords(clients.firestore, retries, "director/p.away"))
    cloud.faults.add(Fault(method="firestore.*", code="UNAVAILABLE"))
    with pytest.raises(AuditUnavailable, match="the audit in Firestore does not answer"):
        audit.intent(ANNA, "", "apply", "r-1")
    cloud.faults.clear()
    cloud.faults.add(Fault(method="firestore.Commit", when="after", code="UNAVAILABLE", calls=2))
    audit.intent(ANNA, "", "apply", "r-2")
    assert [one.request_id for one in audit.page(None, 10, everything)[0]] == ["r-2"], "once, though answers were lost"


def test_a_file_that_is_rotated_or_cleaned_up_by_another_process_loses_no_line(file: Path) -> None:
    ours, theirs = Audit(FileRecords(file)), Audit(FileRecords(file))
    ours.refusal("", "", "", "see", "r-0")
    assert theirs.forget(datetime.now(UTC) + timedelta(seconds=1), 100) == 1
    ours.refusal("", "", "", "see", "r-1")
    file.rename(file.with_suffix(".1"))
    theirs.refusal("", "", "", "see", "r-2")
    ours.refusal("", "", "", "see", "r-3")
    assert [json.loads(line)["request_id"] for line in file.read_text().splitlines()] == ["r-2", "r-3"]
    assert [json.loads(line)["request_id"] for line in file.with_suffix(".1").read_text().splitlines()] == ["r-1"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not list(file.parent.glob("*.new"))


def test_a_reader_in_the_middle_of_a_clean_up_reads_on(file: Path) -> None:
    records = FileRecords(file)
    audit = Audit(records)
    for number in range(3):
        audit.refusal("", "", "", "see", f"r-{number}")
    lines = records.before(None)
    next(lines)
    assert audit.forget(datetime.now(UTC) + timedelta(seconds=1), 100) == 3
    assert len(list(lines)) == 2
