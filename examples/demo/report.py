"""The demo's result: a table for people, an object for programs."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from examples.demo.progress import Snapshot
from examples.demo.readers import Archive, Warehouse
from examples.demo.reconcile import DeadLetter, Latency, Reconciliation
from examples.demo.replay import Replayed

SHOWN = 5  # ids, object names, rows
ANSWERS = ("hit", "ageing", "miss", "found", "absent", "unanswered")  # of a layer; others count what it did besides


@dataclass(frozen=True, slots=True)
class Result:
    """`bridged` and `enriched` are what those programs counted themselves, the rest is counted by id."""

    reconciliation: Reconciliation
    counted: Snapshot
    dead_letters: Sequence[DeadLetter]
    sent_again: int
    seconds: float
    restarts: Mapping[str, int]
    lookups: Mapping[str, Mapping[str, int]]
    replayed: Replayed
    change_seconds: float | None = None  # until a changed device record was seen downstream, where one was changed

    @property
    def lost(self) -> Sequence[str]:
        """On the way to a sink, or on the way back."""
        return sorted({*self.reconciliation.lost, *self.replayed.missing})

    @property
    def bridged(self) -> int:
        """A killed program takes its last count with it, so at least what was found behind it."""
        return max(self.counted.bridged, self.enriched)

    @property
    def enriched(self) -> int:
        sinks = self.reconciliation.bigquery, self.reconciliation.archive
        return max(self.counted.enriched, *(sink.copies - sink.duplicates for sink in sinks))

    def as_json(self) -> str:
        found = self.reconciliation
        return json.dumps(
            {
                "published": found.published,
                "bridged": self.bridged,
                "enriched": self.enriched,
                "rows": found.bigquery.copies,
                "archived": found.archive.copies,
                "dead_lettered": found.dead_lettered,
                "duplicates": found.duplicates,
                "duplicates_by_sink": {
                    "bigquery": found.bigquery.duplicates,
                    "archive": found.archive.duplicates,
                },
                "lost": len(self.lost),
                "replayed": {
                    "messages": self.replayed.messages,
                    "missing": len(self.replayed.missing),
                    "strangers": len(self.replayed.strangers),
                    "seconds": round(self.replayed.seconds, 3),
                },
                "sent_again": self.sent_again,
                "seconds": round(self.seconds, 3),
                "latency": {
                    "bigquery": _milliseconds(found.bigquery.latency),
                    "archive": _milliseconds(found.archive.latency),
                },
                "restarts": dict(self.restarts),
                "lookups": {layer: dict(answers) for layer, answers in self.lookups.items()},
                "change_seconds": self.change_seconds,
            },
            indent=2,
        )


def show(console: Console, result: Result) -> None:
    found = result.reconciliation
    table = Table("", title="By id, from the devices to each sink", show_header=False)
    table.add_column(justify="right")
    table.add_column()
    resent = f"{result.sent_again} of them sent again after the broker lost a session" if result.sent_again else ""
    table.add_row("published", f"{found.published}", resent)
    table.add_row("bridged", f"{result.bridged}", "copies, as the bridge counted")
    table.add_row("enriched", f"{result.enriched}", "copies, as the job counted")
    table.add_row("rows in BigQuery", f"{found.bigquery.copies}", f"{found.bigquery.duplicates} duplicates")
    table.add_row("lines in the archive", f"{found.archive.copies}", f"{found.archive.duplicates} duplicates")
    table.add_row("dead-lettered", f"{found.dead_lettered}", _reasons(result.dead_letters))
    again = result.replayed
    table.add_row("replayed from there", f"{again.messages}", f"{again.seconds:.1f} s, {len(again.missing)} missing")
    lost = len(result.lost)
    table.add_row("lost", f"[{'bold red' if lost else 'bold green'}]{lost}", escape(_first(result.lost)))
    strangers = [*found.strangers, *again.strangers]
    if strangers:
        table.add_row("strangers", f"{len(strangers)}", escape(_first(strangers)))
    table.add_row("device to BigQuery", *_latency_cells(found.bigquery.latency))
    table.add_row("device to archive", *_latency_cells(found.archive.latency))
    table.add_row("seconds", f"{result.seconds:.1f}", f"{found.published / max(result.seconds, 0.001):.0f} messages/s")
    for layer, answers in result.lookups.items():
        said = ", ".join(f"{answer} {count}" for answer, count in sorted(answers.items()) if answer in ANSWERS)
        table.add_row(f"devices asked of {layer}", f"{_asked(answers)}", said)
    if result.change_seconds is not None:
        table.add_row("a changed device", f"{result.change_seconds:.2f} s", "until an enriched message said so")
    if result.restarts:
        table.add_row("started again", f"{sum(result.restarts.values())}", ", ".join(result.restarts))
    console.print(table)


def show_where_to_look(console: Console, warehouse: Warehouse, archive: Archive) -> None:
    """A query with its rows, and objects."""
    console.print(f"\n{warehouse.example}", soft_wrap=True, highlight=False)
    table = Table()
    rows = list(warehouse.rows(warehouse.example))
    for name in rows[0] if rows else ():
        table.add_column(name)
    for row in rows[:SHOWN]:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    console.print(table)
    names = archive.objects()
    console.print(f"\n{len(names)} objects in gs://{archive.bucket}, such as", soft_wrap=True)
    for name in names[:SHOWN]:
        console.print(f"  {name}", soft_wrap=True, highlight=False)


def _milliseconds(latency: Latency | None) -> dict[str, Any]:
    return {"p50": latency and round(latency.p50, 1), "p99": latency and round(latency.p99, 1)}


def _latency_cells(latency: Latency | None) -> tuple[str, str]:
    return (f"{latency.p50:.0f} ms", f"p50; p99 {latency.p99:.0f} ms") if latency else ("", "nothing arrived")


def _asked(answers: Mapping[str, int]) -> int:
    return sum(answers.get(answer, 0) for answer in ANSWERS)


def _reasons(letters: Sequence[DeadLetter]) -> str:
    counts = Counter((letter.stage, letter.reason) for letter in letters)
    return escape(", ".join(f"{stage}: {reason} {count}" for (stage, reason), count in counts.most_common()))


def _first(ids: Sequence[str]) -> str:
    return ", ".join(ids[:SHOWN]) + (", …" if len(ids) > SHOWN else "")
