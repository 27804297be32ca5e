"""What became of each change of a plan."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from director.keys import Key
from director.provisioning.plan import Action, Change

Result = Literal[
    "created", "updated", "unchanged", "refused", "failed", "skipped", "deleted", "kept", "absent",
    "granted", "revoked", "released", "waiting",
]  # fmt: skip
RESULTS: dict[Action, Result] = {
    "create": "created", "update": "updated", "none": "unchanged", "refuse": "refused", "delete": "deleted",
    "confirm": "refused", "keep": "kept", "wait": "absent",
}  # fmt: skip
_BAD: tuple[Result, ...] = ("refused", "failed", "skipped", "waiting")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one resource or grant, and why where it is not as wanted."""

    kind: str
    name: str
    result: Result
    reason: str = ""

    @property
    def key(self) -> Key:
        return self.kind, self.name

    @property
    def good(self) -> bool:
        return self.result not in _BAD

    def __str__(self) -> str:
        return f"{self.result:9} {self.kind} {self.name}" + (f": {self.reason}" if self.reason else "")


Report = tuple[Outcome, ...]
Progress = Callable[[Outcome], None]
Granting = Callable[[frozenset[Key]], Report]  # of resources that are there now: what was granted on them


def nothing_granted(made: frozenset[Key]) -> Report:
    """Of an apply without rights."""
    return ()


def unheard(outcome: Outcome) -> None:
    """The progress nobody asked for."""


def all_untouched(changes: Iterable[Change], progress: Progress) -> Report:
    outcomes = tuple(_untouched(change) for change in changes)
    for outcome in outcomes:
        progress(outcome)
    return outcomes


def as_planned(change: Change) -> Outcome:
    """Of a change that asks for nothing to be done."""
    return Outcome(*change.key, RESULTS[change.action], "; ".join(change.reasons))


def _untouched(change: Change) -> Outcome:
    if change.action in ("create", "update", "delete"):
        return Outcome(*change.key, "skipped", "another resource is refused, so nothing was touched")
    return as_planned(change)
