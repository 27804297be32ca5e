"""The one loop that changes the world: it carries out plans, and can be killed and started again at any call."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from google.api_core.exceptions import Aborted, Conflict, GoogleAPICallError, NotFound, PreconditionFailed
from google.auth.exceptions import GoogleAuthError
from requests.exceptions import RequestException

from director.errors import Rejected, Unavailable
from director.keys import Key
from director.resources.base import Observed, Providers, Wanted
from director.resources.plan import Action, Change, Plan, change, layers, plan
from director.resources.retries import Retries, transient

A = TypeVar("A")
B = TypeVar("B")
Result = Literal["created", "updated", "unchanged", "refused", "failed", "skipped"]

FAILURES = (GoogleAPICallError, GoogleAuthError, RequestException)
ROUNDS = 4  # how often the world may move under one resource before we give up
_RESULTS: dict[Action, Result] = {
    "create": "created", "update": "updated", "none": "unchanged", "refuse": "refused"
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one resource, and why where it is not as wanted."""

    kind: str
    name: str
    result: Result
    reason: str = ""

    @property
    def key(self) -> Key:
        return self.kind, self.name

    @property
    def good(self) -> bool:
        return self.result in ("created", "updated", "unchanged")

    def __str__(self) -> str:
        return f"{self.result:9} {self.kind} {self.name}" + (f": {self.reason}" if self.reason else "")


Report = tuple[Outcome, ...]


class Provisioner:
    """Plans and applies through the providers; independent resources `workers` at a time."""

    def __init__(self, providers: Providers, retries: Retries, workers: int = 8) -> None:
        self._providers = providers
        self._retries = retries
        self._workers = workers

    def plan(self, wanted: Sequence[Wanted[Any]]) -> Plan:
        """Changes nothing. Raises Unavailable or Rejected where something cannot be observed."""
        return plan(wanted, self._observe(wanted))

    def apply(self, wanted: Sequence[Wanted[Any]]) -> Report:
        """Makes everything as wanted, or says for each resource why not. With a refusal nothing is touched at all.

        Raises Unavailable or Rejected where something cannot be observed before anything was touched.
        """
        observed = self._observe(wanted)
        planned = plan(wanted, observed)
        if any(change.action == "refuse" for change in planned):
            return tuple(_untouched(change) for change in planned)
        changes = {change.key: change for change in planned}
        done: dict[Key, Outcome] = {}

        def outcome(one: Wanted[Any]) -> Outcome:
            return self._outcome(one, changes[one.key], observed[one.key], done)

        for layer in layers(wanted):
            done.update((result.key, result) for result in self._each(outcome, layer))
        return tuple(done.values())

    def _observe(self, wanted: Sequence[Wanted[Any]]) -> dict[Key, Observed[Any] | None]:
        return dict(zip((one.key for one in wanted), self._each(self._observed, wanted), strict=True))

    def _observed(self, wanted: Wanted[Any]) -> Observed[Any] | None:
        try:
            return self._retries.call(lambda: self._providers[wanted.kind].observe(wanted))
        except FAILURES as error:
            reaction = Unavailable if transient(error) else Rejected
            what = f"{wanted.kind} {wanted.full_name}"
            raise reaction(f"{what} could not be looked at: {type(error).__name__}: {error}") from error

    def _each(self, action: Callable[[A], B], items: Iterable[A]) -> list[B]:
        if self._workers == 1:
            return [action(item) for item in items]
        with ThreadPoolExecutor(self._workers) as pool:
            return list(pool.map(action, items))

    def _outcome(
        self, wanted: Wanted[Any], change: Change, observed: Observed[Any] | None, done: dict[Key, Outcome]
    ) -> Outcome:
        missing = [name for kind, name in wanted.needs if (kind, name) in done and not done[kind, name].good]
        if missing:
            return Outcome(*wanted.key, "skipped", f"needs {missing[0]}, which is not there")
        try:
            return self._converge(wanted, change, observed)
        except (*FAILURES, Unavailable, Rejected) as error:
            return Outcome(*wanted.key, "failed", f"{type(error).__name__}: {error}")

    def _converge(self, wanted: Wanted[Any], planned: Change, observed: Observed[Any] | None) -> Outcome:
        """Carries out the change. Where the world has moved since it was planned, looks again and decides anew."""
        todo = planned
        for attempt in range(ROUNDS):
            if todo.action == "refuse":
                return Outcome(*wanted.key, "refused", "; ".join(todo.reasons))
            if todo.action == "none" or self._carried_out(wanted, todo, observed):
                reasons = planned.reasons if planned.action == "update" else ()
                return Outcome(*wanted.key, _RESULTS[planned.action], "; ".join(reasons))
            self._retries.rest(attempt)
            observed = self._observed(wanted)
            todo = change(wanted, observed)
        return Outcome(*wanted.key, "failed", f"was changed by others {ROUNDS} times over; apply again")

    def _carried_out(self, wanted: Wanted[Any], change: Change, observed: Observed[Any] | None) -> bool:
        """False where the resource is there already, or gone, or not what it was when it was observed."""
        provider = self._providers[wanted.kind]
        try:
            if observed is None:
                self._retries.call(lambda: provider.create(wanted))
            else:
                self._retries.call(lambda: provider.update(wanted, observed, change.fields))
        except Aborted:
            raise
        except (Conflict, PreconditionFailed):
            return False
        except NotFound:
            if observed is None:
                raise  # what it needs is missing
            return False
        return True


def _untouched(change: Change) -> Outcome:
    if change.action == "refuse":
        return Outcome(*change.key, "refused", "; ".join(change.reasons))
    if change.action == "none":
        return Outcome(*change.key, "unchanged")
    return Outcome(*change.key, "skipped", "another resource is refused, so nothing was touched")
