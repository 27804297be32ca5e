"""What is told of the live policies: grants beyond the plan, and of whom."""

from typing import Any

from director import keys
from director.iam.bindings import PROJECTS, Binding
from director.iam.claims import Claim
from director.iam.findings import Finding, findings
from director.iam.plan import World, plan
from director.iam.scope import agent_of
from director.keys import Key

TOPIC, PROJECT = keys.topic("p", "readings"), (PROJECTS, "p")
BRIDGE = "serviceAccount:bridge-sa@p.iam.gserviceaccount.com"
AGENT = agent_of("42")
PUBLISHES = Binding(*TOPIC, "roles/pubsub.publisher", BRIDGE, ("air/bridge publishes",), frozenset({"air"}))
DEAD = Binding(*TOPIC, "roles/pubsub.publisher", AGENT, ("dead letters",), frozenset({"air"}))


def binding(role: str, *members: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "members": list(members), **more}


def found(*more: dict[str, Any], on: Key = TOPIC, claims: dict[Key, Any] | None = None) -> tuple[Finding, ...]:
    """With everything planned live, and more."""
    live = {TOPIC: [binding("roles/pubsub.publisher", BRIDGE, AGENT)], PROJECT: list[dict[str, Any]]()}
    live[on] = [*live[on], *more]
    world = World({key: {"bindings": bindings} for key, bindings in live.items()}, claims or {})
    wanted = (PUBLISHES, DEAD)
    return findings(plan(wanted, world, "plant"), wanted, wanted, world)


def test_with_what_is_planned_and_nothing_else_there_is_nothing_to_tell() -> None:
    assert found() == ()


def test_more_on_a_planned_resource_is_told() -> None:
    [finding] = found(binding("roles/pubsub.editor", BRIDGE))
    assert finding.problem == "broader"
    assert "may change the resource itself" in finding.why


def test_more_on_the_project_is_told() -> None:
    [finding] = found(binding("roles/editor", BRIDGE), on=PROJECT)
    assert "a basic role covers every service of the project" in finding.why


def test_what_is_open_to_everyone_is_told() -> None:
    assert [one.binding.member for one in found(binding("roles/pubsub.subscriber", "allUsers"))] == ["allUsers"]


def test_people_and_accounts_that_are_in_no_plan_are_none_of_its_business() -> None:
    others = "user:anna@example.com", "serviceAccount:other@p.iam.gserviceaccount.com"
    assert found(binding("roles/pubsub.admin", *others)) == ()
    assert found(binding("roles/owner", *others), on=PROJECT) == ()


def test_googles_agent_has_its_role_on_the_project_from_google() -> None:
    assert found(binding("roles/pubsub.serviceAgent", AGENT), on=PROJECT) == ()


def test_what_a_condition_limits_is_not_judged() -> None:
    assert found(binding("roles/pubsub.editor", BRIDGE, condition={"expression": "true"})) == ()


def test_what_another_document_claims_is_not_beyond_the_plan() -> None:
    claim = {TOPIC: {("roles/pubsub.subscriber", BRIDGE): Claim(True, frozenset({"site/air"}))}}
    assert found(binding("roles/pubsub.subscriber", BRIDGE), claims=claim) == ()


def test_what_is_ours_and_superfluous_is_told_once() -> None:
    claim = {TOPIC: {("roles/pubsub.editor", BRIDGE): Claim(True, frozenset({"plant/air"}))}}
    [finding] = found(binding("roles/pubsub.editor", BRIDGE), claims=claim)
    assert finding.problem == "superfluous"
    assert finding.why.endswith("apply takes it away")


def test_what_is_open_is_told_of_places_on_which_nothing_is_planned_as_well() -> None:
    service = keys.cloud_run_service("p", "europe-west1", "registry")
    live = {service: {"bindings": [binding("roles/run.invoker", "allUsers", BRIDGE, "user:anna@example.com")]}}
    world = World({TOPIC: {"bindings": [binding("roles/pubsub.publisher", BRIDGE)]}, **live}, {})
    told = findings((), (PUBLISHES,), (PUBLISHES,), world, {service})
    assert [(one.binding.resource, one.binding.member) for one in told] == [(service, "allUsers"), (service, BRIDGE)]
    assert findings((), (PUBLISHES,), (PUBLISHES,), world) == ()
