"""May they? One question, asked for every call, and no by default."""

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from director.errors import DirectorError, Unknown
from director.safety.authentication import NOBODY_ASKED, Identity
from director.safety.policy import EVERY, Grant, Role

Action = Literal[
    "open",  # health and readiness: no identity is asked for
    "see_itself",  # the description of this interface
    "list",
    "see",
    "plan",
    "verify",
    "drift",
    "apply",
    "teardown",
    "rollback",
    "read_configuration",
    "register",
    "see_operations",
    "cancel",
    "see_events",
    "see_metrics",
    "see_audit",
    "see_architecture",
    "change_architecture",
]
ACTIONS: tuple[Action, ...] = get_args(Action)
OF_ALL: frozenset[Action] = frozenset({"see_architecture", "change_architecture"})  # dataflows at once

_VIEWER: frozenset[Action] = frozenset(
    {"see_itself", "list", "see", "plan", "verify", "drift", "see_operations", "see_events", "see_metrics"}
)
_OPERATOR: frozenset[Action] = _VIEWER | {"apply", "cancel", "read_configuration"}
MAY: Mapping[Role, frozenset[Action]] = {
    "viewer": _VIEWER,
    "operator": _OPERATOR,
    "admin": frozenset(ACTIONS) - {"open"},
    "service": frozenset({"see_itself", "list", "read_configuration", "register"}),
}


class NotPermitted(DirectorError):
    """Known, and the dataflow is theirs to see, but this is not theirs to do."""


class Authorization:
    """The grants of all identities."""

    def __init__(self, grants: Iterable[Grant]) -> None:
        self.renew(grants)

    def renew(self, grants: Iterable[Grant]) -> None:
        """These take the place of those there were."""
        found: dict[str, tuple[Grant, ...]] = {}
        for grant in grants:
            found[grant.identity] = (*found.get(grant.identity, ()), grant)
        self._grants = found

    def authorize(
        self, identity: Identity, action: Action, dataflow: str | None = None, service: str | None = None
    ) -> None:
        """Raises Unknown where what is asked about is not theirs to know of, NotPermitted where it is but no more.

        Without a dataflow the question is whether they may do it anywhere at all, or in all of them where the action
        is of all.
        """
        grants = self._of(identity)
        if action in OF_ALL:
            grants = tuple(grant for grant in grants if EVERY in grant.dataflows)
        if dataflow is not None:
            grants = tuple(grant for grant in grants if grant.covers(dataflow) and grant.includes(service))
        if dataflow is not None and not grants:
            raise Unknown("not theirs")
        if not any(action in MAY[grant.role] for grant in grants):
            raise NotPermitted(f"your roles do not include '{action}' here; ask an admin for one that does")

    def may(self, identity: Identity, action: Action, dataflow: str) -> bool:
        """For lists and streams, which show what one may see and nothing of the rest."""
        return any(grant.covers(dataflow) and action in MAY[grant.role] for grant in self._of(identity))

    def may_everywhere(self, identity: Identity, action: Action) -> bool:
        """For what belongs to no dataflow."""
        return any(EVERY in grant.dataflows and action in MAY[grant.role] for grant in self._of(identity))

    def _of(self, identity: Identity) -> tuple[Grant, ...]:
        return self._grants.get(identity.name, ())


def everything_here() -> Grant:
    """Where nobody is asked who they are."""
    return Grant(identity=NOBODY_ASKED.name, role="admin", dataflows=(EVERY,))
