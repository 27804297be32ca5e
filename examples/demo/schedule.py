"""Which device sends what when: decided before anything runs, so that a slow system cannot slow its own test down.

Pure and repeatable: the same plan gives the same messages, in this process and in one started again in its place.
"""

import heapq
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Literal

Kind = Literal["good", "late", "truncated", "binary"]
MALFORMED: frozenset[Kind] = frozenset({"truncated", "binary"})
LATEST_HOURS = 48.0


@dataclass(frozen=True, slots=True)
class Plan:
    """`messages` in all: `rate` a second, and at once `burst_size` more every `burst_every` seconds.

    `unknown_devices` of the devices are in no register. Shares are of all messages, 0 to 1.
    """

    messages: int = 30_000
    rate: float = 500.0
    seed: int = 1
    devices: int = 200
    unknown_devices: int = 3
    late_share: float = 0.0
    malformed_share: float = 0.0
    burst_size: int = 0
    burst_every: float = 10.0

    def __post_init__(self) -> None:
        for name in ("messages", "rate", "devices", "burst_every"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}: {getattr(self, name)} is not above 0")
        for name in ("unknown_devices", "burst_size"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: {getattr(self, name)} is negative")
        for name in ("late_share", "malformed_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: {getattr(self, name)} is not between 0 and 1")
        if self.late_share + self.malformed_share > 1:
            raise ValueError("late_share and malformed_share are more than 1 together")


@dataclass(frozen=True, slots=True)
class Planned:
    """One message: due `offset` seconds after the start; a late one tells a time `hours_late` before that."""

    serial: int
    device: str
    kind: Kind
    offset: float
    hours_late: float = 0.0


def schedule(plan: Plan) -> Iterator[Planned]:
    """All messages of `plan` in the order they are due."""
    dice = random.Random(plan.seed)
    devices = _devices(plan)
    for serial, offset in zip(range(1, plan.messages + 1), _offsets(plan), strict=False):
        device = devices[int(dice.random() * len(devices))]
        kind = _kind(plan, dice.random())
        yield Planned(serial, device, kind, offset, 1 + dice.random() * (LATEST_HOURS - 1) if kind == "late" else 0.0)


def _devices(plan: Plan) -> list[str]:
    known = [f"device-{number:04d}" for number in range(1, plan.devices + 1)]
    return known + [f"device-unknown-{number}" for number in range(1, plan.unknown_devices + 1)]


def _offsets(plan: Plan) -> Iterator[float]:
    steady = (number / plan.rate for number in count())
    if not plan.burst_size:
        return steady
    bursts = (number * plan.burst_every for number in count(1) for _ in range(plan.burst_size))
    return heapq.merge(steady, bursts)


def _kind(plan: Plan, chance: float) -> Kind:
    if chance < plan.malformed_share:
        return "truncated" if chance < plan.malformed_share / 2 else "binary"
    return "late" if chance < plan.malformed_share + plan.late_share else "good"
