"""Bindings planned, applied and verified on the local cloud, through Google's clients."""

import itertools
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import ServiceUnavailable

from director import keys
from director.documents.loading import Blueprint, load
from director.documents.model import Architecture, Dataflow, Resources
from director.errors import Rejected, Unavailable, Unknown
from director.iam.bindings import PROJECTS, SECRETS, Binding
from director.iam.claims import Claims
from director.iam.doors import Doors
from director.iam.iam import Iam
from director.iam.policies import Policy, changed, unconditional
from director.iam.polling import Polling
from director.keys import Key
from director.provisioning.clients import Clients
from director.provisioning.provisioner import Provisioner
from director.resources.catalogue import providers, wanted
from director.retries import Retries
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from tests.director.iam.conftest import Make, member

ANNA = "user:anna@example.com"
CONDITION = {"title": "until May", "expression": "request.time < timestamp('2030-05-01T00:00:00Z')"}


@pytest.fixture
def iam(made: Blueprint, make: Make) -> Iam:
    return make(made.architecture)


@pytest.fixture
def readings(architecture: Architecture) -> Key:
    return keys.topic(architecture.project_id, "readings")


def edited(text: str, tmp_path: Path, *changes: tuple[str, str]) -> Architecture:
    """The document after someone changed it."""
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file = tmp_path / "edited.yaml"
    file.write_text(text)
    return load(file).architecture


def grant(doors: Doors, resource: Key, role: str, who: str, **more: Any) -> None:
    """As somebody would by hand."""
    policy = changed(doors.by_kind[resource[0]].get(resource[1]), (), ())
    bindings = [*policy["bindings"], {"role": role, "members": [who], **more}]
    doors.by_kind[resource[0]].put(resource[1], {**policy, "bindings": bindings})


def live(doors: Doors, resource: Key) -> frozenset[tuple[str, str]]:
    return unconditional(doors.by_kind[resource[0]].get(resource[1]))


NO_BRIDGE = ("          producers: [{name: bridge, lookup: {key: topic}}]\n", "")


def test_everything_planned_is_granted_and_then_nothing_is_left_to_do(iam: Iam) -> None:
    planned = iam.plan()
    assert {change.action for change in planned} == {"grant"}
    assert {outcome.result for outcome in iam.apply()} == {"granted"}
    assert {change.action for change in iam.plan()} == {"keep"}
    assert iam.verify() == ()


def test_a_plan_says_what_for_whom_and_why(iam: Iam, architecture: Architecture, readings: Key) -> None:
    bridge = member(architecture, "bridge-sa")
    expected = (
        f"grant   roles/pubsub.publisher on topics {readings[1]} to {bridge}: air/bridge publishes to topic readings"
    )
    assert expected in [str(change) for change in iam.plan()]


def test_the_agent_is_that_of_the_projects_number(iam: Iam, doors: Doors, architecture: Architecture) -> None:
    number = doors.number_of(architecture.project_id)
    agent = f"serviceAccount:service-{number}@gcp-sa-pubsub.iam.gserviceaccount.com"
    assert number.isdigit()
    assert agent in {change.binding.member for change in iam.plan()}


def test_one_dataflow_can_be_planned_and_applied_alone(iam: Iam, architecture: Architecture) -> None:
    assert {one.binding.member for one in iam.apply("water")} == {
        member(architecture, "jobs-sa"),
        member(architecture, "pump-sa"),
    }
    assert {change.action for change in iam.plan("water")} == {"keep"}
    assert {change.action for change in iam.plan("air")} == {"grant", "keep"}


def test_a_dataflow_that_is_not_there_is_unknown(iam: Iam) -> None:
    for question in (iam.plan, iam.apply, iam.verify):
        with pytest.raises(Unknown, match="no dataflow 'fire' here"):
            question("fire")


def test_what_others_granted_stays_with_its_condition(iam: Iam, doors: Doors, readings: Key) -> None:
    grant(doors, readings, "roles/pubsub.publisher", ANNA)
    grant(doors, readings, "roles/pubsub.publisher", "user:ben@example.com", condition=CONDITION)
    iam.apply()
    bindings = doors.by_kind[keys.TOPICS].get(readings[1])["bindings"]
    assert {"role": "roles/pubsub.publisher", "members": ["user:ben@example.com"], "condition": CONDITION} in bindings
    assert ("roles/pubsub.publisher", ANNA) in live(doors, readings)


