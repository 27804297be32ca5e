"""Misbehaviour on command: which calls fail, wait, hang or are cut off, before or after their effect."""

import asyncio
import itertools
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

import grpc

Action = Literal["fail", "delay", "hang", "reset"]
When = Literal["before", "after"]
CODES = frozenset(code.name for code in grpc.StatusCode if code is not grpc.StatusCode.OK)


@dataclass(frozen=True, slots=True)
class Call:
    """One request as faults see it: `pubsub.Publish` on `projects/p/topics/t`."""

    method: str
    resource: str
    body: Callable[[], bytes] = field(default=bytes, compare=False)


@dataclass(frozen=True, slots=True)
class Fault:
    """What to do to which calls.

    `method` and `resource` are shell patterns; `marker` limits the fault to requests that contain that text.
    It strikes the next `calls` matching calls (all, when None), or of those the seeded share `share`.
    `code` is a gRPC status name, also over HTTP. `seconds` is the length of a delay.
    """

    method: str = "*"
    resource: str = "*"
    action: Action = "fail"
    when: When = "before"
    code: str = "UNAVAILABLE"
    message: str = "injected fault"
    seconds: float = 0.0
    calls: int | None = None
    share: float = 1.0
    seed: int = 0
    marker: str = ""

    def __post_init__(self) -> None:
        if self.action not in ("fail", "delay", "hang", "reset"):
            raise ValueError(f"action: {self.action!r} is none of fail, delay, hang, reset")
        if self.when not in ("before", "after"):
            raise ValueError(f"when: {self.when!r} is neither before nor after")
        if self.code not in CODES:
            raise ValueError(f"code: {self.code!r} is no gRPC status name, such as UNAVAILABLE")
        if not 0 < self.share <= 1:
            raise ValueError(f"share: {self.share} is not above 0 and up to 1")
        if self.calls is not None and self.calls < 1:
            raise ValueError(f"calls: {self.calls} is not at least 1")
        if self.seconds < 0:
            raise ValueError(f"seconds: {self.seconds} is negative")


class Struck(Exception):
    """A call met a fault that ends it: `reset` cuts the connection, else `code` is the answer."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Decision:
    """One line of the log: this call met this fault."""

    fault_id: int
    method: str
    resource: str
    action: Action
    when: When


class _Rule:
    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.left = fault.calls
        self._random = random.Random(fault.seed)  # noqa: S311 - repeatable, not secret

    def strikes(self, call: Call, when: When) -> bool:
        fault = self.fault
        if fault.when != when or self.left == 0:
            return False
        if not (fnmatchcase(call.method, fault.method) and fnmatchcase(call.resource, fault.resource)):
            return False
        if fault.marker and fault.marker.encode() not in call.body():
            return False
        if fault.share < 1 and self._random.random() >= fault.share:
            return False
        if self.left is not None:
            self.left -= 1
        return True


class Faults:
    """The faults in force, and a log of every time one struck. Safe to change from any thread."""

    def __init__(self) -> None:
        self._rules: dict[int, _Rule] = {}
        self._ids = itertools.count(1)
        self.log: list[Decision] = []

    def add(self, fault: Fault) -> int:
        number = next(self._ids)
        self._rules = {**self._rules, number: _Rule(fault)}
        return number

    def remove(self, number: int) -> None:
        self._rules = {key: rule for key, rule in self._rules.items() if key != number}

    def clear(self) -> None:
        self._rules = {}

    def active(self) -> list[dict[str, Any]]:
        return [{"id": number, "left": rule.left, **asdict(rule.fault)} for number, rule in self._rules.items()]

    async def before(self, call: Call) -> None:
        await self._meet(call, "before")

    async def after(self, call: Call) -> None:
        await self._meet(call, "after")

    async def _meet(self, call: Call, when: When) -> None:
        for number, rule in self._rules.items():
            if rule.strikes(call, when):
                fault = rule.fault
                self.log.append(Decision(number, call.method, call.resource, fault.action, when))
                await self._strike(number, fault)

    async def _strike(self, number: int, fault: Fault) -> None:
        if fault.action == "delay":
            await asyncio.sleep(fault.seconds)
        elif fault.action == "hang":
            while number in self._rules:
                await asyncio.sleep(0.02)
        else:
            raise Struck(fault)
