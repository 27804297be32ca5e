"""Subscriptions, Pull and acknowledging, with Google's own client."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from google.api_core import exceptions
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1.types import pubsub as types

from localcloud.cloud import LocalCloud
from localcloud.rpc import pb

WEEK = 7 * 24 * 3600


@pytest.fixture
def topic(lab: Any) -> str:
    name: str = lab.topic()
    return name


def test_subscriptions_are_created_shown_changed_and_deleted(lab: Any, topic: str) -> None:
    name = lab.subscription(topic, labels={"a": "1"}, filter="attributes:site")
    with pytest.raises(exceptions.AlreadyExists):
        lab.subscriber.create_subscription(name=name, topic=topic)
    changed = lab.subscriber.update_subscription(
        subscription={"name": name, "ack_deadline_seconds": 60},
        update_mask=FieldMask(paths=["ack_deadline_seconds"]),
    )
    shown = lab.subscriber.get_subscription(subscription=name)
    assert shown == changed
    assert (shown.ack_deadline_seconds, dict(shown.labels), shown.filter) == (60, {"a": "1"}, "attributes:site")
    assert shown.message_retention_duration.total_seconds() == WEEK
    lab.subscriber.delete_subscription(subscription=name)
    with pytest.raises(exceptions.NotFound):
        lab.subscriber.get_subscription(subscription=name)


def test_what_cannot_be_is_refused(lab: Any, topic: str) -> None:
    with pytest.raises(exceptions.NotFound):
        lab.subscription(f"{lab.project}/topics/nothing")
    with pytest.raises(exceptions.InvalidArgument, match="Invalid filter"):
        lab.subscription(topic, filter="data = 1")
    with pytest.raises(exceptions.MethodNotImplemented, match="push"):
        lab.subscription(topic, push_config={"push_endpoint": "https://example.com"})
    with pytest.raises(exceptions.NotFound, match="dead"):
        lab.subscription(topic, dead_letter_policy={"dead_letter_topic": f"{lab.project}/topics/dead"})
    with pytest.raises(exceptions.InvalidArgument, match="max_messages"):
        lab.subscriber.pull(subscription=lab.subscription(topic), max_messages=0)


def test_subscriptions_are_listed_in_pages(lab: Any, topic: str) -> None:
    names = sorted(lab.subscription(topic) for _ in range(3))
    pager = lab.subscriber.list_subscriptions(request={"project": lab.project, "page_size": 2})
    assert [[each.name for each in page.subscriptions] for page in pager.pages] == [names[:2], names[2:]]


def test_a_filter_lets_only_its_messages_through(lab: Any, topic: str) -> None:
    subscription = lab.subscription(topic, filter='attributes.site = "north" AND NOT attributes:test')
    lab.publish(topic, b"yes", site="north")
    lab.publish(topic, b"no", site="south")
    lab.publish(topic, b"no", site="north", test="")
    assert lab.data(subscription) == [b"yes"]


def test_an_acknowledged_message_never_comes_again(lab: Any, topic: str, cloud: LocalCloud) -> None:
    subscription = lab.subscription(topic)
    lab.publish(topic, b"done", b"left")
    [done, _] = lab.now(subscription)
    lab.acknowledge(subscription, [done])
    cloud.clock.advance(601)
    assert lab.data(subscription) == [b"left"]


def test_an_unacknowledged_message_comes_again_after_its_deadline(lab: Any, topic: str, cloud: LocalCloud) -> None:
    subscription = lab.subscription(topic, ack_deadline_seconds=20)
    lab.publish(topic, b"slow")
    [received] = lab.now(subscription)
    cloud.clock.advance(15)
    lab.subscriber.modify_ack_deadline(subscription=subscription, ack_ids=[received.ack_id], ack_deadline_seconds=30)
    cloud.clock.advance(25)
    assert lab.now(subscription) == []
    cloud.clock.advance(10)
    assert lab.data(subscription) == [b"slow"]


def test_a_refused_message_comes_again_at_once(lab: Any, topic: str) -> None:
    subscription = lab.subscription(topic)
    lab.publish(topic, b"again")
    first = lab.now(subscription)
    lab.refuse(subscription, first)
    second = lab.now(subscription)
    assert [each.message.data for each in second] == [b"again"]
    assert second[0].ack_id != first[0].ack_id


def test_unknown_ack_ids_are_ignored(lab: Any, topic: str) -> None:
    subscription = lab.subscription(topic)
    lab.subscriber.acknowledge(subscription=subscription, ack_ids=["nonsense"])
    lab.subscriber.modify_ack_deadline(subscription=subscription, ack_ids=["nonsense"], ack_deadline_seconds=10)
    with pytest.raises(exceptions.InvalidArgument, match="ack deadline"):
        lab.subscriber.modify_ack_deadline(subscription=subscription, ack_ids=["x"], ack_deadline_seconds=601)


def test_ack_ids_do_not_count_on_another_subscription(lab: Any, topic: str, cloud: LocalCloud) -> None:
    mine, other = lab.subscription(topic), lab.subscription(topic)
    lab.publish(topic, b"kept")
    lab.acknowledge(other, lab.now(mine))
    cloud.clock.advance(601)
    assert lab.data(mine) == [b"kept"]


def test_exactly_once_says_which_ack_ids_no_longer_count(lab: Any, topic: str, cloud: LocalCloud) -> None:
    subscription = lab.subscription(topic, enable_exactly_once_delivery=True)
    lab.publish(topic, b"late")
    received = lab.now(subscription)
    cloud.clock.advance(11)
    with pytest.raises(exceptions.InvalidArgument, match="acknowledgement ids in the request were invalid") as late:
        lab.acknowledge(subscription, received)
    assert late.value.metadata == {received[0].ack_id: "PERMANENT_FAILURE_INVALID_ACK_ID"}
    lab.acknowledge(subscription, lab.now(subscription))


def test_an_empty_pull_is_answered_soon(lab: Any, topic: str) -> None:
    subscription = lab.subscription(topic)
    start = time.monotonic()
    assert not lab.subscriber.pull(subscription=subscription, max_messages=1).received_messages
    assert time.monotonic() - start < 3
    start = time.monotonic()
    assert lab.now(subscription) == []
    assert time.monotonic() - start < 0.2


def test_a_waiting_pull_gets_what_is_published_meanwhile(lab: Any, topic: str) -> None:
    subscription = lab.subscription(topic)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lab.subscriber.pull, subscription=subscription, max_messages=1)
        lab.publish(topic, b"just in time")
        assert [each.message.data for each in waiting.result().received_messages] == [b"just in time"]


def test_a_backlog_above_the_client_s_4_mib_comes_in_pieces(lab: Any, topic: str) -> None:
    subscription = lab.subscription(topic)
    for number in range(12):
        lab.publish(topic, bytes([number]) * 1_000_000)
    seen: list[int] = []
    while len(seen) < 12:
        received = lab.subscriber.pull(subscription=subscription, max_messages=100).received_messages
        assert 1 <= len(received) <= 3
        seen += [each.message.data[0] for each in received]
        lab.acknowledge(subscription, received)
    assert seen == list(range(12))


def test_many_small_messages_stay_below_4_mib_too(lab: Any, topic: str) -> None:
    subscription = lab.subscription(topic)
    for _ in range(80):
        lab.publish(topic, *[b"x"] * 1000)
    first = lab.subscriber.pull(subscription=subscription, max_messages=80_000).received_messages
    second = lab.subscriber.pull(subscription=subscription, max_messages=80_000).received_messages
    assert len(first) + len(second) == 80_000


def test_a_message_above_4_mib_still_comes_to_who_can_take_it(lab: Any, topic: str) -> None:
    subscription = lab.subscription(topic)
    lab.publish(topic, bytes(5_000_000), b"small")
    assert [len(data) for data in lab.data(subscription)] == [5_000_000]
    assert lab.data(subscription) == [b"small"]


def test_ordered_messages_come_again_from_the_refused_one_on(lab: Any, topic: str) -> None:
    subscription = lab.subscription(topic, enable_message_ordering=True)
    lab.publish(topic, b"1", b"2", b"3", ordering_key="key")
    received = lab.now(subscription)
    assert [each.message.ordering_key for each in received] == ["key"] * 3
    lab.acknowledge(subscription, received[:1])
    lab.refuse(subscription, received[1:2])
    assert lab.data(subscription) == [b"2", b"3"]


def test_a_message_that_fails_too_often_goes_to_the_dead_letter_topic(lab: Any, topic: str) -> None:
    dead = lab.topic()
    funerals = lab.subscription(dead)
    policy = {"dead_letter_topic": dead, "max_delivery_attempts": 5}
    subscription = lab.subscription(topic, dead_letter_policy=policy)
    [original] = lab.publish(topic, b"poison", site="north", ordering_key="key")
    for attempt in range(1, 6):
        [received] = lab.now(subscription)
        assert received.delivery_attempt == attempt
        lab.refuse(subscription, [received])
    assert lab.now(subscription) == []
    [buried] = lab.now(funerals)
    message = buried.message
    assert (message.data, message.ordering_key, message.attributes["site"]) == (b"poison", "key", "north")
    assert message.message_id != original
    assert message.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
    assert message.attributes["CloudPubSubDeadLetterSourceSubscription"] == subscription.split("/")[-1]
    assert message.attributes["CloudPubSubDeadLetterSourceSubscriptionProject"] == lab.project.split("/")[-1]
    published = received.message.publish_time.isoformat(timespec="milliseconds")
    assert message.attributes["CloudPubSubDeadLetterSourceTopicPublishTime"] == published


def test_expired_leases_lead_to_the_dead_letter_topic_without_another_pull(
    lab: Any, topic: str, cloud: LocalCloud, until: Callable[[Callable[[], bool]], None]
) -> None:
    dead = lab.topic()
    funerals = lab.subscription(dead)
    subscription = lab.subscription(topic, dead_letter_policy={"dead_letter_topic": dead})
    lab.publish(topic, b"poison")
    for _ in range(5):
        assert len(lab.now(subscription)) == 1
        cloud.clock.advance(11)
    until(lambda: lab.data(funerals) == [b"poison"])


def test_without_its_dead_letter_topic_a_message_is_kept(lab: Any, topic: str) -> None:
    dead = lab.topic()
    subscription = lab.subscription(topic, dead_letter_policy={"dead_letter_topic": dead})
    lab.publish(topic, b"poison")
    lab.publisher.delete_topic(topic=dead)
    for _ in range(6):
        lab.refuse(subscription, lab.now(subscription))
    assert lab.data(subscription) == [b"poison"]


def test_the_retry_policy_holds_a_refused_message_back(lab: Any, topic: str, cloud: LocalCloud) -> None:
    policy = {"minimum_backoff": Duration(seconds=20), "maximum_backoff": Duration(seconds=30)}
    subscription = lab.subscription(topic, retry_policy=policy)
    lab.publish(topic, b"later")
    for wait in (20, 30):
        lab.refuse(subscription, lab.now(subscription))
        cloud.clock.advance(wait - 2)
        assert lab.now(subscription) == []
        cloud.clock.advance(2)
        received = lab.now(subscription)
        assert [each.message.data for each in received] == [b"later"]
        lab.refuse(subscription, received)
        cloud.clock.advance(30)


def test_messages_are_dropped_after_their_retention(lab: Any, topic: str, cloud: LocalCloud) -> None:
    subscription = lab.subscription(topic)
    short = lab.subscription(topic, message_retention_duration=Duration(seconds=600))
    lab.publish(topic, b"old")
    cloud.clock.advance(601)
    assert lab.now(short) == []
    cloud.clock.advance(WEEK - 700)
    lab.publish(topic, b"new")
    assert lab.data(subscription) == [b"old", b"new"]
    cloud.clock.advance(200)
    assert lab.data(subscription) == [b"new"]


def test_a_detached_subscription_gets_and_gives_nothing(lab: Any, topic: str) -> None:
    subscription = lab.subscription(topic)
    lab.publish(topic, b"dropped")
    lab.publisher.detach_subscription(request={"subscription": subscription})
    with pytest.raises(exceptions.FailedPrecondition, match="detached"):
        lab.subscriber.pull(subscription=subscription, max_messages=1)
    assert list(lab.publisher.list_topic_subscriptions(topic=topic)) == []
    assert lab.subscriber.get_subscription(subscription=subscription).detached


def test_a_subscription_nobody_uses_expires(
    lab: Any, topic: str, cloud: LocalCloud, until: Callable[[Callable[[], bool]], None]
) -> None:
    day = Duration(seconds=24 * 3600)
    idle = lab.subscription(topic, expiration_policy={"ttl": day})
    used = lab.subscription(topic, expiration_policy={"ttl": day})
    eternal = lab.subscription(topic, expiration_policy={})
    cloud.clock.advance(20 * 3600)
    lab.now(used)
    cloud.clock.advance(20 * 3600)
    until(lambda: idle not in lab.publisher.list_topic_subscriptions(topic=topic))
    assert set(lab.publisher.list_topic_subscriptions(topic=topic)) == {used, eternal}


def test_changed_settings_hold_at_once(lab: Any, topic: str) -> None:
    dead = lab.topic()
    subscription = lab.subscription(topic)
    lab.publish(topic, b"counted")
    assert lab.now(subscription)[0].delivery_attempt == 0
    changed = pb(types.Subscription)(name=subscription, dead_letter_policy={"dead_letter_topic": dead})
    lab.subscriber.update_subscription(
        subscription=types.Subscription.wrap(changed), update_mask=FieldMask(paths=["dead_letter_policy"])
    )
    lab.publish(topic, b"counted")
    assert lab.now(subscription)[0].delivery_attempt == 1
