"""A race as a picture."""

from pathlib import Path

import pytest

from benchmarks.chart import Panel, chart
from benchmarks.race import Outcome

ROWS = {"ours": {"msg/s": 120_000.0, "p99": 4.0}, "fast": {"msg/s": 40_000.0, "p99": 9.0}, "mute": {"msg/s": 3.0}}


@pytest.mark.parametrize("log", [False, True])
def test_the_chart_names_all_and_is_the_same_for_the_same_outcome(tmp_path: Path, log: bool) -> None:
    draw = chart("race", [Panel("msg/s", "messages per second", log), Panel("p99", "latency")])
    for name in ("one.svg", "two.svg"):
        draw(Outcome(5, ROWS, {}, [], []), tmp_path / name)
    text = (tmp_path / "one.svg").read_text()
    assert text == (tmp_path / "two.svg").read_text()
    assert all(f"<!-- {said} -->" in text for said in (*ROWS, "120,000", "latency"))
