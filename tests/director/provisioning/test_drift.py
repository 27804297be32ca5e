"""Drift is told field by field, with the side that moved."""

from dataclasses import replace
from typing import Any

from director.documents.loading import Blueprint
from director.ledger.ledger import Entry
from director.provisioning.base import Observed, Owner
from director.provisioning.drift import drift
from director.provisioning.fingerprints import fingerprint
from director.resources.catalogue import wanted


def world(blueprint: Blueprint) -> dict[Any, Any]:
    return {one.key: Observed(one.state, one.owner) for one in wanted(blueprint, "air")}


def test_a_world_as_wanted_has_none(blueprint: Blueprint) -> None:
    assert drift(wanted(blueprint, "air"), world(blueprint), {}) == ()


def test_each_field_is_one_line_with_both_values(blueprint: Blueprint) -> None:
    resources = wanted(blueprint, "air")
    subscription = next(one for one in resources if one.kind == "subscriptions")
    live = replace(subscription.state, ack_deadline_seconds=60, filter="attributes.x")
    entries = {subscription.key: Entry(True, fingerprint(subscription.state))}
    found = drift(resources, world(blueprint) | {subscription.key: Observed(live, subscription.owner)}, entries)
    assert [(one.field, one.live, one.wanted, one.moved, one.mendable) for one in found] == [
        ("filter", "attributes.x", "", "world", False),
        ("ack_deadline_seconds", 60, 20, "world", True),
    ]
    assert str(found[1]) == f"subscriptions {subscription.full_name} ack_deadline_seconds: 60 -> 20; moved: world"
    assert found[0].to_json()["field"] == "filter"


def test_what_moved_is_known_by_what_was_last_applied(blueprint: Blueprint) -> None:
    resources = wanted(blueprint, "air")
    topic = resources[0]
    live = world(blueprint) | {topic.key: Observed(replace(topic.state, message_retention_duration=None), topic.owner)}
    for entry, moved in ((Entry(True, "another"), "document"), (Entry(True), "unknown")):
        [found] = drift(resources, live, {topic.key: entry})
        assert found.moved == moved


def test_the_absent_and_the_foreign_are_drift_of_the_whole(blueprint: Blueprint) -> None:
    resources = wanted(blueprint, "air")
    absent, foreign = resources[0], resources[1]
    live = world(blueprint) | {absent.key: None, foreign.key: Observed(foreign.state, Owner("plant", "water"))}
    found = {one.name: one for one in drift(resources, live, {})}
    assert (found[absent.full_name].field, found[absent.full_name].reason) == ("", "does not exist")
    assert "belongs to dataflow 'water'" in found[foreign.full_name].reason
    assert str(found[foreign.full_name]).endswith("(apply cannot mend it)")


def test_only_what_the_world_moved_is_put_right_by_itself(blueprint: Blueprint) -> None:
    resources = wanted(blueprint, "air")
    topic = replace(resources[0], enforced=True)
    live = world(blueprint) | {topic.key: Observed(replace(topic.state, message_retention_duration=None), topic.owner)}
    applied = {topic.key: Entry(True, fingerprint(topic.state))}
    [found] = drift([topic], live, applied)
    assert found.enforced
    assert str(found).endswith("moved: world (enforced)")
    assert not drift([topic], live, {topic.key: Entry(True, "another")})[0].enforced
    assert not drift([resources[0]], live, applied)[0].enforced
    assert drift([topic], {topic.key: None}, applied)[0].enforced
    assert not drift([topic], {topic.key: Observed(topic.state, Owner("plant", "water"))}, applied)[0].enforced