def test_what_no_link_asks_for_any_more_is_revoked(
    iam: Iam, make: Make, doors: Doors, readings: Key, text: str, tmp_path: Path
) -> None:
    iam.apply()
    later = make(edited(text, tmp_path, NO_BRIDGE))
    [change] = [change for change in later.plan() if change.action != "keep"]
    assert (change.action, change.why) == ("revoke", "no link of plant/air asks for it any more")
    assert [finding.problem for finding in later.verify()] == ["superfluous"]
    assert "revoked" in {outcome.result for outcome in later.apply()}
    assert live(doors, readings) == frozenset()
    assert later.verify() == ()


def test_a_grant_that_was_there_before_is_never_revoked(
    iam: Iam, make: Make, doors: Doors, readings: Key, architecture: Architecture, text: str, tmp_path: Path
) -> None:
    grant(doors, readings, "roles/pubsub.publisher", member(architecture, "bridge-sa"))
    [kept] = [one for one in iam.apply() if one.binding.resource == readings]
    assert (kept.result, kept.why) == (
        "kept",
        "air/bridge publishes to topic readings (was there before: never revoked)",
    )
    later = make(edited(text, tmp_path, NO_BRIDGE))
    [released] = [one for one in later.apply() if one.result == "released"]
    assert "was there before us" in released.why
    assert live(doors, readings) == {kept.binding.grant}


def test_a_grant_that_another_dataflow_wants_as_well_stays(
    iam: Iam, make: Make, doors: Doors, architecture: Architecture, text: str, tmp_path: Path
) -> None:
    iam.apply()
    no_pumps = ("          consumers: [{name: gauge, lookup: {key: pumps}}]\n", "")
    [released] = [one for one in make(edited(text, tmp_path, no_pumps)).apply() if one.result == "released"]
    assert released.why == "no link of plant/water asks for it any more, but plant/air does"
    assert released.binding.grant in live(doors, (PROJECTS, architecture.project_id))


def test_a_grant_that_another_architecture_of_the_project_wants_as_well_stays(
    iam: Iam, make: Make, doors: Doors, readings: Key, text: str, tmp_path: Path
) -> None:
    iam.apply()
    make(edited(text, tmp_path, ("name: plant\n", "name: site\n"))).apply()
    make(edited(text, tmp_path, NO_BRIDGE)).apply()
    assert len(live(doors, readings)) == 1
    make(edited(text, tmp_path, ("name: plant\n", "name: site\n"), NO_BRIDGE)).apply()
    assert live(doors, readings) == frozenset()


def test_a_resource_made_anew_has_its_grants_again(
    iam: Iam, made: Blueprint, clients: Clients, retries: Retries, readings: Key
) -> None:
    iam.apply()
    clients.publisher.delete_topic(topic=readings[1])
    clients.publisher.create_topic(name=readings[1])
    assert {change.binding.resource for change in iam.plan() if change.action == "grant"} == {readings}
    assert {one.binding.resource for one in iam.apply() if one.result == "granted"} == {readings}
    assert iam.verify() == ()


def test_a_grant_that_somebody_took_away_is_missing_and_given_again(iam: Iam, doors: Doors, readings: Key) -> None:
    iam.apply()
    door = doors.by_kind[keys.TOPICS]
    door.put(readings[1], changed(door.get(readings[1]), (), live(doors, readings)))
    [finding] = iam.verify()
    assert (finding.problem, finding.binding.resource) == ("missing", readings)
    iam.apply()
    assert iam.verify() == ()


def test_what_is_not_there_yet_is_waited_for_and_the_rest_is_granted(
    blueprint: Blueprint, make: Make, clients: Clients, retries: Retries
) -> None:
    iam = make(blueprint.architecture)
    outcomes = iam.apply("water")
    assert {(one.binding.kind, one.result) for one in outcomes} == {(PROJECTS, "granted"), (keys.TOPICS, "waiting")}
    [waiting] = [one for one in outcomes if one.result == "waiting"]
    assert not waiting.good
    assert waiting.why.endswith("the resource is not there yet: apply the dataflow first")
    Provisioner(providers(clients, blueprint), retries).apply(wanted(blueprint, "water"))
    assert all(one.good for one in iam.apply("water"))
    assert iam.verify("water") == ()


