"""Rights as part of an apply: given as soon as what they are on is there, before what needs them."""

from collections.abc import Callable

import pytest
from google.api_core.exceptions import Forbidden

from director import keys
from director.documents.loading import Blueprint, load_texts
from director.iam.links import made
from director.iam.rights import GRANTS, Rights
from director.iam.scope import agent_of
from director.keys import Key
from director.ledger.file import FileLedger
from director.retries import Retries
from director.service import Director
from tests.director.iam import worlds
from tests.director.worlds import Killed, World

Make = Callable[[], Director]


@pytest.fixture
def policies() -> worlds.World:
    return worlds.World()


@pytest.fixture
def make(blueprint: Blueprint, world: World, policies: worlds.World, retries: Retries) -> Make:
    """Directors that share one world, one journal and one set of policies; a policy is there with its resource."""
    ledger = FileLedger()
    policies.absent = worlds.Unmade(made(blueprint.architecture), world.things)

    def opened() -> Director:
        entitled = lambda of: Rights(policies.iam(of.architecture))  # noqa: E731
        return Director(blueprint, world.provide, retries, workers=1, ledger=ledger, rights=entitled)

    return opened


def granted(policies: worlds.World) -> set[tuple[Key, str]]:
    return {(key, role) for key, (role, _) in policies.live()}


def test_what_pubsub_writes_to_is_granted_to_it_before_the_subscription_is_made(
    make: Make, blueprint: Blueprint, world: World, policies: worlds.World
) -> None:
    project = blueprint.architecture.project_id
    table, subscription = keys.table(project, "telemetry", "dead"), keys.subscription(project, "dead-rows")
    seen = []

    def strike(call: str, key: Key, when: str) -> None:
        if (call, key, when) == ("create", subscription, "before"):
            seen.append((table, ("roles/bigquery.dataEditor", agent_of("42"))) in policies.live())

    world.strike = strike
    report = make().apply("air")
    assert all(one.good for one in report)
    assert seen == [True]
    assert sum(one.result == "granted" for one in report) == len(policies.live())


def test_a_plan_shows_what_will_be_granted_and_nothing_after_an_apply(make: Make) -> None:
    director = make()
    planned = [change.name for change in director.plan("air") if change.action == "grant"]
    report = director.apply("air", director.plan("air").hash)
    assert sorted(planned) == sorted(one.name for one in report if one.result == "granted")
    assert not [change for change in director.plan("air") if change.action != "none"]
    assert director.verify("air") == ()


def test_what_was_taken_away_by_hand_is_missing_and_given_again(
    make: Make, blueprint: Blueprint, policies: worlds.World
) -> None:
    director = make()
    director.apply("air")
    before = policies.live()
    policies.put(keys.topic(blueprint.architecture.project_id, "readings"))
    [missing] = director.verify("air")
    assert (missing.action, missing.kind) == ("grant", GRANTS)
    assert [one.name for one in director.apply("air") if one.result == "granted"] == [missing.name]
    assert policies.live() == before


def test_a_resource_that_was_made_anew_gets_its_rights_again(
    make: Make, blueprint: Blueprint, world: World, policies: worlds.World
) -> None:
    make().apply("air")
    before, topic = policies.live(), keys.topic(blueprint.architecture.project_id, "readings")
    del world.things[topic], policies.policies[topic]
    assert all(one.good for one in make().apply("air"))
    assert policies.live() == before


def test_of_one_resource_only_what_is_on_it_is_granted(
    make: Make, blueprint: Blueprint, policies: worlds.World
) -> None:
    topic = keys.topic(blueprint.architecture.project_id, "readings")
    director = make()
    planned = [change for change in director.plan("air", resource="topics/readings") if change.kind == GRANTS]
    director.apply("air", resource="topics/readings")
    assert {key for key, _ in granted(policies)} == {topic}
    assert len(planned) == 1


def test_new_rights_take_their_time_so_what_is_forbidden_is_tried_for_longer(
    make: Make, blueprint: Blueprint, world: World
) -> None:
    subscription, refusals = keys.subscription(blueprint.architecture.project_id, "dead-rows"), iter(range(12))

    def strike(call: str, key: Key, when: str) -> None:
        if (call, key, when) == ("create", subscription, "before") and next(refusals, None) is not None:
            raise Forbidden("the service agent may not write to the table")

    world.strike = strike
    assert all(one.good for one in make().apply("air"))


def test_policies_that_cannot_be_written_fail_the_apply_and_name_the_grant(make: Make, policies: worlds.World) -> None:
    def strike(effect: str, resource: Key, when: str) -> None:
        raise Forbidden("may not set policies")

    policies.strike = strike
    report = make().apply("air")
    failed = [one for one in report if one.kind == GRANTS]
    assert failed
    assert {one.result for one in failed} == {"failed"}
    assert any("may not set policies" in one.reason for one in failed)
    assert all(one.good for one in report if one.kind != GRANTS)


def test_a_kill_at_any_grant_is_mended_by_the_next_apply(make: Make, world: World, policies: worlds.World) -> None:
    effects = 0

    def count(effect: str, resource: Key, when: str) -> None:
        nonlocal effects
        effects += 1

    policies.strike = count
    make().apply("air")
    final, everything = policies.live(), dict(world.things)
    assert effects > 20
    for last in range(effects):
        world.things.clear()
        policies.policies.clear()
        policies.claimed.clear()
        policies.strike = _death(last)
        with pytest.raises(Killed):
            make().apply("air")
        policies.strike = lambda effect, resource, when: None
        make().apply("air")
        assert policies.live() == final
        assert world.things == everything


def _death(last: int) -> Callable[[str, Key, str], None]:
    left = iter(range(last))

    def strike(effect: str, resource: Key, when: str) -> None:
        if next(left, None) is None:
            raise Killed

    return strike


def test_with_the_last_resource_the_rights_on_the_project_go_too(text: str, make: Make, policies: worlds.World) -> None:
    director = make()
    director.renew(
        load_texts({"hub.yaml": text.replace("  air:\n", "  air:\n    lifecycle: {strategy: ephemeral}\n")}, "hub.yaml")
    )
    director.apply("air")
    director.apply("water")
    project = {role for key, role in granted(policies) if key[0] == "projects"}
    report = director.teardown("air")
    assert all(one.good for one in report), [one for one in report if not one.good]
    left = {role for key, role in granted(policies) if key[0] == "projects"}
    assert left < project
    assert left == {"roles/datastore.viewer"}, "what the other dataflow wants"


def test_while_a_resource_stays_so_do_the_rights(make: Make, policies: worlds.World) -> None:
    director = make()
    director.apply("air")
    before = policies.live()
    director.teardown("air")
    assert policies.live() == before
