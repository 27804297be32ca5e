"""One resource brought to its plan: who wants what is written down first, then the policy, then what is over.

Two that work at once cannot lose a grant between them. A grant is claimed before the policy is looked at. One that is
to go loses its claims first; only while it still has none is it forgotten, and else put back.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from google.api_core.exceptions import BadRequest, NotFound

from director.iam.bindings import Binding, Grant, by_resource, of_dataflow
from director.iam.claims import Claim, Claimed, Claims, Edit
from director.iam.doors import Doors
from director.iam.plan import Change, World, claims_of, stale
from director.iam.policies import Policy, changed, rewrite, unconditional
from director.iam.polling import Polling
from director.keys import Key
from director.retries import Retries

_UNKNOWN_MEMBER = re.compile(r"\b(service ?account|user|group)\b.*does not exist", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Todo:
    """What one resource is to come to: grants with their claims, and those that lose claims of `architecture`."""

    resource: Key
    claims: Mapping[Grant, frozenset[str]]
    leaving: Mapping[Grant, frozenset[str]]  # what is still claimed of each
    architecture: str
    dataflow: str | None


class Settling:
    """`accounts` is how long to wait for a service account that IAM does not know yet."""

    def __init__(self, doors: Doors, claims: Claims, retries: Retries, accounts: Polling) -> None:
        self._doors = doors
        self._claims = claims
        self._retries = retries
        self._accounts = accounts

    def todo(
        self,
        wanted: Iterable[Binding],
        changes: Iterable[Change],
        world: World,
        architecture: str,
        dataflow: str | None,
    ) -> tuple[Todo, ...]:
        """Resources on which anything is to be done, if only written down."""
        still = {(one.resource, one.grant): claims_of(one, architecture) for one in wanted}
        chosen = by_resource(of_dataflow(wanted, dataflow))
        leaving: dict[Key, dict[Grant, frozenset[str]]] = {}
        for change in changes:
            if change.action in ("revoke", "release"):
                place = change.binding.resource, change.binding.grant
                leaving.setdefault(place[0], {})[place[1]] = still.get(place, frozenset())
        found = []
        for resource in sorted({*chosen, *leaving}):
            claims = {one.grant: still[resource, one.grant] for one in chosen.get(resource, ())}
            if world.policies.get(resource) is None:
                claims = {}
            one = Todo(resource, claims, leaving.get(resource, {}), architecture, dataflow)
            if one.leaving or not all(_settled(resource, grant, claims[grant], world) for grant in claims):
                found.append(one)
        return tuple(found)

    def settle(self, todo: Todo) -> None:
        """Raises what Google answers, where that does not pass."""
        claimed = self._change(todo.resource, lambda old: _claimed(old, todo))
        going = {grant for grant in todo.leaving if grant in claimed and not claimed[grant].by}
        try:
            self._write(todo.resource, todo.claims, going)
        except NotFound:  # no resource, no grants on it
            self._change(todo.resource, lambda old: _without(old, going))
            if todo.claims:
                raise
            return
        if going:
            claimed = self._change(todo.resource, lambda old: _without(old, going))
            back = {grant: claimed[grant].by for grant in going if grant in claimed}  # claimed meanwhile
            self._write(todo.resource, back, frozenset())

    def _write(self, resource: Key, add: Mapping[Grant, frozenset[str]], remove: Collection[Grant]) -> None:
        if not add and not remove:
            return
        kind, name = resource
        unknown: list[BadRequest] = []

        def edit(policy: Policy) -> Policy:
            there = unconditional(policy)
            missing = {grant: claims for grant, claims in add.items() if grant not in there}
            if missing:
                self._claims.change(resource, lambda old: _taken(old, missing))
            return changed(policy, missing, remove) if missing or there & frozenset(remove) else policy

        def written() -> bool:
            try:
                rewrite(self._doors.by_kind[kind], name, edit, self._retries)
            except BadRequest as error:
                if not _UNKNOWN_MEMBER.search(str(error)):
                    raise
                unknown.append(error)
                return False
            return True

        if not self._accounts.until(written):
            raise unknown[-1]

    def _change(self, resource: Key, edit: Edit) -> Claimed:
        return self._retries.call(lambda: self._claims.change(resource, edit))


def _settled(resource: Key, grant: Grant, claims: frozenset[str], world: World) -> bool:
    claim = world.claim(resource, grant)
    return claim is not None and claims <= claim.by and world.has(resource, grant)


def _claimed(old: Claimed, todo: Todo) -> Claimed:
    new = dict(old)
    for grant, claims in todo.claims.items():
        claim = old.get(grant, Claim(ours=False, by=frozenset()))
        new[grant] = replace(claim, by=claim.by | claims)
    for grant, still in todo.leaving.items():
        held = old.get(grant)
        if held is not None:
            gone = stale(held.by, still, todo.architecture, todo.dataflow)
            new[grant] = replace(held, by=held.by - gone | still)
            if not new[grant].by and not held.ours:
                del new[grant]
    return new


def _taken(old: Claimed, missing: Mapping[Grant, frozenset[str]]) -> Claimed:
    """Marked as ours before they are: what is in a policy and not marked was put there by others."""
    claims = {grant: claims | (old[grant].by if grant in old else claims) for grant, claims in missing.items()}
    return {**old, **{grant: Claim(True, claims[grant]) for grant in missing}}


def _without(old: Claimed, going: Collection[Grant]) -> Claimed:
    return {grant: claim for grant, claim in old.items() if grant not in going or claim.by}