def test_with_a_resource_its_grants_are_forgotten(
    iam: Iam, make: Make, claims: Claims, clients: Clients, readings: Key, text: str, tmp_path: Path
) -> None:
    iam.apply()
    clients.publisher.delete_topic(topic=readings[1])
    later = make(edited(text, tmp_path, NO_BRIDGE))
    assert [one.why for one in later.apply() if one.result == "released"] == [
        "no link of plant/air asks for it any more, and it is gone already"
    ]
    assert readings not in claims.all()


@pytest.mark.parametrize(
    ("role", "who", "words"),
    [
        ("roles/pubsub.admin", "bridge-sa", "may change the resource itself"),
        ("roles/pubsub.subscriber", "bridge-sa", "no link asks for it"),
        ("roles/pubsub.publisher", "allUsers", "open to everyone"),
    ],
)
def test_a_grant_beyond_the_plan_is_told_and_left(
    iam: Iam, doors: Doors, readings: Key, architecture: Architecture, role: str, who: str, words: str
) -> None:
    iam.apply()
    account = who if who == "allUsers" else member(architecture, who)
    grant(doors, readings, role, account)
    [finding] = iam.verify()
    assert (finding.problem, finding.binding) == ("broader", Binding(*readings, role, account))
    assert words in finding.why
    iam.apply()
    assert (role, account) in live(doors, readings)


def test_a_grant_on_the_whole_project_is_broader_than_one_on_a_resource(
    iam: Iam, doors: Doors, architecture: Architecture
) -> None:
    iam.apply()
    project = PROJECTS, architecture.project_id
    grant(doors, project, "roles/pubsub.publisher", member(architecture, "bridge-sa"))
    grant(doors, project, "roles/editor", ANNA)  # of people nothing is planned
    [finding] = iam.verify()
    assert finding.why.startswith("holds for everything in the project")


def test_two_that_apply_at_once_lose_nothing_of_each_other(
    made: Blueprint, doors: Doors, claims: Claims, text: str, tmp_path: Path
) -> None:
    """On one topic, over the wire: policies and claims are both fought for."""
    sites = [edited(text, tmp_path, ("name: plant\n", f"name: site-{number}\n")) for number in range(3)]
    still = Polling(limit=0.0)
    retries = Retries(attempts=40, first=0.01, longest=0.2)
    results: list[Any] = []
    threads = [
        threading.Thread(
            target=lambda site=site: results.extend(  # type: ignore[misc]
                Iam(site, doors, claims, retries, still, still, workers=2).apply("water")
            )
        )
        for site in sites
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one for one in results if not one.good] == []
    for resource, claimed in claims.all().items():
        assert live(doors, resource) >= set(claimed)
        for claim in claimed.values():
            assert claim.by >= {f"site-{number}/water" for number in range(3)}
            assert claim.ours


