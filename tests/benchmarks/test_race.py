"""A race: rounds, medians, bars, and who could not take part."""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.race import Absent, Bar, Metrics, Outcome, Rows, race


def speeds(*values: float) -> "itertools.cycle[float]":
    return itertools.cycle(values)


def no_bars(rows: Rows) -> Sequence[Bar]:
    return []


def document(tmp_path: Path, *arguments: str) -> list[str]:
    return ["--json", str(tmp_path / "out.json"), *arguments]


def test_a_row_holds_the_medians_of_all_rounds(tmp_path: Path) -> None:
    one = speeds(1.0, 9.0, 2.0)
    assert race("x", {"one": lambda: {"msg/s": next(one)}}, no_bars, document(tmp_path, "--rounds", "3")) == 0
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["rows"] == [{"who": "one", "msg/s": 2.0}]
    assert written["rounds"] == 3


def test_contenders_take_turns_in_every_round() -> None:
    order: list[str] = []

    def run(who: str) -> Metrics:
        order.append(who)
        return {"msg/s": 1.0}

    race("x", {"a": lambda: run("a"), "b": lambda: run("b")}, no_bars, ["--rounds", "2"])
    assert order == ["a", "b", "a", "b"]


def test_a_metric_taken_in_one_round_only_stands_with_that_value(tmp_path: Path) -> None:
    rounds = iter([{"msg/s": 1.0, "growth": 4.0}, {"msg/s": 3.0}])
    race("x", {"one": lambda: next(rounds)}, no_bars, document(tmp_path, "--rounds", "2"))
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["rows"] == [{"who": "one", "msg/s": 2.0, "growth": 4.0}]


def test_who_cannot_be_prepared_is_named_with_the_reason_and_does_not_run(tmp_path: Path) -> None:
    def prepare(who: str) -> None:
        if who == "gone":
            raise Absent("no such program")

    def never() -> Metrics:
        raise AssertionError("ran although absent")

    race("x", {"gone": never, "here": lambda: {"msg/s": 1.0}}, no_bars, document(tmp_path, "--rounds", "1"), prepare)
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["absent"] == [{"who": "gone", "reason": "no such program"}]
    assert [row["who"] for row in written["rows"]] == ["here"]


def test_a_round_not_finished_is_named_and_the_medians_are_those_of_the_others(tmp_path: Path) -> None:
    rounds = iter([1.0, None, 5.0])

    def run() -> Metrics:
        speed = next(rounds)
        if speed is None:
            raise Absent("fell over")
        return {"msg/s": speed}

    race("x", {"weak": run}, no_bars, document(tmp_path, "--rounds", "3"))
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["missed"] == [{"who": "weak", "round": 2, "reason": "fell over"}]
    assert written["rows"] == [{"who": "weak", "msg/s": 3.0}]


def test_who_finishes_no_round_has_no_row(tmp_path: Path) -> None:
    def run() -> Metrics:
        raise Absent("fell over")

    race("x", {"weak": run, "here": lambda: {"msg/s": 1.0}}, no_bars, document(tmp_path, "--rounds", "1"))
    written = json.loads((tmp_path / "out.json").read_text())
    assert [row["who"] for row in written["rows"]] == ["here"]
    assert [one["who"] for one in written["missed"]] == ["weak"]


def test_a_bar_that_falls_short_fails_the_race() -> None:
    def bars(rows: Rows) -> Sequence[Bar]:
        return [Bar("fast", rows["one"]["msg/s"], 2.0)]

    assert race("x", {"one": lambda: {"msg/s": 1.0}}, bars, ["--rounds", "1"]) == 1
    assert race("x", {"one": lambda: {"msg/s": 2.0}}, bars, ["--rounds", "1"]) == 0


def test_a_part_of_the_contenders_is_judged_by_no_bar() -> None:
    def bars(rows: Rows) -> Sequence[Bar]:
        return [Bar("never", 0.0, 1.0)]

    runs = {"one": lambda: {"msg/s": 1.0}, "two": lambda: {"msg/s": 1.0}}
    assert race("x", runs, bars, ["--rounds", "1", "--only", "two"]) == 0


def test_an_unknown_contender_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        race("x", {"one": dict}, no_bars, ["--only", "three"])
    assert "three not known; there are: one" in capsys.readouterr().err


def test_the_markdown_shows_rows_bars_and_the_absent(tmp_path: Path) -> None:
    def prepare(who: str) -> None:
        if who == "gone":
            raise Absent("no such program")

    runs = {"one": lambda: {"msg/s": 12345.6}, "two": lambda: {"msg/s": 1.0, "p99": 2.0}, "gone": dict}
    file = tmp_path / "out.md"
    race("x", runs, lambda rows: [Bar("fast", 1.0, 2.0)], ["--rounds", "1", "--markdown", str(file)], prepare)
    text = file.read_text()
    assert "| one | 12,346 | - |" in text
    assert "| two | 1.0 | 2.0 |" in text
    assert "absent: gone: no such program" in text
    assert "| fast | 1.00 | at least 2.00 | FALLS SHORT |" in text


def test_the_chart_is_drawn_from_the_outcome(tmp_path: Path) -> None:
    drawn: list[tuple[Outcome, Path]] = []
    file = tmp_path / "chart.svg"
    arguments = ["--rounds", "1", "--chart", str(file)]
    race("x", {"one": lambda: {"msg/s": 1.0}}, no_bars, arguments, draw=lambda *what: drawn.append(what))
    assert [(outcome.rows, where) for outcome, where in drawn] == [({"one": {"msg/s": 1.0}}, file)]


@pytest.mark.parametrize(("value", "at_most", "ok"), [(2.0, False, True), (1.9, False, False), (2.1, True, False)])
def test_a_bar_is_reached_from_below_or_kept_under(value: float, at_most: bool, ok: bool) -> None:
    assert Bar("bar", value, 2.0, at_most).ok is ok
