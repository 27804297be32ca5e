"""Topics, through Google's publisher client."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from director.documents.loading import Blueprint
from director.provisioning.base import Wanted
from director.provisioning.clients import Clients
from director.provisioning.plan import change
from director.resources.catalogue import wanted
from director.resources.topics import Topics


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
