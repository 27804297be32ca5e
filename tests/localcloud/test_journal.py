"""A journal gives back what was appended, in order, whatever happened to its last record."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.journal import Journal


def replayed(path: Path) -> list[bytes]:
    journal = Journal(path)
    records = list(journal.replay())
    journal.close()
    return records


def written(path: Path, *records: bytes) -> None:
    journal = Journal(path)
    for record in records:
        journal.append(record)
    journal.close()


def test_a_new_journal_is_empty_and_makes_its_folder(tmp_path: Path) -> None:
    assert replayed(tmp_path / "deep" / "journal") == []


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_records_come_back_in_order(tmp_path_factory: pytest.TempPathFactory, records: list[bytes]) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal"
    written(path, *records)
    assert replayed(path) == records


def test_a_reopened_journal_is_continued(tmp_path: Path) -> None:
    written(tmp_path / "journal", b"one")
    written(tmp_path / "journal", b"two")
    assert replayed(tmp_path / "journal") == [b"one", b"two"]


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_torn_last_record_is_cut_off_and_written_over(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "journal"
    written(path, b"sound", b"torn")
    path.write_bytes(path.read_bytes()[:-cut])
    written(path, b"next")
    assert replayed(path) == [b"sound", b"next"]


def test_a_damaged_record_ends_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    written(path, b"sound", b"damaged", b"unreachable")
    path.write_bytes(path.read_bytes().replace(b"damaged", b"dXmaged"))
    assert replayed(path) == [b"sound"]


def test_rewriting_replaces_everything(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.append(b"old" * 1000)
    large = journal.size
    journal.rewrite([b"new"])
    assert journal.size < large
    journal.append(b"after")
    journal.close()
    assert replayed(tmp_path / "journal") == [b"new", b"after"]


def test_what_a_crash_left_of_a_rewrite_is_not_taken_for_the_journal(tmp_path: Path) -> None:
    written(tmp_path / "journal", b"kept")
    written(tmp_path / "journal.new", b"half")
    journal = Journal(tmp_path / "journal")
    journal.rewrite([b"whole"])
    journal.close()
    assert replayed(tmp_path / "journal") == [b"whole"]
