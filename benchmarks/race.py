"""One convention for all benchmarks: contenders race in rounds, medians are compared with bars, the result is a file.

    {"commit", "machine", "rounds", "rows": [{"who", metric: median, …}], "bars": [{"name", "value", "bar", "ok"}]}

Exit status 1 where a bar falls short.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

Metrics = Mapping[str, float]
Rows = Mapping[str, Metrics]


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


def race(
    name: str,
    contenders: Mapping[str, Callable[[], Metrics]],
    bars: Callable[[Rows], Sequence[Bar]],
    argv: Sequence[str],
) -> int:
    """Runs every contender once in each round, so that a disturbance meets all of them."""
    given = _arguments(name, argv)
    results: dict[str, list[Metrics]] = {who: [] for who in contenders}
    for number in range(given.rounds):
        for who, run in contenders.items():
            results[who].append(run())
            print(f"round {number + 1} of {given.rounds}: {who}", file=sys.stderr)
    rows = {who: _medians(measured) for who, measured in results.items()}
    judged = bars(rows)
    _show(name, rows, judged)
    if given.json:
        given.json.write_text(json.dumps(_document(given.rounds, rows, judged), indent=2) + "\n")
    return 0 if all(bar.ok for bar in judged) else 1


def _arguments(name: str, argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(f"make bench-{name}")
    parser.add_argument("--json", type=Path, help="write the result to this file")
    parser.add_argument("--rounds", type=int, default=5, help="how often each contender runs")
    return parser.parse_args(argv)


def _medians(measured: Sequence[Metrics]) -> Metrics:
    return {metric: statistics.median(one[metric] for one in measured) for metric in measured[0]}


def _document(rounds: int, rows: Rows, bars: Sequence[Bar]) -> dict[str, object]:
    return {
        "commit": _commit(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "rounds": rounds,
        "rows": [{"who": who, **metrics} for who, metrics in rows.items()],
        "bars": [{**asdict(bar), "ok": bar.ok} for bar in bars],
    }


def _commit() -> str:
    answer = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "unknown"


def _show(name: str, rows: Rows, bars: Sequence[Bar]) -> None:
    table = Table("who", *next(iter(rows.values())), title=name)
    for who, metrics in rows.items():
        table.add_row(who, *(f"{value:,.1f}" for value in metrics.values()))
    verdicts = Table("bar", "value", "wanted", "")
    for bar in bars:
        wanted = f"{'at most' if bar.at_most else 'at least'} {bar.bar:,.2f}"
        verdicts.add_row(bar.name, f"{bar.value:,.2f}", wanted, "ok" if bar.ok else "FALLS SHORT")
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)
    console.print(verdicts)
