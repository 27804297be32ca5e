"""One convention for all benchmarks: contenders race in rounds, medians are compared with bars, the result is a file.

    {"commit", "machine", "rounds", "rows": [{"who", metric: median, …}], "absent": [{"who", "reason"}],
     "missed": [{"who", "round", "reason"}], "bars": [{"name", "value", "bar", "ok"}]}

Exit status 1 where a bar falls short.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

Metrics = Mapping[str, float]
Rows = Mapping[str, Metrics]


class Absent(Exception):
    """A contender cannot race here, or not in this round; says why."""


@dataclass(frozen=True, slots=True)
class Bar:
    """What a value must reach; `at_most` turns it into what it must not exceed."""

    name: str
    value: float
    bar: float
    at_most: bool = False

    @property
    def ok(self) -> bool:
        return self.value <= self.bar if self.at_most else self.value >= self.bar

    @property
    def wanted(self) -> str:
        return f"{'at most' if self.at_most else 'at least'} {self.bar:,.2f}"

    @property
    def verdict(self) -> str:
        return "ok" if self.ok else "FALLS SHORT"


@dataclass(frozen=True, slots=True)
class Missed:
    """A round that a contender could not finish."""

    who: str
    round: int
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """Medians of the rounds each finished. A metric need not be in every row, nor in every round."""

    rounds: int
    rows: Rows
    absent: Mapping[str, str]
    missed: Sequence[Missed]
    bars: Sequence[Bar]
    metrics: Sequence[str] = field(init=False)

    @property
    def remarks(self) -> list[str]:
        """Who is not in the table, and which rounds the medians lack."""
        absent = [f"absent: {who}: {reason}" for who, reason in self.absent.items()]
        return absent + [f"not finished: {one.who}, round {one.round}: {one.reason}" for one in self.missed]

    def __post_init__(self) -> None:
        names = dict.fromkeys(metric for row in self.rows.values() for metric in row)
        object.__setattr__(self, "metrics", list(names))


def race(
    name: str,
    contenders: Mapping[str, Callable[[], Metrics]],
    bars: Callable[[Rows], Sequence[Bar]],
    argv: Sequence[str],
    prepare: Callable[[str], None] = lambda who: None,
    draw: Callable[[Outcome, Path], None] | None = None,
) -> int:
    """Runs every contender once in each round, so that a disturbance meets all of them.

    `prepare` is called for each before the first round; who raises Absent there has no row. Who raises it in a round
    has missed that round and goes on with the next.
    """
    given = _arguments(name, list(contenders), draw is not None, argv)
    chosen = {who: run for who, run in contenders.items() if given.only is None or who in given.only}
    absent = _prepared(chosen, prepare)
    results, missed = _results({who: run for who, run in chosen.items() if who not in absent}, given.rounds)
    rows = {who: _medians(measured) for who, measured in results.items() if measured}
    outcome = Outcome(given.rounds, rows, absent, missed, [] if given.only else bars(rows))
    _show(name, outcome)
    _write(outcome, given, draw)
    return 0 if all(bar.ok for bar in outcome.bars) else 1


def _arguments(name: str, contenders: Sequence[str], chart: bool, argv: Sequence[str]) -> argparse.Namespace:
    def some(text: str) -> list[str]:
        unknown = [who for who in text.split(",") if who not in contenders]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)} not known; there are: {', '.join(contenders)}")
        return text.split(",")

    parser = argparse.ArgumentParser(f"make bench-{name}")
    parser.add_argument("--json", type=Path, help="write the result to this file")
    parser.add_argument("--markdown", type=Path, help="write the result's tables to this file")
    parser.add_argument("--rounds", type=int, default=5, help="how often each contender runs")
    parser.add_argument("--only", type=some, metavar="WHO,…", help="these contenders; no bars are judged then")
    if chart:
        parser.add_argument("--chart", type=Path, help="draw the result to this file (.svg, .png)")
    return parser.parse_args(argv)


def _prepared(contenders: Collection[str], prepare: Callable[[str], None]) -> dict[str, str]:
    """Who is absent, and why."""
    absent: dict[str, str] = {}
    for who in contenders:
        try:
            prepare(who)
        except Absent as error:
            absent[who] = str(error)
            print(f"absent: {who}: {error}", file=sys.stderr)
    return absent


def _results(
    contenders: Mapping[str, Callable[[], Metrics]], rounds: int
) -> tuple[dict[str, list[Metrics]], list[Missed]]:
    results: dict[str, list[Metrics]] = {who: [] for who in contenders}
    missed: list[Missed] = []
    for number in range(1, rounds + 1):
        for who, run in contenders.items():
            try:
                results[who].append(run())
                said = ", ".join(f"{metric} {_number(value)}" for metric, value in results[who][-1].items())
            except Absent as error:
                missed.append(Missed(who, number, str(error)))
                said = f"not finished: {error}"
            print(f"round {number} of {rounds}: {who}: {said}", file=sys.stderr)
    return results, missed


def _medians(measured: Sequence[Metrics]) -> Metrics:
    metrics = dict.fromkeys(metric for one in measured for metric in one)
    return {metric: statistics.median(one[metric] for one in measured if metric in one) for metric in metrics}


def _write(outcome: Outcome, given: argparse.Namespace, draw: Callable[[Outcome, Path], None] | None) -> None:
    if given.json:
        given.json.write_text(json.dumps(_document(outcome), indent=2) + "\n")
    if given.markdown:
        given.markdown.write_text(_markdown(outcome))
    if draw and given.chart:
        draw(outcome, given.chart)


def _document(outcome: Outcome) -> dict[str, object]:
    return {
        "commit": _commit(),
        "machine": _machine(),
        "rounds": outcome.rounds,
        "rows": [{"who": who, **metrics} for who, metrics in outcome.rows.items()],
        "absent": [{"who": who, "reason": reason} for who, reason in outcome.absent.items()],
        "missed": [asdict(one) for one in outcome.missed],
        "bars": [{**asdict(bar), "ok": bar.ok} for bar in outcome.bars],
    }


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


def _commit() -> str:
    answer = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "unknown"


def _markdown(outcome: Outcome) -> str:
    rows = [_line("who", *outcome.metrics), _line(*["---"] * (1 + len(outcome.metrics)))]
    rows += [_line(who, *_cells(outcome, who)) for who in outcome.rows]
    bars = [_line("bar", "value", "wanted", ""), _line(*["---"] * 4)]
    bars += [_line(bar.name, f"{bar.value:,.2f}", bar.wanted, bar.verdict) for bar in outcome.bars]
    remarks = [f"{remark}\n" for remark in outcome.remarks]
    taken = f"Commit {_commit()}, {_machine()}, medians of {outcome.rounds} rounds."
    return "\n".join([taken, "", *rows, "", *remarks, *bars, ""])


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(outcome: Outcome, who: str) -> list[str]:
    row = outcome.rows[who]
    return [_number(row[metric]) if metric in row else "-" for metric in outcome.metrics]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:,.1f}"


def _show(name: str, outcome: Outcome) -> None:
    table = Table("who", *outcome.metrics, title=name)
    for who in outcome.rows:
        table.add_row(who, *_cells(outcome, who))
    verdicts = Table("bar", "value", "wanted", "")
    for bar in outcome.bars:
        verdicts.add_row(bar.name, f"{bar.value:,.2f}", bar.wanted, bar.verdict)
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)
    for remark in outcome.remarks:
        console.print(remark, markup=False)
    console.print(verdicts)
