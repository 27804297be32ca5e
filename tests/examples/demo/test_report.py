"""The result as programs read it."""

import io
import json
from dataclasses import replace

from rich.console import Console

from examples.demo.ledger import Delivered
from examples.demo.progress import Snapshot
from examples.demo.reconcile import DeadLetter, reconcile
from examples.demo.replay import Replayed
from examples.demo.report import Result, show

SENT = {f"run-{serial}": Delivered(serial, f"run-{serial}", "good", 100.0, 100.1) for serial in range(1, 5)}
ROWS = {"run-1": [100.5], "run-2": [101.0, 102.0], "run-3": [101.0]}
LINES = {"run-1": [103.0], "run-2": [104.0], "run-3": [105.0]}
LETTERS = [DeadLetter("run-4", "bridge", "not_json")]
COUNTED = Snapshot(published=4, bridged=3, enriched=3, rows=4, archived=3, dead_lettered=1)
LOOKUPS = {"process": {"hit": 7, "miss": 2}, "firestore": {"found": 1, "absent": 1, "ms_sum": 12}}
REPLAYED = Replayed(3, (), (), 1.5)
RESULT = Result(
    reconcile(SENT, ROWS, LINES, LETTERS), COUNTED, LETTERS, 1, 12.3456, {"bridge": 2}, LOOKUPS, REPLAYED, 0.25
)


def test_the_object_for_programs() -> None:
    assert json.loads(RESULT.as_json()) == {
        "published": 4,
        "bridged": 3,
        "enriched": 3,
        "rows": 4,
        "archived": 3,
        "dead_lettered": 1,
        "duplicates": 1,
        "duplicates_by_sink": {"bigquery": 1, "archive": 0},
        "lost": 0,
        "replayed": {"messages": 3, "missing": 0, "strangers": 0, "seconds": 1.5},
        "sent_again": 1,
        "seconds": 12.346,
        "latency": {"bigquery": {"p50": 1000.0, "p99": 1000.0}, "archive": {"p50": 4000.0, "p99": 5000.0}},
        "restarts": {"bridge": 2},
        "lookups": LOOKUPS,
        "change_seconds": 0.25,
    }


def test_a_killed_program_cannot_have_done_less_than_what_is_found_behind_it() -> None:
    forgetful = replace(RESULT, counted=replace(COUNTED, bridged=0, enriched=1))
    assert (forgetful.bridged, forgetful.enriched) == (3, 3)


def test_nothing_arrived_has_no_latency() -> None:
    empty = replace(RESULT, reconciliation=reconcile(SENT, {}, {}, []))
    written = json.loads(empty.as_json())
    assert written["lost"] == 4
    assert written["latency"]["bigquery"] == {"p50": None, "p99": None}


def test_the_table_for_people_names_what_is_lost_and_why_letters_are_dead() -> None:
    console = Console(file=io.StringIO(), width=150)
    show(console, replace(RESULT, reconciliation=reconcile(SENT, ROWS, {}, LETTERS)))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "run-1, run-2, run-3" in text
    assert "bridge: not_json 1" in text


def test_the_table_for_people_says_where_devices_were_found_and_when_a_change_was_seen() -> None:
    console = Console(file=io.StringIO(), width=150)
    show(console, RESULT)
    rows = [" ".join(line.replace("│", " ").split()) for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]
    assert "devices asked of process 9 hit 7, miss 2" in rows
    assert "devices asked of firestore 2 absent 1, found 1" in rows
    assert "a changed device 0.25 s until an enriched message said so" in rows


def test_what_does_not_come_back_from_the_archive_is_lost_too() -> None:
    result = replace(RESULT, replayed=Replayed(2, ["run-9"], ["run-8"], 1.0))
    assert list(result.lost) == ["run-9"]
    console = Console(file=io.StringIO(), width=150)
    show(console, result)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "1 missing" in text
    assert "run-8" in text
