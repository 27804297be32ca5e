"""What has to happen for the observed world to become the wanted one. Pure: the same input, the same plan."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_type_hints

from director.keys import Key
from director.provisioning.base import Observed, Owner, Rule, Verdict, Wanted, mutable

Action = Literal[
    "create", "update", "none", "refuse", "delete", "confirm", "keep", "grant", "revoke", "release", "wait"
]


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be done to one resource and why; `fields` are those that an update touches.

    A teardown has `delete`, `confirm` (a delete that loses data, so somebody has to want it) and `keep`. Rights have
    `grant`, `revoke`, `release` (it stays, but no longer for us) and `wait` (for what is not made here); a resource
    may `wait` as well.
    """

    action: Action
    kind: str
    name: str
    reasons: tuple[str, ...] = ()
    fields: frozenset[str] = frozenset()

    @property
    def key(self) -> Key:
        return self.kind, self.name

    def __str__(self) -> str:
        because = f": {'; '.join(self.reasons)}" if self.reasons else ""
        return f"{self.action:7} {self.kind} {self.name}{because}"


Plan = tuple[Change, ...]


def plan(wanted: Iterable[Wanted[Any]], observed: Mapping[Key, Observed[Any] | None]) -> Plan:
    """The change of each resource, those that others need first."""
    return tuple(change(resource, observed[resource.key]) for layer in layers(wanted) for resource in layer)


def change(wanted: Wanted[Any], observed: Observed[Any] | None) -> Change:
    if observed is None and wanted.waits:
        return Change("wait", *wanted.key, reasons=(wanted.waits,))
    if observed is None:
        return Change("create", *wanted.key, reasons=("does not exist",))
    if wanted.owner and observed.owner != wanted.owner:
        return Change("refuse", *wanted.key, reasons=(foreign(observed.owner, handover(wanted.owner)),))
    different = verdicts(wanted.state, observed.state)
    refused = tuple(f"{name}: {verdict.reason}" for name, verdict in different.items() if verdict.action == "refuse")
    if refused:
        return Change("refuse", *wanted.key, reasons=refused)
    if different:
        reasons = tuple(f"{name}: {verdict.reason}" for name, verdict in different.items())
        return Change("update", *wanted.key, reasons=reasons, fields=frozenset(different))
    return Change("none", *wanted.key)


def layers(wanted: Iterable[Wanted[Any]]) -> list[list[Wanted[Any]]]:
    """Resources that need nothing, then those that need only these, and so on; each in the order given."""
    waiting = list(wanted)
    known = {resource.key for resource in waiting}
    done: set[Key] = set()
    found = []
    while waiting:
        layer = [resource for resource in waiting if not (set(resource.needs) & known) - done]
        if not layer:
            raise ValueError(f"resources need each other in a circle: {[resource.full_name for resource in waiting]}")
        done |= {resource.key for resource in layer}
        waiting = [resource for resource in waiting if resource.key not in done]
        found.append(layer)
    return found


def users(wanted: Iterable[Wanted[Any]]) -> dict[Key, list[Wanted[Any]]]:
    """By resource: those that need it."""
    found: dict[Key, list[Wanted[Any]]] = {}
    for resource in wanted:
        for need in resource.needs:
            found.setdefault(need, []).append(resource)
    return found


def with_needs(wanted: Sequence[Wanted[Any]], chosen: Iterable[Wanted[Any]]) -> tuple[Wanted[Any], ...]:
    """The chosen resources and everything they need, in the order of `wanted`."""
    by_key = {resource.key: resource for resource in wanted}
    keys: set[Key] = set()
    waiting = [resource.key for resource in chosen]
    while waiting:
        key = waiting.pop()
        if key not in keys and key in by_key:
            keys.add(key)
            waiting += by_key[key].needs
    return tuple(resource for resource in wanted if resource.key in keys)


def verdicts(wanted: Any, live: Any) -> dict[str, Verdict]:
    """By field: what a difference there comes to."""
    found = {}
    for name, rule in _rules(wanted.__class__).items():
        verdict = rule(getattr(live, name), getattr(wanted, name))
        if verdict:
            found[name] = verdict
    return found


@cache
def _rules(state: Any) -> dict[str, Rule]:
    hints = get_type_hints(state, include_extras=True)
    return {name: getattr(hint, "__metadata__", (mutable,))[0] for name, hint in hints.items()}


def foreign(theirs: Owner | None, way_out: str = "") -> str:
    """Whose it is, and what people can do where it is in the way."""
    whose = f"belongs to dataflow '{theirs.dataflow}' of '{theirs.architecture}'" if theirs else "is not ours"
    return f"exists and {whose}" + (f"; {way_out}" if way_out else "")


def handover(ours: Owner) -> str:
    wanted = ", ".join(f"{key}={value}" for key, value in ours.labels().items())
    return f"use another name, or hand it over by setting its labels to {wanted}"