FAULTS = {
    "a race that others win": Fault(method="pubsub.SetIamPolicy", code="ABORTED", calls=2),
    "no answer of the policy": Fault(method="pubsub.GetIamPolicy", code="UNAVAILABLE", calls=2),
    "a write whose answer is lost": Fault(method="pubsub.SetIamPolicy", code="UNAVAILABLE", when="after", calls=2),
    "a bucket that was changed meanwhile": Fault(method="storage.buckets.setIamPolicy", code="ABORTED", calls=2),
    "no answer of a bucket": Fault(method="storage.buckets.getIamPolicy", code="UNAVAILABLE", calls=2),
    "a table that was changed meanwhile": Fault(method="bigquery.tables.setIamPolicy", code="ABORTED", calls=2),
    "no answer of the project": Fault(
        method="resourcemanager.projects.setIamPolicy", code="UNAVAILABLE", when="after", calls=2
    ),
    "no answer of secrets": Fault(method="secretmanager.SetIamPolicy", code="UNAVAILABLE", calls=2),
    "claims that others change": Fault(method="firestore.Commit", code="ABORTED", calls=2),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_what_passes_is_tried_again_until_everything_is_granted(iam: Iam, cloud: LocalCloud, fault: Fault) -> None:
    cloud.faults.add(fault)
    assert {outcome.result for outcome in iam.apply()} == {"granted"}
    cloud.faults.clear()
    assert iam.verify() == ()


def test_a_write_whose_answer_is_lost_is_still_known_to_be_ours(
    iam: Iam, make: Make, cloud: LocalCloud, doors: Doors, readings: Key, text: str, tmp_path: Path
) -> None:
    cloud.faults.add(Fault(method="pubsub.SetIamPolicy", code="UNAVAILABLE", when="after", calls=3))
    iam.apply()
    make(edited(text, tmp_path, NO_BRIDGE)).apply()
    assert live(doors, readings) == frozenset()


def test_what_does_not_pass_fails_for_that_resource_and_the_rest_is_granted(
    iam: Iam, cloud: LocalCloud, readings: Key
) -> None:
    cloud.faults.add(Fault(method="pubsub.SetIamPolicy", resource=readings[1], code="PERMISSION_DENIED"))
    outcomes = iam.apply()
    [failed] = [one for one in outcomes if not one.good]
    assert (failed.binding.resource, failed.result) == (readings, "failed")
    assert "injected fault" in failed.why
    cloud.faults.clear()
    assert all(one.good for one in iam.apply())
    assert iam.verify() == ()


def test_a_role_that_the_project_lacks_is_told_with_what_to_do(iam: Iam, cloud: LocalCloud) -> None:
    message = "Role projects/p/roles/iotOwnSubscriptions does not exist in the resource's hierarchy."
    method = "resourcemanager.projects.setIamPolicy"
    cloud.faults.add(Fault(method=method, code="INVALID_ARGUMENT", message=message))
    failed = [one for one in iam.apply() if not one.good]
    assert {one.binding.kind for one in failed} == {PROJECTS}
    assert all("make it of what `conductor iam roles` prints" in one.why for one in failed)


def test_an_account_that_iam_does_not_know_yet_is_waited_for(
    made: Blueprint, make: Make, cloud: LocalCloud, readings: Key
) -> None:
    message = "Service account bridge-sa@p.iam.gserviceaccount.com does not exist."
    fault = Fault("pubsub.SetIamPolicy", readings[1], code="INVALID_ARGUMENT", message=message, calls=3)
    cloud.faults.add(fault)
    slept: list[float] = []
    polling = Polling(every=5.0, limit=120.0, sleep=slept.append, clock=lambda: sum(slept))
    assert all(one.good for one in make(made.architecture, polling).apply())
    assert slept == [5.0, 5.0, 5.0]


def test_an_account_that_never_comes_fails_in_the_end(
    made: Blueprint, make: Make, cloud: LocalCloud, readings: Key
) -> None:
    message = "Service account bridge-sa@p.iam.gserviceaccount.com does not exist."
    cloud.faults.add(Fault("pubsub.SetIamPolicy", readings[1], code="INVALID_ARGUMENT", message=message))
    slept: list[float] = []
    polling = Polling(every=5.0, limit=120.0, sleep=slept.append, clock=lambda: sum(slept))
    failed = [one for one in make(made.architecture, polling).apply() if not one.good]
    assert [one.binding.resource for one in failed] == [readings]
    assert sum(slept) == 120.0


class Killed(BaseException):
    """The process ends here."""


class Deadly:
    """A door at whose writes the process may end."""

    def __init__(self, inner: Any, written: Callable[[], None]) -> None:
        self._inner = inner
        self._written = written

    def get(self, name: str) -> Policy:
        found: Policy = self._inner.get(name)
        return found

    def put(self, name: str, policy: Policy) -> None:
        self._inner.put(name, policy)
        self._written()


def test_killed_between_any_two_resources_and_run_again_it_comes_to_the_same_end(
    made: Blueprint, doors: Doors, claims: Claims, make: Make, retries: Retries
) -> None:
    nothing = {name: flow.model_copy(update={"resources": Resources(), "services": {}}) for name, flow in flows(made)}
    empty = made.architecture.model_copy(update={"dataflows": nothing})
    still = Polling(limit=0.0)
    resources = len({change.binding.resource for change in make(made.architecture).plan()})
    for alive in range(resources):
        writes = itertools.count(1)

        def written(alive: int = alive, writes: Any = writes) -> None:
            if next(writes) > alive:
                raise Killed

        deadly = Doors({kind: Deadly(door, written) for kind, door in doors.by_kind.items()}, doors.number_of)
        with pytest.raises(Killed):
            Iam(made.architecture, deadly, claims, retries, still, still, workers=1).apply()
        assert {finding.problem for finding in make(made.architecture).verify()} <= {"missing"}
        assert all(one.good for one in make(made.architecture).apply())
        assert make(made.architecture).verify() == ()
        make(empty).apply()  # what is known to be ours goes: nothing else does
        assert claims.all() == {}
    assert {change.action for change in make(made.architecture).plan()} == {"grant"}


def flows(blueprint: Blueprint) -> Iterable[tuple[str, Dataflow]]:
    return blueprint.architecture.dataflows.items()


class Forgetful:
    """A door whose policies show what was written only after some looks, as Google's may."""

    def __init__(self, inner: Any, looks: int) -> None:
        self._inner = inner
        self._old: Policy | None = None
        self._left = looks

    def get(self, name: str) -> Policy:
        if self._old is not None and self._left:
            self._left -= 1
            return self._old
        found: Policy = self._inner.get(name)
        return found

    def put(self, name: str, policy: Policy) -> None:
        self._old = self._inner.get(name)
        self._inner.put(name, policy)


@pytest.mark.parametrize(("looks", "result"), [(3, "granted"), (1000, "failed")])
def test_what_was_granted_is_waited_for_until_it_can_be_seen(
    made: Blueprint, doors: Doors, claims: Claims, retries: Retries, looks: int, result: str
) -> None:
    secrets: Mapping[str, Any] = {SECRETS: Forgetful(doors.by_kind[SECRETS], looks)}
    slow = Doors({**doors.by_kind, **secrets}, doors.number_of)
    slept: list[float] = []
    effect = Polling(every=5.0, limit=300.0, sleep=slept.append, clock=lambda: sum(slept))
    outcomes = Iam(made.architecture, slow, claims, retries, effect, effect).apply()
    assert {one.result for one in outcomes if one.binding.kind == SECRETS} == {result}
    assert {one.result for one in outcomes if one.binding.kind != SECRETS} == {"granted"}
    assert sum(slept) == (15.0 if result == "granted" else 300.0)


def test_a_grant_of_which_nobody_can_tell_whether_it_holds_fails_with_the_reason(
    made: Blueprint, doors: Doors, claims: Claims
) -> None:
    slept: list[float] = []

    class Blind:
        """Services that Google never answers for."""

        def may(self, binding: Binding) -> bool | None:
            raise ServiceUnavailable("no answer")

    effect = Polling(every=5.0, limit=300.0, sleep=slept.append, clock=lambda: sum(slept))
    retries = Retries(attempts=2, sleep=lambda seconds: None)
    outcomes = Iam(made.architecture, doors, claims, retries, effect, effect, services=Blind()).apply("water")
    assert {one.result for one in outcomes} == {"failed"}
    assert all("does not hold after 300 s: whether " in one.why for one in outcomes)


def test_a_policy_that_cannot_be_read_ends_the_plan_before_anything_is_done(iam: Iam, cloud: LocalCloud) -> None:
    cloud.faults.add(Fault(method="bigquery.tables.getIamPolicy", code="PERMISSION_DENIED"))
    with pytest.raises(Rejected, match=r"the policy of bigquery_tables \S+ could not be read"):
        iam.apply()
    cloud.faults.clear()
    assert {change.action for change in iam.plan()} == {"grant"}
    cloud.faults.add(Fault(method="bigquery.tables.getIamPolicy", code="UNAVAILABLE"))
    with pytest.raises(Unavailable):
        iam.plan()


def test_plan_and_verify_write_nothing(iam: Iam, cloud: LocalCloud, claims: Claims) -> None:
    cloud.faults.add(Fault(method="*etIamPolicy", marker="roles/", code="INTERNAL"))
    assert iam.plan()
    assert {finding.problem for finding in iam.verify()} == {"missing"}
    assert claims.all() == {}
