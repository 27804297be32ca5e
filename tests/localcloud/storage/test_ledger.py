"""Changes are on disk before they are seen, together or not at all."""

from pathlib import Path

from localcloud.storage.ledger import Ledger
from localcloud.storage.model import Bucket, NoObject, StoredObject


def bucket() -> Bucket:
    return Bucket("b", "p", 0.0, 0.0, 1, {"versioning": {"enabled": True}}, {})


def stored(name: str, generation: int, deleted: float | None = None) -> StoredObject:
    return StoredObject("b", name, generation, 1, f"key{generation}", 0, "AAAAAA==", None, 0.0, 0.0, deleted, None, {})


def reopened(path: Path) -> Ledger:
    ledger = Ledger(path)
    ledger.close()
    return ledger


def test_a_new_ledger_finds_what_was_committed(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "journal")
    ledger.commit(bucket(), stored("x", 1), stored("y", 2))
    ledger.commit(stored("x", 1, deleted=5.0), stored("x", 3))
    ledger.commit(NoObject("b", "y", 2))
    ledger.close()
    shelf = reopened(tmp_path / "journal").tables.shelves["b"]
    assert shelf.keys == [("x", 1), ("x", 3)]
    assert {name: item.generation for name, item in shelf.live.items()} == {"x": 3}


def test_a_commit_cut_off_half_way_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    ledger = Ledger(path)
    ledger.commit(bucket())
    whole = path.stat().st_size
    ledger.commit(stored("x", 1), stored("y", 2))
    ledger.close()
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 1)
    assert reopened(path).tables.shelves["b"].keys == []
    assert path.stat().st_size == whole


def test_a_restart_forgets_what_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    ledger = Ledger(path)
    ledger.commit(bucket())
    for generation in range(1, 100):
        ledger.commit(stored("x", generation))
        ledger.commit(NoObject("b", "x", generation))
    grown = path.stat().st_size
    ledger.close()
    assert reopened(path).tables.contents() == set()
    assert path.stat().st_size < grown / 50
