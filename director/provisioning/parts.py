"""What people call a resource, short of its full name at Google. Pure."""

from collections.abc import Sequence
from typing import Any

from director.errors import Unknown
from director.provisioning.base import Wanted
from director.provisioning.teardown import short_name


def named(resources: Sequence[Wanted[Any]], name: str) -> Wanted[Any]:
    """Raises Unknown where there is none of that name, or several."""
    found = [one for one in resources if name in names(one)]
    if len(found) == 1:
        return found[0]
    if found:
        several = " or ".join(f"{one.kind}/{one.full_name}" for one in found)
        raise Unknown(f"resource '{name}' may be {several}; write KIND/NAME")
    raise Unknown(f"no resource '{name}' here; check the name, as KIND/NAME")


def names(one: Wanted[Any]) -> frozenset[str]:
    """What people may call it."""
    short = short_name(one.key)
    return frozenset({one.full_name, f"{one.kind}/{one.full_name}", short, f"{one.kind}/{short}"})
