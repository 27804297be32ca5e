"""What has to happen for the live policies to have the bindings that are wanted, and no more of ours. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from director.iam.bindings import ACCOUNTS, SECRETS, Binding, Grant, of_dataflow
from director.iam.claims import Claim, Claimed
from director.iam.policies import Policy, unconditional
from director.keys import Key

OFTEN_ANOTHERS = (SECRETS, ACCOUNTS)
Action = Literal["grant", "revoke", "release", "keep", "wait"]


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """What is to become of one binding, and why.

    grant    it is missing
    revoke   we put it there, and nothing wants it any more
    release  this architecture no longer wants it, yet it stays: another does, or it was there before us, or is gone
    keep     it is there
    wait     its resource is not there yet
    """

    binding: Binding
    action: Action
    why: str

    def __str__(self) -> str:
        return f"{self.action:7} {self.binding}: {self.why}"


@dataclass(frozen=True, slots=True)
class World:
    """What was found: policies (None where there is no such resource) and the claims; and what a dataflow makes."""

    policies: Mapping[Key, Policy | None]
    claims: Mapping[Key, Claimed]
    made: frozenset[Key] = frozenset()

    def has(self, resource: Key, grant: Grant) -> bool:
        policy = self.policies.get(resource)
        return policy is not None and grant in unconditional(policy)

    def claim(self, resource: Key, grant: Grant) -> Claim | None:
        return self.claims.get(resource, {}).get(grant)


def plan(wanted: Iterable[Binding], world: World, architecture: str, dataflow: str | None = None) -> tuple[Change, ...]:
    """Of the whole architecture; or, of all that it wants, only what concerns one dataflow. Sorted."""
    wanted = tuple(wanted)
    return tuple(sorted([*needed(wanted, world, dataflow), *_departures(wanted, world, architecture, dataflow)]))


def needed(wanted: Iterable[Binding], world: World, dataflow: str | None = None) -> tuple[Change, ...]:
    """Only what is wanted, and nothing of what is to go. Sorted."""
    return tuple(sorted(_for(binding, world) for binding in of_dataflow(wanted, dataflow)))


def claims_of(binding: Binding, architecture: str) -> frozenset[str]:
    return frozenset(f"{architecture}/{dataflow}" for dataflow in binding.dataflows)


def stale(held: frozenset[str], still: frozenset[str], architecture: str, dataflow: str | None) -> frozenset[str]:
    """Of the claims held, those of this architecture, or of one dataflow, that it no longer bears out."""
    if dataflow is not None:
        return held & {f"{architecture}/{dataflow}"} - still
    return frozenset(each for each in held if each.startswith(f"{architecture}/")) - still


def _for(binding: Binding, world: World) -> Change:
    why = "; ".join(binding.reasons)
    if world.policies.get(binding.resource) is None:
        others = binding.kind in OFTEN_ANOTHERS and binding.resource not in world.made
        first = "create it" if others else "apply the dataflow"
        return Change(binding, "wait", f"{why}; the resource is not there yet: {first} first")
    if not world.has(binding.resource, binding.grant):
        return Change(binding, "grant", why)
    claim = world.claim(binding.resource, binding.grant)
    adopted = claim is None or not claim.ours
    return Change(binding, "keep", f"{why} (was there before: never revoked)" if adopted else why)


def _departures(wanted: tuple[Binding, ...], world: World, architecture: str, dataflow: str | None) -> Iterator[Change]:
    still = {(one.resource, one.grant): claims_of(one, architecture) for one in wanted}
    for resource, claimed in world.claims.items():
        for grant, claim in claimed.items():
            by = still.get((resource, grant), frozenset())
            gone = stale(claim.by, by, architecture, dataflow)
            begun = not claim.by and not by  # a removal that never ended
            if gone or begun:
                left = claim.by - gone | by
                yield _departure(Binding(*resource, *grant), claim, left, gone, world)


def _departure(binding: Binding, claim: Claim, left: frozenset[str], gone: frozenset[str], world: World) -> Change:
    why = f"no link of {', '.join(sorted(gone)) or 'anything'} asks for it any more"
    if left:
        return Change(binding, "release", f"{why}, but {', '.join(sorted(left))} does")
    if not world.has(binding.resource, binding.grant):
        return Change(binding, "release", f"{why}, and it is gone already")
    if not claim.ours:
        return Change(binding, "release", f"{why}, but it was there before us: take it away by hand if nobody needs it")
    return Change(binding, "revoke", why)
