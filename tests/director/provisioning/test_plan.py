"""Plans are pure: what is wanted and what is there decide, and nothing else."""

from dataclasses import replace
from typing import Any

from director.documents.loading import Blueprint
from director.provisioning.base import Observed, Owner, Wanted, owner_in
from director.provisioning.plan import change, layers, plan, with_needs
from director.resources.catalogue import wanted

OWNER = Owner("plant", "air")


def one(blueprint: Blueprint, kind: str) -> Wanted[Any]:
    return next(resource for resource in wanted(blueprint, "air") if resource.kind == kind)


def seen(resource: Wanted[Any], **differences: Any) -> Observed[Any]:
    return Observed(replace(resource.state, **differences), resource.owner)


def test_in_an_empty_world_everything_is_created_after_what_it_needs(blueprint: Blueprint) -> None:
    resources = wanted(blueprint, "air")
    changes = plan(resources, dict.fromkeys(resource.key for resource in resources))
    assert {change.action for change in changes} == {"create"}
    position = {change.key: index for index, change in enumerate(changes)}
    for resource in resources:
        assert all(position[need] < position[resource.key] for need in resource.needs)


def test_the_same_input_gives_the_same_plan_and_is_not_touched(blueprint: Blueprint) -> None:
    resources = wanted(blueprint, "air")
    observed = {resource.key: seen(resource) for resource in resources[:3]}
    observed |= dict.fromkeys(resource.key for resource in resources[3:])
    before = dict(observed)
    assert plan(resources, observed) == plan(resources, observed)
    assert observed == before
    assert wanted(blueprint, "air") == resources


def test_what_is_as_wanted_needs_no_change(blueprint: Blueprint) -> None:
    for resource in wanted(blueprint, "air"):
        found = change(resource, seen(resource))
        assert (found.action, found.reasons, found.fields) == ("none", (), frozenset())


def test_each_drifted_field_is_named_with_what_is_and_what_should_be(blueprint: Blueprint) -> None:
    subscription = one(blueprint, "subscriptions")
    found = change(
        subscription, seen(subscription, ack_deadline_seconds=10, dead_letter_policy=None, retain_acked_messages=True)
    )
    topic = f"projects/{blueprint.architecture.project_id}/topics/dead"
    assert found.action == "update"
    assert found.fields == {"ack_deadline_seconds", "dead_letter_policy", "retain_acked_messages"}
    assert set(found.reasons) == {
        "ack_deadline_seconds: 10 -> 20",
        f"dead_letter_policy: none -> {topic} after 5 attempts",
        "retain_acked_messages: true -> false",
    }


def test_what_google_never_changes_is_refused_with_a_way_out(blueprint: Blueprint) -> None:
    subscription = one(blueprint, "subscriptions")
    found = change(subscription, seen(subscription, filter="attributes.x", ack_deadline_seconds=10))
    assert found.action == "refuse"
    assert found.reasons == (
        (
            "filter: live attributes.x, wanted none, cannot be changed; "
            "use another name, or delete the subscription and with it its backlog"
        ),
    )


def test_what_somebody_else_made_is_refused_whatever_it_is_like(blueprint: Blueprint) -> None:
    topic = one(blueprint, "topics")
    found = change(topic, Observed(topic.state, None))
    assert found.action == "refuse"
    assert found.reasons[0].startswith(
        "exists and is not ours; use another name, or hand it over by setting its labels"
    )
    assert "managed-by=iot-director, architecture=plant, dataflow=air" in found.reasons[0]


def test_another_dataflow_is_somebody_else(blueprint: Blueprint) -> None:
    topic = one(blueprint, "topics")
    found = change(topic, Observed(topic.state, Owner("plant", "water")))
    assert found.action == "refuse"
    assert "belongs to dataflow 'water' of 'plant'" in found.reasons[0]


def test_labels_of_others_are_left_alone_and_ours_restored(blueprint: Blueprint) -> None:
    topic = one(blueprint, "topics")
    assert change(topic, seen(topic, labels={**topic.state.labels, "cost": "x"})).action == "none"
    found = change(topic, seen(topic, labels={**topic.state.labels, "team": "water"}))
    assert (found.action, found.reasons) == ("update", ("labels: set team=air",))


def test_seeds_only_ever_add_documents(blueprint: Blueprint) -> None:
    collection = one(blueprint, "firestore_collections")
    found = change(collection, seen(collection, documents=frozenset({"d-1", "theirs"})))
    assert (found.action, found.reasons) == ("update", ("documents: 1 of 2 documents missing: d-2",))
    assert change(collection, seen(collection, documents=frozenset({"d-1", "d-2", "theirs"}))).action == "none"


def test_owners_are_read_from_labels() -> None:
    assert owner_in(OWNER.labels()) == OWNER
    assert owner_in({}) is None
    assert owner_in({**OWNER.labels(), "managed-by": "terraform"}) is None


def test_layers_keep_the_order_given(blueprint: Blueprint) -> None:
    resources = wanted(blueprint, "air")
    names = [
        [resource.full_name.rpartition("/")[2].rpartition(".")[2] for resource in layer] for layer in layers(resources)
    ]
    project = blueprint.architecture.project_id
    assert names == [["readings", "dead", "telemetry", f"{project}-archive", "devices"], ["readings-archive", "rows"]]


def test_a_service_brings_what_its_resources_need(blueprint: Blueprint) -> None:
    resources = wanted(blueprint, "air")
    chosen = [resource for resource in resources if resource.kind == "subscriptions"]
    assert [resource.kind for resource in with_needs(resources, chosen)] == ["topics", "topics", "subscriptions"]


def test_a_change_reads_as_a_line(blueprint: Blueprint) -> None:
    topic = one(blueprint, "topics")
    assert str(change(topic, None)) == f"create  topics {topic.full_name}: does not exist"
    assert str(change(topic, seen(topic))) == f"none    topics {topic.full_name}"


def test_what_is_missing_something_that_comes_later_waits_and_is_as_any_other_once_it_is_there(
    blueprint: Blueprint,
) -> None:
    resource = replace(one(blueprint, "topics"), waits="waits for an address")
    assert str(change(resource, None)) == f"wait    topics {resource.full_name}: waits for an address"
    assert change(resource, seen(resource)).action == "none"
    assert change(resource, seen(resource, labels={})).action == "update"
