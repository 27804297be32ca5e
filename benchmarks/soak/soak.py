"""Everything at once: devices send, the network and Pub/Sub fail, the bridge is killed; then peace, and the count."""

import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.soak.fleet import Fleet
from benchmarks.soak.killing import KilledBridge
from benchmarks.soak.ledger import LONGEST_RECOVERY, Count, Ledger, failures
from benchmarks.soak.stand import stand
from benchmarks.soak.weather import Weather
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault

FAILING_BEFORE, FAILING_AFTER = 0.03, 0.02  # of all publish requests
PUBLISH_SECONDS = 0.05  # what a publish takes in the cloud: without it hardly anything is in flight at a kill
QUIET = 3.0  # seconds at rest after which nothing more will come


@dataclass(frozen=True, slots=True)
class Plan:
    """`rate` in messages per second. The same seed throws the same dice; what they meet depends on timing."""

    messages: int = 100_000
    kills: int = 25
    rate: float = 800.0
    seed: int = 1
    planted_loss: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """`own_exits` are exit codes of a bridge that ended unasked; a supervisor started it again."""

    plan: Plan
    count: Count
    kills: int
    resets: int
    blackholes: int
    failed_publishes: int
    own_exits: list[int]
    sending_seconds: float
    recovery_seconds: float
    failures: list[str]

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "passed": not self.failures}


def soak(plan: Plan, cloud: LocalCloud) -> Report:
    """Runs the plan against `cloud`, to which the environment's variables must point."""
    ledger = Ledger()
    module = "benchmarks.soak.planted_loss" if plan.planted_loss else "bridge"
    with (
        tempfile.TemporaryDirectory(prefix="soak-") as folder,
        stand(Path(folder), ledger) as place,
        KilledBridge(module, place.configuration, Path(folder) / "bridge.log") as bridge,
    ):
        began = time.monotonic()
        weather = Weather(place.chaos, plan.seed)
        fleet = Fleet(place.broker_port, plan.messages, plan.rate, ledger)
        with _failing_publishes(cloud, place.pubsub_topic, plan.seed), weather, fleet:
            bridge.kill_while(lambda: fleet.sending, plan.kills, plan.messages / plan.rate, random.Random(plan.seed))
        last_fault = time.monotonic()
        _recover(bridge, ledger)
        recovered = time.monotonic()
    count = ledger.count()
    return Report(
        plan=plan,
        count=count,
        kills=bridge.kills,
        resets=weather.resets,
        blackholes=weather.blackholes,
        failed_publishes=_failed_publishes(cloud, place.pubsub_topic),
        own_exits=bridge.own_exits,
        sending_seconds=round(last_fault - began, 1),
        recovery_seconds=round(recovered - last_fault, 1),
        failures=[*failures(count, plan.messages, recovered - last_fault), *_failures(plan, bridge)],
    )


@contextmanager
def _failing_publishes(cloud: LocalCloud, pubsub_topic: str, seed: int) -> Iterator[None]:
    faults = [
        Fault("pubsub.Publish", pubsub_topic, "delay", seconds=PUBLISH_SECONDS),
        Fault("pubsub.Publish", pubsub_topic, when="before", share=FAILING_BEFORE, seed=seed),
        Fault("pubsub.Publish", pubsub_topic, when="after", share=FAILING_AFTER, seed=seed),
    ]
    added = [cloud.faults.add(fault) for fault in faults]
    yield
    for number in added:
        cloud.faults.remove(number)


def _failed_publishes(cloud: LocalCloud, pubsub_topic: str) -> int:
    return sum(one.resource == pubsub_topic and one.action == "fail" for one in cloud.faults.log)


def _recover(bridge: KilledBridge, ledger: Ledger) -> None:
    """Until everything has arrived, or nothing more will, or the time for it is over."""
    until = time.monotonic() + LONGEST_RECOVERY + QUIET
    missing, at_rest_since = ledger.missing, time.monotonic()
    while missing and time.monotonic() < until:
        time.sleep(0.1)
        before, missing = missing, ledger.missing
        if missing < before or not bridge.at_rest:
            at_rest_since = time.monotonic()
        elif time.monotonic() - at_rest_since > QUIET:
            return


def _failures(plan: Plan, bridge: KilledBridge) -> list[str]:
    found = []
    if bridge.kills < plan.kills:
        found.append(f"only {bridge.kills} of {plan.kills} kills were possible: give more messages or a lower rate")
    if bridge.own_exits:
        found.append(f"the bridge ended of its own {len(bridge.own_exits)} times, exit codes {bridge.own_exits}")
    return found
