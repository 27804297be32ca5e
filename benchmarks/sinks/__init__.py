"""The race of the sinks: enriched messages into BigQuery's rows and Cloud Storage's objects.

What is compared and how is told in docs/benchmarks.md.
"""

import logging
from collections.abc import Callable, Sequence

from benchmarks.chart import Panel, chart
from benchmarks.cloud import localcloud
from benchmarks.race import Bar, Metrics, Rows, race
from benchmarks.sinks import archive, warehouse, workload

MANY, FEW = 200_000, 5_000  # messages a contender gets, by what it needs for each
FEWER, MORE = 100_000, 1_000_000

WRITE, INSERTS = "warehouse", "WriteToBigQuery streaming inserts"
DURABLE, EMBEDDED = "archive durable", "archive embedded"
READY = "archive ready lines"
FOLDERS = "archive 100k open folders"
PEERS = {
    "GroupIntoBatches": archive.group_into_batches,
    "GroupIntoBatches.WithShardedKey": archive.with_sharded_key,
    "fileio.WriteToFiles": archive.write_to_files,
}
PER_CORE, COST = "rows/CPU-s", "us CPU/msg"
PANELS = (
    Panel(PER_CORE, "rows per CPU-second, log scale\n(longer is better)", log=True),
    Panel("msg/s", "messages archived per second\n(longer is better)"),
)


def main(argv: Sequence[str]) -> int:
    logging.disable(logging.WARNING)
    with localcloud(), warehouse.server():
        archive.create_bucket()
        return race("sinks", _contenders(), bars, argv, draw=chart("sinks", PANELS, ours=("warehouse", "archive")))


def _contenders() -> dict[str, Callable[[], Metrics]]:
    work = workload.enriched(MANY)
    lines = archive.ready_lines(work)
    return {
        WRITE: lambda: warehouse.storage_write(work),
        INSERTS: lambda: warehouse.streaming_inserts(work[:FEW]),
        DURABLE: lambda: archive.durable(work),
        EMBEDDED: lambda: archive.embedded(work),
        READY: lambda: archive.gathered_first(lines),
        **{name: _with(run, lines) for name, run in PEERS.items()},
        _flat(FEWER): lambda: archive.embedded(work[:FEWER]),
        _flat(MORE): lambda: archive.embedded(work, passes=MORE // MANY),
        FOLDERS: archive.many_folders,
    }


def _with(run: Callable[[Sequence[bytes]], Metrics], work: Sequence[bytes]) -> Callable[[], Metrics]:
    return lambda: run(work)


def _flat(count: int) -> str:
    return f"archive embedded {count // 1_000}k messages"


def bars(rows: Rows) -> list[Bar]:
    best = max(rows[name]["msg/s"] for name in PEERS)
    few, many = (rows[_flat(count)][COST] for count in (FEWER, MORE))
    budget = archive.config("any").open_bytes / 1e6
    return [
        Bar(
            "warehouse, rows per core against streaming inserts", rows[WRITE][PER_CORE] / rows[INSERTS][PER_CORE], 20.0
        ),
        Bar("archive against the best of the others, ready lines", rows[READY]["msg/s"] / best, 2.5),
        Bar("CPU a message, 1,000,000 messages against 100,000", many / few, 1.15, True),
        Bar("MB for 100,000 open folders, budget", rows[FOLDERS]["MB at most"], budget, True),
    ]
