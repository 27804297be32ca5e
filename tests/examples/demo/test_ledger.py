"""The ledger tells a fleet started again what is left to send, whatever moment it was killed at."""

from pathlib import Path

import pytest

from examples.demo.ledger import Delivered, Ledger, LedgerReader, Run
from examples.demo.schedule import Plan

RUN = Run("run", 1000.5, Plan(messages=10))


def delivered(serial: int) -> Delivered:
    return Delivered(serial, f"run-{serial}", "good", 1001.25, 1001.5)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


def write(path: Path, *serials: int) -> None:
    ledger = Ledger(path, RUN)
    for serial in serials:
        ledger.write(delivered(serial))
    ledger.close()


def test_what_is_written_is_read(path: Path) -> None:
    write(path, 1, 2)
    reader = LedgerReader(path)
    assert list(reader.read()) == [delivered(1), delivered(2)]
    assert reader.run == RUN


def test_a_ledger_goes_on_with_its_own_run_and_knows_what_was_delivered(path: Path) -> None:
    write(path, 1, 3)
    again = Ledger(path, Run("other", 2000.0, RUN.plan))
    assert again.run == RUN
    assert again.delivered == {1, 3}
    again.close()


def test_a_line_torn_by_a_kill_does_not_count(path: Path) -> None:
    write(path, 1, 2)
    with path.open("ab") as file:
        file.write(b'[3,"run-3","goo')
    again = Ledger(path, RUN)
    assert again.delivered == {1, 2}
    again.write(delivered(3))
    again.close()
    assert list(LedgerReader(path).read()) == [delivered(1), delivered(2), delivered(3)]


def test_a_reader_follows_and_waits_for_whole_lines(path: Path) -> None:
    reader = LedgerReader(path)
    assert list(reader.read()) == []
    write(path, 1)
    assert list(reader.read()) == [delivered(1)]
    with path.open("ab") as file:
        file.write(b'[2,"run-2",')
    assert list(reader.read()) == []
    with path.open("ab") as file:
        file.write(b'"good",1001.250000,1001.500000]\n')
    assert list(reader.read()) == [delivered(2)]


def test_a_ledger_of_another_plan_is_refused(path: Path) -> None:
    write(path, 1)
    with pytest.raises(ValueError, match="is the ledger of another plan"):
        Ledger(path, Run("run", 1000.5, Plan(messages=11)))
