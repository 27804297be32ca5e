"""What the links of a dataflow grant, as changes and outcomes beside those of its resources.

Some resources cannot be made before others are granted: a subscription that Pub/Sub itself writes to a table from.
"""

from collections.abc import Callable, Collection, Iterable

from director.errors import Rejected, Unavailable
from director.iam import iam as rights
from director.iam.bindings import Binding
from director.iam.iam import Iam
from director.iam.plan import Change as Grant
from director.keys import Key
from director.provisioning.outcomes import Outcome, Report
from director.provisioning.plan import Change

GRANTS = "rights"


class Rights:
    """The bindings of one architecture. What stands already is not spoken of."""

    def __init__(self, iam: Iam) -> None:
        self._iam = iam

    def changes(self, dataflow: str, making: Collection[Key], part: bool = False) -> tuple[Change, ...]:
        """What an apply that is `making` these resources grants and revokes; of a `part` only what comes with them.

        Raises Unavailable or Rejected where a policy cannot be read.
        """
        planned = (one for one in self._iam.plan(dataflow) if one.action != "keep")
        chosen = (one for one in planned if not part or self._iam.comes_with(one.binding, dataflow, making))
        return tuple(_change(one, making) for one in chosen)

    def grant(self, dataflow: str, resources: Collection[Key]) -> Report:
        """Only what is missing of that which comes with these resources."""
        return _report(dataflow, lambda: self._iam.grant(dataflow, resources))

    def apply(self, dataflow: str) -> Report:
        return _report(dataflow, lambda: self._iam.apply(dataflow))

    def withdraw(self, dataflow: str) -> Report:
        """For a dataflow that was torn down."""
        return _report(dataflow, lambda: self._iam.withdraw(dataflow))


def _change(planned: Grant, making: Collection[Key]) -> Change:
    """What waits for a resource that is about to be made is granted then."""
    binding, action = planned.binding, planned.action
    if action == "wait" and binding.resource in making:
        return Change("grant", GRANTS, _name(binding), binding.reasons)
    return Change("none" if action == "keep" else action, GRANTS, _name(binding), (planned.why,))


def _report(dataflow: str, act: Callable[[], Iterable[rights.Outcome]]) -> Report:
    """Resources were made or deleted by now, so policies that cannot be read are an outcome as well."""
    try:
        outcomes = act()
    except (Unavailable, Rejected) as error:
        return (Outcome(GRANTS, dataflow, "failed", f"{error}; apply again"),)
    return tuple(Outcome(GRANTS, _name(one.binding), one.result, one.why) for one in outcomes if one.result != "kept")


def _name(binding: Binding) -> str:
    return f"{binding.role} on {binding.kind} {binding.name} to {binding.member}"
