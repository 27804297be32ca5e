"""Publishing and topics, with Google's own client and with raw bytes."""

from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import pubsub_v1
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1.types import pubsub as types

from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from localcloud.rpc import pb

PublishRequest = pb(types.PublishRequest)
PublishResponse = pb(types.PublishResponse)


def test_a_message_arrives_whole(lab: Any) -> None:
    topic = lab.topic()
    subscription = lab.subscription(topic)
    number = lab.publisher.publish(topic, b"\x00\xff payload", site="north", **{"mqtt.topic": "a/b"}).result(timeout=10)
    [received] = lab.now(subscription)
    assert received.message.data == b"\x00\xff payload"
    assert dict(received.message.attributes) == {"site": "north", "mqtt.topic": "a/b"}
    assert received.message.message_id == number
    assert received.delivery_attempt == 0


def test_the_publish_time_is_the_clock_s(lab: Any, cloud: LocalCloud) -> None:
    topic = lab.topic()
    subscription = lab.subscription(topic)
    cloud.clock.advance(1000)
    before = cloud.clock.time()
    lab.publish(topic, b"now")
    assert before <= lab.now(subscription)[0].message.publish_time.timestamp() <= cloud.clock.time()


def test_ids_are_answered_in_order_and_rise(lab: Any) -> None:
    topic = lab.topic()
    ids = lab.publish(topic, b"1", b"2") + lab.publish(topic, b"3")
    assert ids == sorted(set(ids), key=int)


def test_every_subscription_gets_every_message_published_after_it(lab: Any) -> None:
    topic = lab.topic()
    early = lab.subscription(topic)
    lab.publish(topic, b"first")
    late = lab.subscription(topic)
    lab.publish(topic, b"second")
    assert lab.data(early) == [b"first", b"second"]
    assert lab.data(late) == [b"second"]


def test_raw_requests_with_appended_blocks_are_understood(lab: Any) -> None:
    """A platform that appends attributes to messages it once pulled sends ids, times and doubled keys along."""
    topic = lab.topic()
    subscription = lab.subscription(topic)
    lab.publish(topic, b"payload", site="north", kind="raw")
    pulled = types.PubsubMessage.pb(lab.now(subscription)[0].message)
    request = PublishRequest(topic=topic, messages=[pulled]).SerializeToString()
    body = pulled.SerializeToString() + pb(types.PubsubMessage)(attributes={"kind": "enriched"}).SerializeToString()
    head = request[: request.index(b"\x12")]
    answer = lab.raw("Publisher/Publish", head + b"\x12" + bytes([len(body) & 127 | 128, len(body) >> 7]) + body)
    [again] = lab.now(subscription)
    assert dict(again.message.attributes) == {"site": "north", "kind": "enriched"}
    assert [again.message.message_id] == list(PublishResponse.FromString(answer).message_ids)
    assert again.message.message_id != pulled.message_id


def test_bad_messages_are_refused_and_nothing_of_the_request_is_published(lab: Any) -> None:
    topic = lab.topic()
    subscription = lab.subscription(topic)
    with pytest.raises(exceptions.InvalidArgument, match="value that is too long"):
        lab.batches.publish(topic=topic, messages=[{"data": b"good"}, {"attributes": {"k": "v" * 1025}}])
    assert lab.now(subscription) == []


def test_publishing_to_no_topic_is_not_found(lab: Any) -> None:
    with pytest.raises(exceptions.NotFound, match=r"Resource not found \(resource=nothing\)"):
        lab.publish(f"{lab.project}/topics/nothing", b"lost")
    with pytest.raises(exceptions.InvalidArgument, match="Invalid resource name"):
        lab.publish("nothing", b"lost")


def test_a_fault_before_the_effect_publishes_nothing(lab: Any, cloud: LocalCloud) -> None:
    topic = lab.topic()
    subscription = lab.subscription(topic)
    cloud.faults.add(Fault(method="pubsub.Publish", resource=topic, code="PERMISSION_DENIED"))
    with pytest.raises(exceptions.PermissionDenied):
        lab.publish(topic, b"refused")
    assert lab.now(subscription) == []


def test_a_fault_after_the_effect_publishes_and_the_retry_publishes_again(lab: Any, cloud: LocalCloud) -> None:
    topic = lab.topic()
    subscription = lab.subscription(topic)
    cloud.faults.add(Fault(method="pubsub.Publish", resource=topic, when="after", calls=1))
    with pytest.raises(exceptions.ServiceUnavailable):
        lab.publish(topic, b"twice")
    assert lab.data(subscription) == [b"twice"]
    lab.publish(topic, b"twice")
    assert lab.data(subscription) == [b"twice"]


def test_a_fault_can_pick_one_poison_message(lab: Any, cloud: LocalCloud) -> None:
    topic = lab.topic()
    cloud.faults.add(Fault(method="pubsub.Publish", marker="poison", code="INVALID_ARGUMENT"))
    lab.publish(topic, b"good")
    with pytest.raises(exceptions.InvalidArgument):
        lab.publish(topic, b"good", b"a poison message")


def test_topics_are_created_shown_changed_and_deleted(lab: Any) -> None:
    topic = lab.topic(labels={"a": "1"})
    with pytest.raises(exceptions.AlreadyExists, match="Resource already exists in the project"):
        lab.publisher.create_topic(name=topic)
    changed = lab.publisher.update_topic(
        topic={"name": topic, "labels": {"b": "2"}, "message_retention_duration": Duration(seconds=3600)},
        update_mask=FieldMask(paths=["labels", "message_retention_duration"]),
    )
    shown = lab.publisher.get_topic(topic=topic)
    assert shown == changed
    assert dict(shown.labels) == {"b": "2"}
    assert shown.state is types.Topic.State.ACTIVE
    lab.publisher.delete_topic(topic=topic)
    with pytest.raises(exceptions.NotFound):
        lab.publisher.get_topic(topic=topic)


def test_a_subscription_survives_its_topic(lab: Any) -> None:
    topic = lab.topic()
    subscription = lab.subscription(topic)
    lab.publish(topic, b"kept")
    lab.publisher.delete_topic(topic=topic)
    assert lab.subscriber.get_subscription(subscription=subscription).topic == "_deleted-topic_"
    assert lab.data(subscription) == [b"kept"]
    lab.publisher.create_topic(name=topic)
    lab.publish(topic, b"not for the old subscription")
    assert lab.now(subscription) == []


def test_topics_and_their_subscriptions_are_listed_in_pages(lab: Any) -> None:
    topics = sorted(lab.topic() for _ in range(5))
    pager = lab.publisher.list_topics(request={"project": lab.project, "page_size": 2})
    assert [len(page.topics) for page in pager.pages] == [2, 2, 1]
    assert [topic.name for topic in lab.publisher.list_topics(project=lab.project)] == topics
    subscriptions = sorted(lab.subscription(topics[0]) for _ in range(3))
    listed = lab.publisher.list_topic_subscriptions(request={"topic": topics[0], "page_size": 1})
    assert list(listed) == subscriptions


def test_the_stock_publisher_keeps_order_within_a_key(lab: Any) -> None:
    topic = lab.topic()
    subscription = lab.subscription(topic, enable_message_ordering=True)
    with pubsub_v1.PublisherClient(publisher_options=pubsub_v1.types.PublisherOptions(True)) as ordered:
        futures = [ordered.publish(topic, b"%d" % number, ordering_key="key") for number in range(50)]
        for future in futures:
            future.result(timeout=10)
        ordered.stop()
    assert lab.data(subscription) == [b"%d" % number for number in range(50)]
