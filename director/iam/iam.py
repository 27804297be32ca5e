"""Who may do what, as the documents' links say: planned, applied and verified. Additive: what others granted stays."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal, Self, TypeVar

from google.api_core.exceptions import GoogleAPICallError, NotFound
from google.auth.exceptions import GoogleAuthError
from requests.exceptions import RequestException

from director import keys
from director.documents.loading import Blueprint
from director.documents.model import Architecture
from director.errors import Rejected, Unavailable, Unknown
from director.iam.bindings import PROJECTS, Binding, of_dataflow
from director.iam.claim_stores import FirestoreClaims
from director.iam.claims import Claimed, Claims
from director.iam.doors import Doors
from director.iam.effect import Services
from director.iam.findings import Finding, findings
from director.iam.links import bindings, made, needs_number
from director.iam.plan import Action, Change, World, needed, plan
from director.iam.policies import Policy, unconditional
from director.iam.polling import Polling
from director.iam.settling import Settling
from director.keys import Key
from director.provisioning.clients import Clients
from director.retries import Retries, transient

T = TypeVar("T")
U = TypeVar("U")
RETRIES = Retries(attempts=20)  # enough to win a race for one policy
EFFECT = Polling(limit=300.0)
ACCOUNTS = Polling(limit=120.0)
FAILURES = (GoogleAPICallError, GoogleAuthError, RequestException, OSError)
_AGENT = re.compile(r"@gcp-sa-([a-z-]+)\.iam\.gserviceaccount\.com")
Result = Literal["granted", "revoked", "released", "kept", "waiting", "failed"]
_RESULTS: Mapping[Action, Result] = {
    "grant": "granted", "revoke": "revoked", "release": "released", "keep": "kept", "wait": "waiting"
}  # fmt: skip


@dataclass(frozen=True, slots=True, order=True)
class Outcome:
    """What became of one binding."""

    binding: Binding
    result: Result
    why: str

    @property
    def good(self) -> bool:
        return self.result not in ("failed", "waiting")

    def __str__(self) -> str:
        return f"{self.result:8} {self.binding}: {self.why}"


class Iam:
    """The bindings of one architecture. `dataflow` None means all of them.

    Every method raises Unknown for a dataflow that is not there, Unavailable or Rejected where a policy cannot be read.
    """

    def __init__(
        self,
        architecture: Architecture,
        doors: Doors,
        claims: Claims,
        retries: Retries = RETRIES,
        effect: Polling = EFFECT,
        accounts: Polling = ACCOUNTS,
        number: str | None = None,
        services: Services | None = None,
        workers: int = 8,
    ) -> None:
        """`number` is that of the project, asked for where it is needed and not given.

        A grant is waited for until it stands in the policy, with `services` also until the service itself may.
        """
        self._architecture = architecture
        self._doors = doors
        self._claims = claims
        self._retries = retries
        self._effect = effect
        self._settling = Settling(doors, claims, retries, accounts)
        self._number = number
        self._services = services
        self._workers = workers

    @classmethod
    def open(
        cls,
        blueprint: Blueprint,
        clients: Clients,
        claims: Claims | None = None,
        number: str | None = None,
        services: Services | None = None,
    ) -> Self:
        """With the claims in Firestore unless others are given. Raises as `Doors.open`."""
        kept = claims or FirestoreClaims(clients.firestore)
        return cls(blueprint.architecture, Doors.open(clients), kept, number=number, services=services)

    def plan(self, dataflow: str | None = None) -> tuple[Change, ...]:
        """What `apply` would do, sorted, each with its reasons. Changes nothing."""
        wanted = self._wanted(dataflow)
        return plan(wanted, self._world(wanted, dataflow), self._architecture.name, dataflow)

    def apply(self, dataflow: str | None = None) -> tuple[Outcome, ...]:
        """Grants what is missing, revokes what was ours and no link asks for, and waits until that can be seen.

        It may be killed at any call: run again, it comes to the same end.
        """
        wanted = self._wanted(dataflow)
        world = self._world(wanted, dataflow)
        return self._carried_out(wanted, plan(wanted, world, self._architecture.name, dataflow), world, dataflow)

    def grant(self, dataflow: str, resources: Collection[Key]) -> tuple[Outcome, ...]:
        """Of `apply` only what is missing of that which comes with these resources."""
        wanted = tuple(one for one in self._wanted(dataflow) if self.comes_with(one, dataflow, resources))
        chosen = sorted({one.resource for one in of_dataflow(wanted, dataflow)})
        if not chosen:
            return ()
        world = self._found(chosen, self._claimed())
        return self._carried_out(wanted, needed(wanted, world, dataflow), world, dataflow)

    def comes_with(self, binding: Binding, dataflow: str, resources: Collection[Key]) -> bool:
        """Whether it is on one of them; or to an account among them, on what is there without the dataflow.

        A worker that is started as an account that was just made needs its rights on the project at once.
        """
        if binding.resource in resources:
            return True
        account = keys.SERVICE_ACCOUNTS, binding.member.removeprefix("serviceAccount:")
        return account in resources and binding.resource not in made(self._architecture, dataflow)

    def withdraw(self, dataflow: str) -> tuple[Outcome, ...]:
        """Revokes what was ours for this dataflow and no other wants: for one that was torn down."""
        bindings = (replace(one, dataflows=one.dataflows - {dataflow}) for one in self._wanted(dataflow))
        wanted = tuple(one for one in bindings if one.dataflows)
        world = self._world(wanted, dataflow)
        return self._carried_out(wanted, plan(wanted, world, self._architecture.name, dataflow), world, dataflow)

    def verify(self, dataflow: str | None = None) -> tuple[Finding, ...]:
        """What is missing, ours and superfluous, or broader than planned; empty when all is well. Changes nothing."""
        wanted = self._wanted(dataflow)
        everything = made(self._architecture, dataflow)
        also = {resource for resource in everything if resource[0] in self._doors.by_kind}  # open without a plan, too
        world = self._world(wanted, dataflow, {*also, (PROJECTS, self._architecture.project_id)})
        changes = plan(wanted, world, self._architecture.name, dataflow)
        chosen = tuple(of_dataflow(wanted, dataflow))
        return findings(changes, wanted, chosen, world, also)

    def _carried_out(
        self, wanted: Iterable[Binding], changes: tuple[Change, ...], world: World, dataflow: str | None
    ) -> tuple[Outcome, ...]:
        todo = self._settling.todo(wanted, changes, world, self._architecture.name, dataflow)
        failed = dict(self._each(lambda one: (one.resource, self._failure(lambda: self._settling.settle(one))), todo))
        outcomes = tuple(_outcome(change, failed.get(change.binding.resource)) for change in changes)
        return self._in_effect(outcomes)

    def _wanted(self, dataflow: str | None) -> tuple[Binding, ...]:
        """Of the whole architecture, whichever dataflow is asked for: another may want the same."""
        if dataflow is not None and dataflow not in self._architecture.dataflows:
            raise Unknown(f"no dataflow '{dataflow}' here; check the name")
        return bindings(self._architecture, self._number_of_project())

    def _number_of_project(self) -> str:
        if not needs_number(self._architecture):
            return "0"  # no agent is given anything
        project = self._architecture.project_id
        return self._number or self._asked(f"the number of project {project}", lambda: self._doors.number_of(project))

    def _world(self, wanted: Iterable[Binding], dataflow: str | None, also: Iterable[Key] = ()) -> World:
        claims = self._claimed()
        chosen = {one.resource for one in of_dataflow(wanted, dataflow)}
        resources = sorted({*chosen, *also, *(key for key, claimed in claims.items() if self._concerns(claimed))})
        return self._found(resources, claims)

    def _found(self, resources: list[Key], claims: Mapping[Key, Claimed]) -> World:
        policies = dict(zip(resources, self._each(self._policy, resources), strict=True))
        return World(policies, claims, made(self._architecture))

    def _claimed(self) -> Mapping[Key, Claimed]:
        return self._asked("the claims on grants, in Firestore or the file given,", self._claims.all)

    def _concerns(self, claimed: Claimed) -> bool:
        mine = f"{self._architecture.name}/"
        return any(not claim.by or any(each.startswith(mine) for each in claim.by) for claim in claimed.values())

    def _policy(self, resource: Key) -> Policy | None:
        kind, name = resource

        def read() -> Policy | None:
            try:
                return self._doors.by_kind[kind].get(name)
            except NotFound:
                return None

        return self._asked(f"the policy of {kind} {name}", read)

    def _asked(self, what: str, question: Callable[[], T]) -> T:
        try:
            return self._retries.call(question)
        except FAILURES as error:
            reaction = Unavailable if transient(error) else Rejected
            raise reaction(f"{what} could not be read: {type(error).__name__}: {error}") from error

    def _failure(self, action: Callable[[], None]) -> str | None:
        try:
            action()
        except FAILURES as error:
            return f"{type(error).__name__}: {error}{_advice(str(error))}"
        return None

    def _in_effect(self, outcomes: tuple[Outcome, ...]) -> tuple[Outcome, ...]:
        """What was granted as failed where it does not hold in time."""
        unseen = {one for one in outcomes if one.result == "granted"}
        trouble = [""]

        def all_seen() -> bool:
            try:
                unseen.difference_update(self._holding(unseen))
            except (Unavailable, Rejected) as error:  # what is granted is granted: look again
                trouble[0] = f": {error}"
            return not unseen

        if self._effect.until(all_seen):
            return outcomes
        late = f"does not hold after {self._effect.limit:g} s{trouble[0]}; apply again"
        return tuple(Outcome(one.binding, "failed", late) if one in unseen else one for one in outcomes)

    def _holding(self, outcomes: Iterable[Outcome]) -> Iterable[Outcome]:
        """Those that stand in the policy, and that the services may make use of."""
        resources = sorted({one.binding.resource for one in outcomes})
        policies = dict(zip(resources, self._each(self._policy, resources), strict=True))
        there = [one for one in outcomes if _stands(one.binding, policies[one.binding.resource])]
        held = self._each(lambda one: self._holds(one.binding), there)
        return [one for one, holds in zip(there, held, strict=True) if holds]

    def _holds(self, binding: Binding) -> bool:
        services = self._services
        if services is None:
            return True
        return self._asked(f"whether {binding} holds", lambda: services.may(binding)) is not False

    def _each(self, action: Callable[[T], U], items: Iterable[T]) -> list[U]:
        if self._workers == 1:
            return [action(item) for item in items]
        with ThreadPoolExecutor(self._workers) as pool:
            return list(pool.map(action, items))


def _advice(error: str) -> str:
    """Google says of a custom role or of an agent that it does not exist, and not how to make it."""
    if "does not exist" not in error:
        return ""
    if "/roles/" in error:
        return "; make it of what `conductor iam roles` prints, then apply again"
    agent = _AGENT.search(error)
    if agent:
        service = f"{agent[1]}.googleapis.com"
        return f"; make it: gcloud beta services identity create --service {service} --project P, then apply again"
    return ""


def _outcome(change: Change, failure: str | None) -> Outcome:
    if failure and change.action not in ("keep", "wait"):
        return Outcome(change.binding, "failed", failure)
    return Outcome(change.binding, _RESULTS[change.action], change.why)


def _stands(binding: Binding, policy: Policy | None) -> bool:
    return policy is not None and binding.grant in unconditional(policy)
