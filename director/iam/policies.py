"""A policy, changed without losing what others put in it: read, changed, written under its etag, again if it moved.

A policy is Google's JSON of it, so that whatever is in there is written back as it came: conditional bindings, members
and roles of others, fields that we do not know. https://cloud.google.com/iam/docs/reference/rest/v1/Policy
"""

import copy
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Protocol

from google.api_core.exceptions import Aborted, Conflict, PreconditionFailed

from director.iam.bindings import Grant
from director.retries import Retries

Policy = Mapping[str, Any]
CONDITIONAL = 3  # the version that shows conditions, and keeps them


class Door(Protocol):
    """The policies of one kind of resource, by full name. Raises google.api_core.exceptions."""

    def get(self, name: str) -> Policy: ...
    def put(self, name: str, policy: Policy) -> None: ...


def grants(policy: Policy) -> Iterator[tuple[str, str, bool]]:
    """Role, member and whether a condition limits it."""
    for binding in policy.get("bindings", ()):
        for member in binding.get("members", ()):
            yield binding["role"], member, bool(binding.get("condition"))


def unconditional(policy: Policy) -> frozenset[Grant]:
    return frozenset((role, member) for role, member, limited in grants(policy) if not limited)


def changed(policy: Policy, add: Collection[Grant], remove: Collection[Grant]) -> Policy:
    """The policy with these grants, and without those. Bindings with a condition are never touched."""
    new: dict[str, Any] = copy.deepcopy(dict(policy))
    bindings = new.setdefault("bindings", [])
    for role, member in sorted(remove):
        for binding in _plain(bindings, role):
            binding["members"] = [each for each in binding["members"] if each != member]
    for role, member in sorted(set(add) - unconditional(new)):
        open_to_it = next(_plain(bindings, role), None)
        if open_to_it is None:
            bindings.append({"role": role, "members": [member]})
        else:
            open_to_it["members"] = [*open_to_it["members"], member]
    new["bindings"] = [binding for binding in bindings if binding.get("members")]
    new["version"] = CONDITIONAL
    return new


def _plain(bindings: list[dict[str, Any]], role: str) -> Iterator[dict[str, Any]]:
    return (each for each in bindings if each["role"] == role and each.get("members") and not each.get("condition"))


def rewrite(door: Door, name: str, edit: Callable[[Policy], Policy], retries: Retries) -> None:
    """Writes what `edit` makes of the policy; reads it and asks `edit` again where another was faster.

    An `edit` that returns its argument writes nothing. Raises what Google answers, Aborted for a race never won.
    """

    def once() -> None:
        policy = door.get(name)
        new = edit(policy)
        if new is policy:
            return
        try:
            door.put(name, new)
        except (Conflict, PreconditionFailed) as error:  # Aborted is a Conflict
            raise Aborted(f"the policy of {name} was changed by others meanwhile: {error}") from error

    retries.call(once)
