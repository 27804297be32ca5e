"""Subscriptions, through Google's subscriber client."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from director.documents import Blueprint
from director.resources.base import Wanted
from director.resources.catalogue import wanted
from director.resources.clients import Clients
from director.resources.plan import change
from director.resources.subscriptions import Backoff, DeadLetters, State, Subscriptions
from director.resources.topics import Topics


@pytest.fixture
def subscriptions(clients: Clients, blueprint: Blueprint) -> Subscriptions:
    for topic in wanted(blueprint, "air")[:2]:
        Topics(clients.publisher).create(topic)
    return Subscriptions(clients.subscriber)


@pytest.fixture
def plain(blueprint: Blueprint) -> Wanted[State]:
    """With nothing but what every subscription has."""
    found = wanted(blueprint, "air")[2]
    return replace(found, state=State(topic=found.state.topic, labels=found.state.labels))


@pytest.fixture
def rich(plain: Wanted[State]) -> Wanted[State]:
    """With everything a document can say."""
    state = State(
        topic=plain.state.topic,
        filter='attributes.kind = "x"',
        enable_message_ordering=True,
        ack_deadline_seconds=30,
        message_retention_duration=timedelta(days=2),
        retain_acked_messages=True,
        retry_policy=Backoff(timedelta(seconds=5), timedelta(seconds=60)),
        dead_letter_policy=DeadLetters(plain.state.topic.replace("readings", "dead"), 7),
        enable_exactly_once_delivery=True,
        expiration_policy=timedelta(days=40),
        labels=plain.state.labels,
    )
    return replace(plain, state=state)


def test_a_plain_one_is_as_wanted_and_never_expires(
    subscriptions: Subscriptions, plain: Wanted[State], clients: Clients
) -> None:
    assert subscriptions.observe(plain) is None
    subscriptions.create(plain)
    observed = subscriptions.observe(plain)
    assert observed is not None
    assert (observed.state, observed.owner) == (plain.state, plain.owner)
    live = clients.subscriber.get_subscription(subscription=plain.full_name)
    assert "expiration_policy" in live
    assert not live.expiration_policy.ttl


def test_every_field_is_created_and_read_back(subscriptions: Subscriptions, rich: Wanted[State]) -> None:
    subscriptions.create(rich)
    assert change(rich, subscriptions.observe(rich)).action == "none"


def test_every_changeable_field_can_be_set_and_taken_back(
    subscriptions: Subscriptions, plain: Wanted[State], rich: Wanted[State]
) -> None:
    fixed: dict[str, Any] = {"filter": "", "enable_message_ordering": False}
    rich = replace(rich, state=replace(rich.state, **fixed))
    subscriptions.create(plain)
    for goal in (rich, plain):
        observed = subscriptions.observe(goal)
        todo = change(goal, observed)
        assert len(todo.fields) == 7
        subscriptions.update(goal, observed, todo.fields)  # type: ignore[arg-type]
        assert change(goal, subscriptions.observe(goal)).reasons == ()


def test_one_that_lost_its_topic_is_refused(
    subscriptions: Subscriptions, plain: Wanted[State], clients: Clients
) -> None:
    subscriptions.create(plain)
    clients.publisher.delete_topic(topic=plain.state.topic)
    todo = change(plain, subscriptions.observe(plain))
    assert todo.action == "refuse"
    assert "topic: live _deleted-topic_" in todo.reasons[0]


def test_a_detached_one_is_not_usable(subscriptions: Subscriptions, plain: Wanted[State], clients: Clients) -> None:
    subscriptions.create(plain)
    clients.publisher.detach_subscription(request={"subscription": plain.full_name})
    todo = change(plain, subscriptions.observe(plain))
    assert todo.action == "refuse"
    assert any(reason.startswith("detached: live true") for reason in todo.reasons)


def test_a_deleted_one_is_gone(subscriptions: Subscriptions, plain: Wanted[State]) -> None:
    subscriptions.create(plain)
    subscriptions.delete(plain)
    assert subscriptions.observe(plain) is None
