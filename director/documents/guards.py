"""What an environment may not do to a base: take protection away. Pure."""

import json
from collections.abc import Iterator
from typing import Any

from director.documents.drafts import Draft, resources
from director.documents.kinds import Finding, Kind, kinds

POLICIES = ("DELETE", "ABANDON", "PREVENT")  # by strictness; see provisioning.protection
GUARDS = ("teardown_protection", "deletion_policy")
ADVICE = "an environment may add protection and never remove it; remove this, or change the base"


def weakened(base: Draft, changed: Draft) -> Iterator[Finding]:
    """Where `changed` protects less than `base` does."""
    yield from _unguarded(base, changed, "teardown_protection")
    before = base.children("dataflows")
    for name, dataflow in changed.children("dataflows").items():
        if name in before:
            yield from _unguarded(before[name], dataflow, "teardown_protection")
            was, now = before[name].inner("lifecycle"), dataflow.inner("lifecycle")
            yield from _unguarded(was, now, "keep_resources_on_test")
            for kind in kinds().values():
                yield from _of_kind(kind, before[name], dataflow)


def _of_kind(kind: Kind, base: Draft, changed: Draft) -> Iterator[Finding]:
    before = list(resources(base, kind.name))
    ephemeral = changed.inner("lifecycle").text("strategy") == "ephemeral"
    for resource in resources(changed, kind.name):
        was = _before(resource, before)
        if was is not None:
            yield from _unguarded(was, resource, "teardown_protection")
            had, has = (_policy(one, kind, ephemeral) for one in (was, resource))
            if POLICIES.index(has) < POLICIES.index(had):
                yield (*resource.location, "deletion_policy"), f"the base has {had}; {ADVICE}"


def _unguarded(base: Draft, changed: Draft, guard: str) -> Iterator[Finding]:
    if base.data.get(guard) is True and changed.data.get(guard, False) in (False, None):
        yield (*changed.location, guard), f"the base has {guard}: true; {ADVICE}"


def _policy(resource: Draft, kind: Kind, ephemeral: bool) -> str:
    """The one that is written, or what goes without saying; the latter too where it is none at all."""
    written = resource.text("deletion_policy")
    if written in POLICIES:
        return str(written)
    if ephemeral:
        return "DELETE"
    return "PREVENT" if kind.holds_data else "ABANDON"


def _before(resource: Draft, base: list[Draft]) -> Draft | None:
    """The same in the base; also where the environment moves what has a name to another dataset or database."""
    same = [one for one in base if _identity(one) == _identity(resource)]
    alike = [one for one in base if one.text("name") and one.text("name") == resource.text("name")]
    return same[0] if same else (alike[0] if len(alike) == 1 else None)


def _identity(resource: Draft) -> str:
    told: dict[str, Any] = {key: resource.data.get(key) for key in ("name", "dataset", "database")}
    if told["name"] is None:
        told = {key: value for key, value in resource.data.items() if key not in GUARDS}
    return json.dumps(told, sort_keys=True, default=str)
