"""The race of the bridges: MQTT at QoS 1 into Pub/Sub, acknowledged once published.

One broker, one Pub/Sub server, one machine, each contender in a process of its own. In every round each one drains the
same queue, then carries live messages at 1,000/s and at half of the rate it has just drained at. In the first round
ours also makes a long run for its memory. What is compared and how is told in docs/benchmarks.md.
"""

import math
import signal
import sys
from collections.abc import Callable, Sequence

from benchmarks.bridge.contenders import OURS, RECEIVER, Contender, contenders
from benchmarks.bridge.drain import drain
from benchmarks.bridge.latency import latency, long_run
from benchmarks.bridge.stand import Incomplete
from benchmarks.chart import Panel, chart
from benchmarks.race import Absent, Bar, Metrics, Rows, race

QUIET_RATE = 1_000.0
P99 = "p99 ms at 1k/s"
PANELS = (
    Panel("msg/s", "messages per second\n(longer is better)"),
    Panel("msg/CPU-s", "messages per CPU-second\n(longer is better)"),
    Panel(P99, "p99 latency at 1,000/s, ms\n(shorter is better)"),
)


def main(argv: Sequence[str]) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all that was started is ended too
    racing = contenders()
    runs = {who: _run(who, contender) for who, contender in racing.items()}
    return race("bridge", runs, bars, argv, prepare=lambda who: racing[who].install(), draw=chart("bridge", PANELS))


def _run(who: str, contender: Contender) -> Callable[[], Metrics]:
    """A peer may miss a round, and the reason is kept; ours must not."""
    runs = 0

    def run() -> Metrics:
        nonlocal runs
        runs += 1
        try:
            return {**_round(contender), **(long_run(contender) if who.startswith(OURS) and runs == 1 else {})}
        except Incomplete as error:
            if who.startswith(OURS):
                raise
            raise Absent(str(error)) from error

    return run


def _round(contender: Contender) -> dict[str, float]:
    metrics = dict(drain(contender))
    if contender.publishes:
        quiet = latency(contender, QUIET_RATE, contender.hold_when_quiet)
        busy = latency(contender, metrics["msg/s"] / 2, contender.hold)
        metrics |= dict(zip(("p50 ms at 1k/s", P99), quiet, strict=True))
        metrics |= dict(zip(("p50 ms at half peak", "p99 ms at half peak"), busy, strict=True))
    return metrics


def bars(rows: Rows) -> list[Bar]:
    ours = rows[OURS]
    others = [row for who, row in rows.items() if not who.startswith(OURS) and who != RECEIVER]
    # Where nobody is there to compare with, a bar falls short: it is not shown to be reached.
    receiver = rows.get(RECEIVER, {"msg/s": math.inf})["msg/s"]
    quickest = min((row[P99] for row in others), default=1e-9)
    return [
        Bar("msg/s against the best of the others", ours["msg/s"] / _best(others, "msg/s"), 3.0),
        Bar("msg/CPU-s against the best of the others", ours["msg/CPU-s"] / _best(others, "msg/CPU-s"), 8.0),
        Bar("msg/s against mosquitto_sub merely receiving", ours["msg/s"] / receiver, 1.0),
        Bar("p99 at 1k/s against the best of the others", ours[P99] / quickest, 1.0, True),
        Bar("growth of memory from 25 % to 100 % of a long run, %", ours["growth %"], 5.0, True),
    ]


def _best(rows: Sequence[Metrics], metric: str) -> float:
    return max((row[metric] for row in rows), default=math.inf)
