"""A plan as data that can be shown, kept, sent, and held against the world again. Pure."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from director.errors import Misconfigured, Moved
from director.keys import Key
from director.provisioning.base import Observed, Wanted
from director.provisioning.fingerprints import fingerprint
from director.provisioning.plan import Change

Purpose = Literal["apply", "teardown", "rollback"]
VERSION = 1
REMEMBERED = 64


@dataclass(frozen=True, slots=True)
class PlanDocument:
    """What would be done to a dataflow, or to the part of it that `service` or `resource` names.

    `facts` are fingerprints of what each resource should be and is; `hash`, over everything here, moves when the
    document or the world does.
    """

    architecture: str
    dataflow: str
    purpose: Purpose
    changes: tuple[Change, ...]
    facts: Mapping[Key, str]
    service: str | None = None
    resource: str | None = None
    hash: str = ""

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    def __str__(self) -> str:
        return "\n".join([*map(str, self.changes), self.conclusion])

    @property
    def conclusion(self) -> str:
        """The last line: the hash, and how much is to be done."""
        actions = [change.action for change in self.changes]
        counts = ", ".join(f"{actions.count(action)} {action}" for action in dict.fromkeys(actions))
        part = self.service or self.resource
        what = f"{self.dataflow} ({part})" if part else self.dataflow
        return f"hash {self.hash} {self.purpose} of {what}: {counts or 'nothing'}"

    def to_json(self) -> dict[str, Any]:
        """JSON's types only; the same plan, the same JSON."""
        return {
            "version": VERSION,
            "architecture": self.architecture,
            "dataflow": self.dataflow,
            "service": self.service,
            "resource": self.resource,
            "purpose": self.purpose,
            "hash": self.hash,
            "changes": [
                {
                    "action": change.action,
                    "kind": change.kind,
                    "name": change.name,
                    "reasons": list(change.reasons),
                    "fields": sorted(change.fields),
                    "facts": self.facts[change.key],
                }
                for change in self.changes
            ],
        }

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Raises Misconfigured for anything that `to_json` did not give, or that was changed since."""
        try:
            changes = tuple(_change(one) for one in data["changes"])
            facts = {(one["kind"], one["name"]): str(one["facts"]) for one in data["changes"]}
            part = {name: data[name] for name in ("architecture", "dataflow", "purpose", "service", "resource")}
            found = cls(changes=changes, facts=facts, hash=data["hash"], **part)
            sound = data["version"] == VERSION and found.hash == found.hashed().hash
        except (KeyError, TypeError, ValueError) as error:
            raise Misconfigured("this is no plan of the director; write one with plan --out") from error
        if not sound:
            raise Misconfigured("this plan was changed, or is of another version; write it anew with plan --out")
        return found

    def hashed(self) -> Self:
        data = replace(self, hash="").to_json()
        return replace(self, hash=fingerprint(data))

    def moved(self, since: "PlanDocument") -> tuple[str, ...]:
        """A line for each resource that is not what it was in the plan `since`, or has other things done to it."""
        now, then = ({change.key: change for change in plan} for plan in (self, since))
        lines = []
        for key in dict.fromkeys((*then, *now)):
            if key not in now:
                lines.append(f"{' '.join(key)}: no longer in the document")
            elif key not in then:
                lines.append(f"{' '.join(key)}: new in the document, now {_short(now[key])}")
            elif now[key] == then[key] and self.facts[key] != since.facts[key]:
                lines.append(
                    f"{' '.join(key)}: {_short(now[key])} as before, but what is there, or wanted, has changed"
                )
            elif now[key] != then[key]:
                lines.append(f"{' '.join(key)}: was {_short(then[key])}, now {_short(now[key])}")
        return tuple(lines)


class Shown:
    """The plans that were shown last, to say of one that no longer fits what has moved since."""

    def __init__(self) -> None:
        self._by_hash: dict[str, PlanDocument] = {}

    def show(self, plan: PlanDocument) -> PlanDocument:
        self._by_hash[plan.hash] = plan
        for oldest in list(self._by_hash)[:-REMEMBERED]:
            self._by_hash.pop(oldest, None)
        return plan

    def check(self, plan_hash: str | None, now: PlanDocument) -> None:
        """Raises Moved where a plan was agreed to, and another would be carried out now."""
        if plan_hash is None or plan_hash == now.hash:
            return
        shown = self._by_hash.get(plan_hash)
        moved = now.moved(shown) if shown else tuple(f"now {change}" for change in now if change.action != "none")
        raise Moved(
            f"plan {plan_hash[:12]} of dataflow '{now.dataflow}' no longer fits, so nothing was touched; "
            f"plan again and look at it ({now.hash[:12]} now)",
            moved,
        )


def facts(
    wanted: Iterable[Wanted[Any]], observed: Mapping[Key, Observed[Any] | None], also: Mapping[Key, Any]
) -> dict[Key, str]:
    """`also` is what else each resource is made of, beyond its state."""
    return {one.key: fingerprint(_facts(one, observed[one.key], also.get(one.key))) for one in wanted}


def _facts(wanted: Wanted[Any], observed: Observed[Any] | None, also: Any) -> Sequence[Any]:
    return wanted.state, wanted.owner, also, observed and (observed.state, observed.owner)


def _change(data: Any) -> Change:
    return Change(data["action"], data["kind"], data["name"], tuple(data["reasons"]), frozenset(data["fields"]))


def _short(change: Change) -> str:
    return f"{change.action} ({'; '.join(change.reasons)})" if change.reasons else change.action


def is_hash(text: str) -> bool:
    """Whether it may be one of a plan."""
    return re.fullmatch("[0-9a-f]{64}", text) is not None


def written(plans: Iterable[PlanDocument]) -> str:
    """Several plans in one file."""
    return json.dumps({"plans": [plan.to_json() for plan in plans]}, indent=2) + "\n"


def read(text: str) -> list[PlanDocument]:
    """Raises Misconfigured."""
    try:
        found = json.loads(text)["plans"]
    except (ValueError, KeyError, TypeError) as error:
        raise Misconfigured("this is no file of plans; write one with plan --out") from error
    if not isinstance(found, list):
        raise Misconfigured("this is no file of plans; write one with plan --out")
    return [PlanDocument.from_json(one) for one in found]
