"""The one loop that changes the world: it carries out plans, and can be killed and started again at any call."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from google.api_core.exceptions import Aborted, Conflict, Forbidden, GoogleAPICallError, NotFound, PreconditionFailed
from google.auth.exceptions import GoogleAuthError
from requests.exceptions import RequestException

from director.errors import Rejected, Unavailable
from director.keys import Key
from director.provisioning.base import Holding, Observed, Providers, Surveyor, Wanted
from director.provisioning.outcomes import (
    RESULTS,
    Granting,
    Outcome,
    Progress,
    Report,
    all_untouched,
    as_planned,
    nothing_granted,
    unheard,
)
from director.provisioning.plan import Change, Plan, change, layers, plan, users
from director.provisioning.witness import UNWITNESSED, Permit, Witness
from director.retries import Retries, transient

A = TypeVar("A")
B = TypeVar("B")
World = Mapping[Key, Observed[Any] | None]

FAILURES = (GoogleAPICallError, GoogleAuthError, RequestException)
MANY = 20  # from how many of a kind on listing a whole project is cheaper than asking for each
PROPAGATION = 120.0  # seconds until new rights usually hold
PROPAGATION_ATTEMPTS = 30
ROUNDS = 4  # how often the world may move under one resource before we give up


class Provisioner:
    """Plans and carries out through the providers; independent resources `workers` at a time.

    `progress` is told each outcome in the caller's thread. What it raises stops the rest, as does what `witness`
    raises: nothing that was not begun is begun then.
    """

    def __init__(self, providers: Providers, retries: Retries, workers: int = 8) -> None:
        self._providers = providers
        self._retries = retries
        self._patience = replace(retries, attempts=PROPAGATION_ATTEMPTS, budget=PROPAGATION, passing=_may_come_to_pass)
        self._workers = workers

    def plan(self, wanted: Sequence[Wanted[Any]]) -> Plan:
        """Changes nothing. Raises Unavailable or Rejected where something cannot be observed."""
        return plan(wanted, self.observe(wanted))

    def observe(self, wanted: Sequence[Wanted[Any]], certain: bool = False) -> World:
        """Changes nothing. Raises Unavailable or Rejected.

        Many of a kind are listed. Lists may lack what was made just now; where `certain`, what is missing from them is
        asked for by name.
        """
        listed = self._listed(wanted)
        asked = [one for one in wanted if one.key not in listed or (certain and listed[one.key] is None)]
        found = zip((one.key for one in asked), self._each(self._observed, asked), strict=True)
        world = {**listed, **dict(found)}
        return {one.key: world[one.key] for one in wanted}

    def holdings(self, wanted: Sequence[Wanted[Any]], going: frozenset[str]) -> dict[Key, Holding]:
        """What each holds beyond what is `going` anyway. Raises Unavailable or Rejected."""
        found = self._each(lambda one: self._holding(one, going), wanted)
        return {one.key: holding for one, holding in zip(wanted, found, strict=True) if holding}

    def apply(
        self,
        wanted: Sequence[Wanted[Any]],
        observed: World | None = None,
        witness: Witness = UNWITNESSED,
        progress: Progress = unheard,
        granting: Granting = nothing_granted,
    ) -> Report:
        """Makes everything as wanted, or says for each resource why not. With a refusal nothing is touched at all.

        `granting` gives the rights on what is there now, before anything that needs it is made; then what is forbidden
        is tried for longer, since rights take their time to take effect. What it did is in the report.

        Raises Unavailable or Rejected where something cannot be observed before anything was touched.
        """
        world = self.observe(wanted) if observed is None else observed
        planned = plan(wanted, world)
        if any(change.action == "refuse" for change in planned):
            return all_untouched(planned, progress)
        changes = {change.key: change for change in planned}
        done: dict[Key, Outcome] = {}
        granted: dict[Key, Outcome] = {}

        def outcome(one: Wanted[Any]) -> Outcome:
            missing = [key[1] for key in one.needs if key in done and not done[key].good]
            if missing:
                return Outcome(*one.key, "skipped", f"needs {missing[0]}, which is not there")
            retries = self._patience if granted else self._retries
            return self._guarded(one, lambda: self._converge(one, changes[one.key], world[one.key], witness, retries))

        def grant(made: Report) -> None:
            for one in granting(frozenset(each.key for each in made if each.good)):
                progress(one)
                granted[one.key] = one

        return self._in_turn(layers(wanted), outcome, done, progress, grant) + tuple(granted.values())

    def tear_down(
        self,
        wanted: Sequence[Wanted[Any]],
        changes: Mapping[Key, Change],
        confirmed: frozenset[Key],
        witness: Witness = UNWITNESSED,
        progress: Progress = unheard,
    ) -> Report:
        """Deletes what `changes` say, dependents first; the data of what is `confirmed` as well.

        Each resource is looked at once more right before: what became somebody else's, or holds data by now, stays.
        """
        if any(change.action == "confirm" for change in changes.values()):
            return all_untouched(changes.values(), progress)
        going = frozenset(change.name for change in changes.values() if change.action == "delete")
        using = users(wanted)
        done: dict[Key, Outcome] = {}

        def outcome(one: Wanted[Any]) -> Outcome:
            if changes[one.key].action == "none":
                return Outcome(*one.key, "absent")
            if changes[one.key].action != "delete":
                return as_planned(changes[one.key])
            asked = (user for user in using.get(one.key, ()) if user.key in done)
            staying = [user.full_name for user in asked if done[user.key].result not in ("deleted", "absent")]
            if staying:
                return Outcome(*one.key, "skipped", f"is needed by {staying[0]}, which is still there")
            return self._guarded(one, lambda: self._deleted(one, going, one.key in confirmed, witness))

        concerned = [[one for one in layer if one.key in changes] for layer in reversed(layers(wanted))]
        report = self._in_turn(concerned, outcome, done, progress)
        return report + all_untouched((changes[key] for key in changes if key not in done), progress)

    def _in_turn(
        self,
        layers: Iterable[Sequence[Wanted[Any]]],
        outcome: Callable[[Wanted[Any]], Outcome],
        done: dict[Key, Outcome],
        progress: Progress,
        after: Callable[[Report], None] = lambda made: None,
    ) -> Report:
        for layer in layers:
            results: list[Outcome] = []
            with closing(self._each(outcome, layer)) as each:
                for result in each:
                    progress(result)
                    results.append(result)
            done |= {result.key: result for result in results}
            after(tuple(results))
        return tuple(done.values())

    def _each(self, action: Callable[[A], B], items: Iterable[A]) -> Generator[B, None, None]:
        """In order, as they come. Where one raises, or the caller closes this, those not begun are not begun."""
        if self._workers == 1:
            yield from map(action, items)
            return
        with ThreadPoolExecutor(self._workers) as pool:
            yield from pool.map(action, items)

    def _listed(self, wanted: Sequence[Wanted[Any]]) -> dict[Key, Observed[Any] | None]:
        """Of kinds with many."""
        found: dict[Key, Observed[Any] | None] = {}
        for kind in dict.fromkeys(one.kind for one in wanted):
            provider, alike = self._providers[kind], [one for one in wanted if one.kind == kind]
            if len(alike) >= MANY and isinstance(provider, Surveyor):
                there = self._looked_at(alike[0], partial(provider.survey, alike))
                found |= {one.key: there.get(one.full_name) for one in alike}
        return found

    def _observed(self, wanted: Wanted[Any]) -> Observed[Any] | None:
        return self._looked_at(wanted, lambda: self._providers[wanted.kind].observe(wanted))

    def _holding(self, wanted: Wanted[Any], going: frozenset[str]) -> Holding | None:
        return self._looked_at(wanted, lambda: self._providers[wanted.kind].holding(wanted, going))

    def _looked_at(self, wanted: Wanted[Any], look: Callable[[], A]) -> A:
        try:
            return self._retries.call(look)
        except FAILURES as error:
            reaction = Unavailable if transient(error) else Rejected
            what = f"{wanted.kind} {wanted.full_name}"
            raise reaction(f"{what} could not be looked at: {type(error).__name__}: {error}") from error

    def _guarded(self, wanted: Wanted[Any], act: Callable[[], Outcome]) -> Outcome:
        try:
            return act()
        except (*FAILURES, Unavailable, Rejected) as error:
            return Outcome(*wanted.key, "failed", f"{type(error).__name__}: {error}")

    def _converge(
        self, wanted: Wanted[Any], planned: Change, observed: Observed[Any] | None, witness: Witness, retries: Retries
    ) -> Outcome:
        """Carries out the change. Where the world has moved since it was planned, looks again and decides anew."""
        todo = planned
        for attempt in range(ROUNDS):
            if todo.action == "refuse":
                return Outcome(*wanted.key, "refused", "; ".join(todo.reasons))
            if todo.action == "wait":
                return as_planned(todo)
            if todo.action == "none" or self._carried_out(wanted, todo, observed, witness, retries):
                reasons = planned.reasons if planned.action == "update" else ()
                return Outcome(*wanted.key, RESULTS[planned.action], "; ".join(reasons))
            self._retries.rest(attempt)
            observed = self._observed(wanted)
            todo = change(wanted, observed)
        return Outcome(*wanted.key, "failed", f"was changed by others {ROUNDS} times over; apply again")

    def _carried_out(
        self, wanted: Wanted[Any], change: Change, observed: Observed[Any] | None, witness: Witness, retries: Retries
    ) -> bool:
        """False where the resource is there already, or gone, or not what it was when it was observed."""
        provider = self._providers[wanted.kind]
        try:
            if observed is None:
                with witness.effect("create", wanted) as permit:
                    _call(retries, permit, lambda: provider.create(wanted))
            else:
                with witness.effect("update", wanted) as permit:
                    _call(retries, permit, lambda: provider.update(wanted, observed, change.fields))
        except Aborted:
            raise
        except (Conflict, PreconditionFailed):
            return False
        except NotFound:
            if observed is None:
                raise  # what it needs is missing
            return False
        return True

    def _deleted(self, wanted: Wanted[Any], going: frozenset[str], data: bool, witness: Witness) -> Outcome:
        observed = self._observed(wanted)
        if observed is None:
            return Outcome(*wanted.key, "absent")
        if wanted.owner and observed.owner != wanted.owner:
            return Outcome(*wanted.key, "refused", "is no longer ours")
        held = self._holding(wanted, going)
        if held and (held.others or not data):
            return Outcome(*wanted.key, "refused", f"would lose {held.what}, which was not there before")
        with witness.effect("delete", wanted) as permit:
            _call(self._retries, permit, lambda: self._gone(wanted, data))
        return Outcome(*wanted.key, "deleted")

    def _gone(self, wanted: Wanted[Any], data: bool) -> None:
        try:
            self._providers[wanted.kind].delete(wanted, data)
        except NotFound:
            return  # as wanted, whoever did it


def _call(retries: Retries, permit: Permit, call: Callable[[], None]) -> None:
    """Every attempt needs its permit: pauses between them may outlast a lease."""

    def attempt() -> None:
        permit()
        call()

    retries.call(attempt)


def _may_come_to_pass(error: Exception) -> bool:
    return transient(error) or isinstance(error, Forbidden)
