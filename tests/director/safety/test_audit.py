"""What is recorded stays recorded, and what cannot be recorded is not done."""

import json
import stat
from pathlib import Path

import pytest

from director.safety.audit import Audit, AuditUnavailable, FileRecords, MemoryRecords, Record, Records
from director.safety.authentication import Identity

ANNA = Identity("anna@example.com", "id_token")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


@pytest.fixture(params=["memory", "file"])
def records(request: pytest.FixtureRequest, file: Path) -> Records:
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
