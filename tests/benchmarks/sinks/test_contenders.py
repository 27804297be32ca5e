"""Each contender brings every message to its sink, or is not measured; each bar falls short where it should."""

from collections.abc import Iterator

import pytest

from benchmarks.sinks import (
    COST,
    FEWER,
    FOLDERS,
    INSERTS,
    MORE,
    PEERS,
    PER_CORE,
    READY,
    WRITE,
    archive,
    bars,
    warehouse,
    workload,
)
from localcloud.cloud import LocalCloud, in_thread

MESSAGES = workload.enriched(300, folders=7)


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    return archive.ready_lines(MESSAGES)


@pytest.fixture(scope="module")
def made() -> Iterator[LocalCloud]:
    with in_thread() as cloud:
        yield cloud


@pytest.fixture
def bucket(made: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in made.variables().items():
        monkeypatch.setenv(name, value)
    archive.create_bucket()


@pytest.mark.usefixtures("bucket")
def test_every_contender_of_the_archive_writes_every_line_by_folder(lines: list[bytes]) -> None:
    for run in (archive.gathered_first, *PEERS.values()):
        assert run(lines)["objects"] == 7
    for job in (archive.embedded, archive.durable):
        assert job(MESSAGES)["objects"] == 7
    assert archive.embedded(MESSAGES, passes=2)["objects"] == 14


def test_both_contenders_of_the_warehouse_bring_every_row() -> None:
    with warehouse.server():
        assert warehouse.storage_write(MESSAGES)[PER_CORE] > 0
    assert warehouse.streaming_inserts(MESSAGES)[PER_CORE] > 0


def test_a_row_that_does_not_arrive_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warehouse.NoBigQuery, "insert_rows_json", lambda *_, **__: [])
    with pytest.raises(RuntimeError, match="0 rows arrived of 300"):
        warehouse.streaming_inserts(MESSAGES)


def test_bars_are_held_against_the_best_of_the_others() -> None:
    rows: dict[str, dict[str, float]] = {
        WRITE: {PER_CORE: 60_000.0},
        INSERTS: {PER_CORE: 2_000.0},
        READY: {"msg/s": 75_000.0},
        FOLDERS: {"MB at most": 70.0},
        **{name: {"msg/s": 10_000.0 * (1 + place)} for place, name in enumerate(PEERS)},
        **{
            f"archive embedded {count // 1_000}k messages": {COST: 10.0 + place}
            for place, count in enumerate((FEWER, MORE))
        },
    }
    assert [(bar.value, bar.ok) for bar in bars(rows)] == [(30.0, True), (2.5, True), (1.1, True), (70.0, False)]
