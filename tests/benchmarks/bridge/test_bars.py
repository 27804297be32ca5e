"""What ours must reach in the race, whoever of the others could take part, and the picture of it."""

from pathlib import Path

from benchmarks.bridge import P99, bars, draw
from benchmarks.race import Outcome

OURS = {"msg/s": 120_000.0, "msg/CPU-s": 320_000.0, P99: 4.0, "growth %": 1.0}
FAST = {"msg/s": 40_000.0, "msg/CPU-s": 20_000.0, P99: 9.0}
SLOW = {"msg/s": 9_000.0, "msg/CPU-s": 40_000.0, P99: 4.0}
RECEIVER = {"msg/s": 100_000.0, "msg/CPU-s": 110_000.0}
ROWS = {"ours": OURS, "ours, MQTT 3.1.1": OURS, "fast": FAST, "slow": SLOW, "mosquitto_sub": RECEIVER}


def test_ours_is_held_against_the_best_of_the_others_in_each_respect() -> None:
    assert [(bar.value, bar.ok) for bar in bars(ROWS)] == [
        (3.0, True),
        (8.0, True),
        (1.2, True),
        (1.0, True),
        (1.0, True),
    ]


def test_without_the_receiver_its_bar_falls_short() -> None:
    rows = {who: row for who, row in ROWS.items() if who != "mosquitto_sub"}
    assert [bar.ok for bar in bars(rows)] == [True, True, False, True, True]


def test_without_any_other_no_bar_against_others_is_reached() -> None:
    assert [bar.ok for bar in bars({"ours": OURS})] == [False, False, False, False, True]


def test_the_chart_names_all_and_is_the_same_for_the_same_outcome(tmp_path: Path) -> None:
    outcome = Outcome(5, ROWS, {}, [], [])
    for name in ("one.svg", "two.svg"):
        draw(outcome, tmp_path / name)
    text = (tmp_path / "one.svg").read_text()
    assert text == (tmp_path / "two.svg").read_text()
    assert all(f"<!-- {who} -->" in text for who in ROWS)
