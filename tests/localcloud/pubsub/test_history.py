"""Seeks to a time and to a snapshot."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from google.api_core import exceptions
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from localcloud.cloud import LocalCloud

DAY = 24 * 3600


def moment(cloud: LocalCloud) -> datetime.datetime:
    """Now, and then time goes on."""
    now = datetime.datetime.fromtimestamp(cloud.clock.time(), datetime.UTC)
    cloud.clock.advance(1)
    return now


def published_and_acknowledged(lab: Any, topic: str, subscription: str, *data: bytes) -> None:
    lab.publish(topic, *data)
    lab.acknowledge(subscription, lab.now(subscription))


def seek(lab: Any, subscription: str, **target: Any) -> None:
    lab.subscriber.seek(request={"subscription": subscription, **target})


def test_a_seek_forward_acknowledges_everything_older(lab: Any, cloud: LocalCloud) -> None:
    topic = lab.topic()
    subscription = lab.subscription(topic)
    lab.publish(topic, b"old")
    lab.publish(topic, b"on lease")
    assert len(lab.now(subscription, most=1)) == 1
    cloud.clock.advance(1)
    seek(lab, subscription, time=moment(cloud))
    lab.publish(topic, b"new")
    assert lab.data(subscription) == [b"new"]


@pytest.mark.parametrize("who", ["subscription", "topic"])
def test_a_seek_back_brings_what_the_subscription_or_the_topic_keeps(lab: Any, cloud: LocalCloud, who: str) -> None:
    topic = lab.topic(**({"message_retention_duration": Duration(seconds=DAY)} if who == "topic" else {}))
    subscription = lab.subscription(topic, retain_acked_messages=who == "subscription", filter="NOT attributes:test")
    published_and_acknowledged(lab, topic, subscription, b"before")
    then = moment(cloud)
    published_and_acknowledged(lab, topic, subscription, b"after")
    lab.publish(topic, b"filtered", test="")
    lab.publish(topic, b"unacknowledged")
    seek(lab, subscription, time=then)
    assert lab.data(subscription) == [b"after", b"unacknowledged"]


def test_what_nobody_keeps_is_gone(lab: Any, cloud: LocalCloud) -> None:
    topic = lab.topic()
    keeping = lab.subscription(topic, retain_acked_messages=True)
    subscription = lab.subscription(topic)
    then = moment(cloud)
    published_and_acknowledged(lab, topic, subscription, b"gone")
    late = lab.subscription(topic, retain_acked_messages=True)
    for each in (subscription, late, keeping):
        seek(lab, each, time=then)
    assert [lab.data(each) for each in (subscription, late, keeping)] == [[], [], [b"gone"]]


def test_kept_messages_are_kept_no_longer_than_asked(
    lab: Any, cloud: LocalCloud, until: Callable[[Callable[[], bool]], None]
) -> None:
    topic = lab.topic(message_retention_duration=Duration(seconds=DAY))
    subscription = lab.subscription(topic)
    then = moment(cloud)
    published_and_acknowledged(lab, topic, subscription, b"too old")
    cloud.clock.advance(DAY)
    published_and_acknowledged(lab, topic, subscription, b"young enough")
    seek(lab, subscription, time=then)
    assert lab.data(subscription) == [b"young enough"]


def test_a_snapshot_is_a_point_in_time(lab: Any) -> None:
    """Seeking to it brings what was unacknowledged then, and all that was published since."""
    topic = lab.topic()
    subscription = lab.subscription(topic, filter="NOT attributes:test")
    published_and_acknowledged(lab, topic, subscription, b"done before")
    lab.publish(topic, b"open then")
    name = lab.name("snapshots")
    made = lab.subscriber.create_snapshot(name=name, subscription=subscription)
    assert (made.name, made.topic) == (name, topic)
    lab.acknowledge(subscription, lab.now(subscription))
    published_and_acknowledged(lab, topic, subscription, b"done since")
    lab.publish(topic, b"filtered", test="")
    lab.publish(topic, b"still open")
    other = lab.subscription(topic)
    for each in (subscription, other):
        seek(lab, each, snapshot=name)
    assert lab.data(subscription) == [b"open then", b"done since", b"still open"]
    assert lab.data(other) == [b"open then", b"done since", b"filtered", b"still open"]


def test_snapshots_are_shown_changed_listed_and_deleted(lab: Any) -> None:
    topic = lab.topic()
    subscription = lab.subscription(topic)
    first, second = sorted(lab.name("snapshots") for _ in range(2))
    for name in (first, second):
        lab.subscriber.create_snapshot(name=name, subscription=subscription)
    with pytest.raises(exceptions.AlreadyExists):
        lab.subscriber.create_snapshot(name=first, subscription=subscription)
    lab.subscriber.update_snapshot(
        snapshot={"name": first, "labels": {"a": "1"}}, update_mask=FieldMask(paths=["labels"])
    )
    assert dict(lab.subscriber.get_snapshot(snapshot=first).labels) == {"a": "1"}
    assert [each.name for each in lab.subscriber.list_snapshots(project=lab.project)] == [first, second]
    assert list(lab.publisher.list_topic_snapshots(topic=topic)) == [first, second]
    lab.subscriber.delete_snapshot(snapshot=first)
    with pytest.raises(exceptions.NotFound):
        seek(lab, subscription, snapshot=first)


def test_a_snapshot_ends_a_week_after_its_oldest_message(
    lab: Any, cloud: LocalCloud, until: Callable[[Callable[[], bool]], None]
) -> None:
    topic = lab.topic()
    subscription = lab.subscription(topic)
    lab.publish(topic, b"oldest")
    cloud.clock.advance(6 * DAY)
    name = lab.name("snapshots")
    lab.subscriber.create_snapshot(name=name, subscription=subscription)
    cloud.clock.advance(DAY - 3000)
    with pytest.raises(exceptions.FailedPrecondition, match="too old"):
        lab.subscriber.create_snapshot(name=lab.name("snapshots"), subscription=subscription)
    assert lab.subscriber.get_snapshot(snapshot=name).name == name
    cloud.clock.advance(3000)
    until(lambda: not list(lab.subscriber.list_snapshots(project=lab.project)))


def test_seeks_that_make_no_sense_are_refused(lab: Any) -> None:
    subscription = lab.subscription(lab.topic())
    elsewhere = lab.name("snapshots")
    lab.subscriber.create_snapshot(name=elsewhere, subscription=lab.subscription(lab.topic()))
    with pytest.raises(exceptions.FailedPrecondition, match="another topic"):
        seek(lab, subscription, snapshot=elsewhere)
    with pytest.raises(exceptions.InvalidArgument):
        seek(lab, subscription)
