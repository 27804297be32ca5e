"""Ledgers: where changes are written down."""

from pathlib import Path

from localcloud.journal import Journal
from localcloud.pubsub.ledger import Durable, Forgetful


def replayed(path: Path) -> list[bytes]:
    journal = Journal(path)
    records = list(journal.replay())
    journal.close()
    return records


def record(text: str, times: int = 1) -> bytes:
    return text.encode() * times


def test_a_durable_ledger_keeps_records(tmp_path: Path) -> None:
    ledger = Durable(Journal(tmp_path / "journal"))
    ledger.keep(record, "a")
    ledger.keep(record, "b", times=2)
    ledger.close()
    assert replayed(tmp_path / "journal") == [b"a", b"bb"]


def test_it_compacts_at_first_and_then_when_it_has_grown(tmp_path: Path) -> None:
    ledger = Durable(Journal(tmp_path / "journal"), smallest=1000)
    compactions: list[int] = []

    def everything() -> list[bytes]:
        compactions.append(1)
        return [b"all"]

    ledger.keep(record, "before")
    ledger.compact_if_large(everything)
    assert replayed(tmp_path / "journal") == [b"all"]
    ledger.keep(record, "x", times=900)
    ledger.compact_if_large(everything)
    assert len(compactions) == 1
    ledger.keep(record, "x", times=900)
    ledger.compact_if_large(everything)
    assert len(compactions) == 2
    ledger.close()
    assert replayed(tmp_path / "journal") == [b"all"]


def test_it_may_grow_to_twice_a_large_state(tmp_path: Path) -> None:
    ledger = Durable(Journal(tmp_path / "journal"), smallest=10)
    ledger.keep(record, "x")
    ledger.compact_if_large(lambda: [bytes(1000)])
    ledger.keep(record, "x", times=900)
    ledger.compact_if_large(lambda: [b"too early"])
    ledger.close()
    assert len(replayed(tmp_path / "journal")) == 2


def test_a_forgetful_ledger_does_not_even_make_records() -> None:
    def never() -> bytes:
        raise AssertionError("made")

    ledger = Forgetful()
    ledger.keep(never)
    ledger.compact_if_large(lambda: [never()])
    ledger.close()
