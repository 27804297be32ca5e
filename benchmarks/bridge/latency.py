"""From a device to Pub/Sub at a steady rate, and memory over a long run.

A message carries the time at which its device sent it; the Publish server notes when the request came that holds it.
Both clocks are the machine's. Devices go on for a while before the first message that counts.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.bridge import devices, observer
from benchmarks.bridge.contenders import CLIENT_ID, Contender
from benchmarks.bridge.devices import Fleet
from benchmarks.bridge.stand import Incomplete, Stand, child, stand, wait_for
from benchmarks.race import Metrics

WARM_UP, MEASURED = 1.5, 4.0  # seconds
LONGEST = 60.0  # seconds until all that was sent has arrived
LONG_RUN, LONG_RUN_RATE = 40.0, 25_000.0


@dataclass(frozen=True, slots=True)
class Live:
    """A contender at work on what devices send."""

    at: Stand
    fleet: Fleet
    pid: int

    def arrived(self) -> bool:
        return self.at.published() >= self.fleet.sent

    def wait(self) -> None:
        wait_for(self.arrived, LONGEST, f"all of {self.fleet.sent:,} messages at Pub/Sub", every=0.2)


def latency(
    contender: Contender, rate: float, hold: float, warm_up: float = WARM_UP, measured: float = MEASURED
) -> tuple[float, float]:
    """p50 and p99 in milliseconds. Raises Incomplete where a message or an attribute is missing, or comes too late."""
    with _live(contender, hold) as live:
        live.fleet.send_at(rate, warm_up)
        live.at.ask("Record")
        first = live.fleet.sent
        live.fleet.send_at(rate, measured)
        sent = live.fleet.sent
        live.wait()
        recorded = live.at.recorded()
    delays = {serial: delay for serial, delay in recorded["delays"] if serial >= first}
    if len(delays) < sent - first:
        raise Incomplete(f"{sent - first - len(delays):,} of {sent - first:,} messages did not come to Pub/Sub")
    if missing := contender.attributes - set(recorded["attributes"]):
        raise Incomplete(f"messages lack attributes: {', '.join(sorted(missing))}")
    return quantile(list(delays.values()), 0.5) / 1e6, quantile(list(delays.values()), 0.99) / 1e6


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def long_run(contender: Contender) -> Metrics:
    """Memory at a quarter of a million messages and at the end of four times as many. Raises Incomplete."""
    with _live(contender, contender.hold) as live:
        live.fleet.send_at(LONG_RUN_RATE, LONG_RUN / 4)
        live.wait()
        early = observer.megabytes(live.pid, "VmRSS")
        live.fleet.send_at(LONG_RUN_RATE, LONG_RUN * 3 / 4)
        live.wait()
        late = observer.megabytes(live.pid, "VmRSS")
    return {"MB at 25 %": early, "MB at 100 %": late, "growth %": (late / early - 1) * 100}


@contextmanager
def _live(contender: Contender, hold: float) -> Iterator[Live]:
    """Ready once a first message has come through. Raises Incomplete for whatever takes too long."""
    with stand() as at:
        devices.open_session(at.mqtt_port, CLIENT_ID, contender.protocol)
        command, environment = contender.start(at, hold)
        with child(command, at.log, environment) as process, devices.fleet(at.mqtt_port) as fleet:
            live = Live(at, fleet, process.pid)
            fleet.send(1)
            try:
                live.wait()
                yield live
            except TimeoutError as error:
                raise Incomplete(f"{error}; {at.last_words()}") from error
