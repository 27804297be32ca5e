"""What is not as the links say: missing, superfluous, or broader than planned. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from director.iam.bindings import PROJECTS, Binding
from director.iam.plan import Change, World
from director.iam.policies import Policy, grants
from director.iam.roles import EVERYONE, too_broad
from director.keys import Key


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One grant that is not as it should be, and what to do. The director takes nothing away that it did not give."""

    binding: Binding
    problem: Literal["missing", "superfluous", "broader"]
    why: str

    def __str__(self) -> str:
        return f"{self.problem:11} {self.binding}: {self.why}"


def findings(
    changes: Iterable[Change],
    wanted: Iterable[Binding],
    chosen: Iterable[Binding],
    world: World,
    also: Iterable[Key] = (),
) -> tuple[Finding, ...]:
    """`wanted` is what the whole architecture needs, `chosen` the part that is looked at; and `also` these places."""
    changes, chosen = tuple(changes), tuple(chosen)
    own = [_own(change) for change in changes if change.action in ("grant", "wait", "revoke")]
    known = {(one.resource, one.grant) for one in wanted} | {(one.binding.resource, one.binding.grant) for one in own}
    known |= {(key, grant) for key, claimed in world.claims.items() for grant in claimed if claimed[grant].by}
    places = {one.resource for one in chosen} | set(also) | {key for key in world.policies if key[0] == PROJECTS}
    broad = _broader({one.member for one in chosen}, places, known, world.policies)
    return tuple(sorted([*own, *broad]))


def _own(change: Change) -> Finding:
    if change.action == "revoke":
        return Finding(change.binding, "superfluous", f"{change.why}; apply takes it away")
    advice = "" if change.action == "wait" else "; apply grants it"
    return Finding(change.binding, "missing", f"{change.why}{advice}")


def _broader(
    members: set[str],
    places: Iterable[Key],
    known: set[tuple[Key, tuple[str, str]]],
    policies: Mapping[Key, Policy | None],
) -> Iterator[Finding]:
    for resource in places:
        for role, member, limited in sorted(grants(policies.get(resource) or {})):
            if limited or (resource, (role, member)) in known:
                continue
            if member in members - _agents(members, resource) or member in EVERYONE:
                yield Finding(Binding(*resource, role, member), "broader", _advice(resource, role, member))


def _agents(members: set[str], resource: Key) -> set[str]:
    """Google gives its agents their role on the project itself."""
    return {each for each in members if resource[0] == PROJECTS and "@gcp-sa-" in each}


def _advice(resource: Key, role: str, member: str) -> str:
    why = too_broad(role, member)
    if why is None and resource[0] == PROJECTS:
        why = "holds for everything in the project, and no link asks for that"
    return f"{why or 'no link asks for it'}; it is not the director's, take it away by hand"
