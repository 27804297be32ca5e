"""Topics, through Google's publisher client."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from google.pubsub_v1 import SchemaServiceClient
from google.pubsub_v1.services.schema_service.transports import SchemaServiceGrpcTransport
from google.pubsub_v1.types import Schema

from director.documents.loading import Blueprint
from director.provisioning.base import Wanted
from director.provisioning.clients import Clients
from director.provisioning.plan import change
from director.resources.catalogue import wanted
from director.resources.topics import Checked, State, Stored, Topics


@pytest.fixture
def topics(clients: Clients) -> Topics:
    return Topics(clients.publisher)


@pytest.fixture
def topic(blueprint: Blueprint) -> Wanted[Any]:
    return wanted(blueprint, "air")[0]


def test_a_created_topic_is_as_wanted(topics: Topics, topic: Wanted[Any]) -> None:
    assert topics.observe(topic) is None
    topics.create(topic)
    observed = topics.observe(topic)
    assert observed is not None
    assert observed.state == topic.state
    assert observed.owner == topic.owner
    assert observed.state.labels["team"] == "air"


def test_an_update_touches_only_its_fields_and_keeps_the_labels_of_others(
    topics: Topics, topic: Wanted[Any], clients: Clients
) -> None:
    topics.create(topic)
    request = {"topic": {"name": topic.full_name, "labels": {**topic.state.labels, "cost": "x", "team": "sea"}}}
    clients.publisher.update_topic(request={**request, "update_mask": {"paths": ["labels"]}})
    changed = replace(topic, state=replace(topic.state, message_retention_duration=timedelta(days=3)))
    observed = topics.observe(changed)
    todo = change(changed, observed)
    assert todo.fields == {"labels", "message_retention_duration"}
    topics.update(changed, observed, todo.fields)  # type: ignore[arg-type]
    state = topics.observe(changed).state  # type: ignore[union-attr]
    assert state.labels == {**topic.state.labels, "cost": "x"}
    assert state.message_retention_duration == timedelta(days=3)


def test_a_retention_can_be_taken_away(topics: Topics, topic: Wanted[Any]) -> None:
    topics.create(topic)
    changed = replace(topic, state=replace(topic.state, message_retention_duration=None))
    observed = topics.observe(changed)
    todo = change(changed, observed)
    assert todo.reasons == ("message_retention_duration: 1d -> none",)
    topics.update(changed, observed, todo.fields)  # type: ignore[arg-type]
    assert change(changed, topics.observe(changed)).action == "none"


def test_a_deleted_topic_is_gone(topics: Topics, topic: Wanted[Any]) -> None:
    topics.create(topic)
    topics.delete(topic)
    assert topics.observe(topic) is None


KEY = "projects/p/locations/europe-west1/keyRings/r/cryptoKeys/k"


def test_key_and_storage_policy_are_set_and_left_alone_where_unsaid(topics: Topics, topic: Wanted[State]) -> None:
    stored = Stored(("europe-west1", "europe-west4"), in_transit=True)
    goal = replace(topic, state=replace(topic.state, kms_key_name=KEY, message_storage_policy=stored))
    topics.create(topic)
    observed = topics.observe(goal)
    todo = change(goal, observed)
    assert todo.reasons == (
        f"kms_key_name: none -> {KEY}",
        "message_storage_policy: none -> europe-west1, europe-west4 enforced in transit",
    )
    topics.update(goal, observed, todo.fields)  # type: ignore[arg-type]
    assert change(goal, topics.observe(goal)).action == "none"
    assert change(topic, topics.observe(topic)).action == "none"
    unsaid = replace(topic, state=replace(topic.state, message_retention_duration=timedelta(days=2)))
    observed = topics.observe(unsaid)
    topics.update(unsaid, observed, change(unsaid, observed).fields)  # type: ignore[arg-type]
    assert change(goal, topics.observe(goal)).reasons == ("message_retention_duration: 2d -> 1d",)


def test_a_schema_can_be_set_changed_and_taken_away(topics: Topics, topic: Wanted[State], clients: Clients) -> None:
    schemas = SchemaServiceClient(transport=SchemaServiceGrpcTransport(channel=clients.channel("pubsub")))
    definition = '{"type": "record", "name": "R", "fields": []}'
    project = topic.full_name.rpartition("/topics/")[0]
    made = schemas.create_schema(parent=project, schema_id="reading", schema=Schema(type_=2, definition=definition))
    topics.create(topic)
    pinned = Checked(made.name, "binary", made.revision_id, made.revision_id)
    for checked, told in (
        (Checked(made.name, "json"), f"none -> {made.name} as json"),
        (pinned, f"as binary from {made.revision_id} to {made.revision_id}"),
        (None, "-> none"),
    ):
        goal = replace(topic, state=replace(topic.state, schema_settings=checked))
        observed = topics.observe(goal)
        todo = change(goal, observed)
        assert told in todo.reasons[0]
        topics.update(goal, observed, todo.fields)  # type: ignore[arg-type]
        assert change(goal, topics.observe(goal)).action == "none"


def test_a_schema_that_was_deleted_is_drift(topics: Topics, topic: Wanted[State], clients: Clients) -> None:
    schemas = SchemaServiceClient(transport=SchemaServiceGrpcTransport(channel=clients.channel("pubsub")))
    definition = '{"type": "record", "name": "R", "fields": []}'
    project = topic.full_name.rpartition("/topics/")[0]
    made = schemas.create_schema(parent=project, schema_id="gone", schema=Schema(type_=2, definition=definition))
    goal = replace(topic, state=replace(topic.state, schema_settings=Checked(made.name, "json")))
    topics.create(goal)
    schemas.delete_schema(name=made.name)
    todo = change(goal, topics.observe(goal))
    assert todo.reasons == (f"schema_settings: _deleted-schema_ as json -> {made.name} as json",)
