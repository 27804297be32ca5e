"""StreamingPull: Google's own subscriber on it, and the details with raw requests."""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from google.cloud import pubsub_v1
from google.cloud.pubsub_v1.subscriber.exceptions import AcknowledgeError, AcknowledgeStatus
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1.types import pubsub as types

from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from localcloud.rpc import pb

Request = pb(types.StreamingPullRequest)
Response = pb(types.StreamingPullResponse)
Until = Callable[[Callable[[], bool]], None]


class Stream:
    """A raw StreamingPull: requests in, responses collected."""

    def __init__(self, channel: grpc.Channel, **first: Any) -> None:
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.send(**{"stream_ack_deadline_seconds": 10, **first})
        self.responses: list[Any] = []
        self.code: grpc.StatusCode | None = None
        self._call = channel.stream_stream(
            "/google.pubsub.v1.Subscriber/StreamingPull", Request.SerializeToString, Response.FromString
        )(iter(self._requests.get, None))
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def send(self, **request: Any) -> None:
        self._requests.put(Request(**request))

    def end(self) -> None:
        self._requests.put(None)

    def close(self) -> None:
        self._call.cancel()
        self.end()
        self._reader.join(timeout=10)

    def data(self) -> list[bytes]:
        return [each.message.data for each in self.received()]

    def received(self) -> list[Any]:
        return [each for response in list(self.responses) for each in response.received_messages]

    def _read(self) -> None:
        try:
            for response in self._call:
                self.responses.append(response)
        except grpc.RpcError:
            pass  # the code tells
        self.code = self._call.code()


@pytest.fixture
def opened(lab: Any) -> Iterator[Callable[..., Stream]]:
    streams: list[Stream] = []

    def open_stream(subscription: str, **first: Any) -> Stream:
        streams.append(Stream(lab.channel, subscription=subscription, **first))
        return streams[-1]

    yield open_stream
    for stream in streams:
        stream.close()


@contextmanager
def listening(lab: Any, subscription: str, callback: Callable[[Any], None], **options: Any) -> Iterator[Any]:
    future = lab.subscriber.subscribe(subscription, callback, **options)
    try:
        yield future
    finally:
        future.cancel()
        future.result(timeout=10)


def test_the_stock_subscriber_gets_and_acknowledges_everything(lab: Any, until: Until, cloud: LocalCloud) -> None:
    topic = lab.topic()
    subscription = lab.subscription(topic)
    seen: list[bytes] = []

    def callback(message: Any) -> None:
        seen.append(message.data)
        message.ack()

    with listening(lab, subscription, callback):
        wanted = [b"%d" % number for number in range(2000)]
        lab.publish(topic, *wanted[:1000])
        lab.publish(topic, *wanted[1000:])
        until(lambda: len(seen) >= 2000)
    assert sorted(seen) == sorted(wanted)
    cloud.clock.advance(601)
    assert lab.now(subscription) == []


def test_the_stock_subscriber_gets_a_refused_message_again(lab: Any, until: Until) -> None:
    topic = lab.topic()
    subscription = lab.subscription(topic)
    attempts: list[str] = []

    def callback(message: Any) -> None:
        attempts.append(message.message_id)
        message.ack() if len(attempts) == 3 else message.nack()

    with listening(lab, subscription, callback):
        [number] = lab.publish(topic, b"third time lucky")
        until(lambda: len(attempts) >= 3)
    assert attempts == [number] * 3


def test_the_stock_subscriber_gets_a_key_again_from_the_refused_message_on(lab: Any, until: Until) -> None:
    """The stock client goes on with a key after a refusal; those acknowledgements do not count."""
    topic = lab.topic()
    subscription = lab.subscription(topic, enable_message_ordering=True)
    for number in range(20):
        lab.publish(topic, b"%d" % number, ordering_key="a")
        lab.publish(topic, b"%d" % number, ordering_key="b")
    seen: dict[str, list[int]] = {"a": [], "b": []}
    refused: set[str] = set()

    def callback(message: Any) -> None:
        key, number = message.ordering_key, int(message.data)
        if number == 7 and key not in refused:
            refused.add(key)
            message.nack()
        else:
            seen[key].append(number)
            message.ack()

    with listening(lab, subscription, callback):
        until(lambda: all(7 in numbers and numbers[-1] == 19 for numbers in seen.values()))
    for numbers in seen.values():
        assert numbers[:7] == list(range(7))
        assert numbers[-13:] == list(range(7, 20))


def test_the_stock_subscriber_learns_whether_an_exactly_once_ack_counted(
    lab: Any, until: Until, cloud: LocalCloud
) -> None:
    topic = lab.topic()
    subscription = lab.subscription(topic, enable_exactly_once_delivery=True)
    outcomes: list[Any] = []
    delivered: list[str] = []

    def callback(message: Any) -> None:
        delivered.append(message.ack_id)
        if len(delivered) == 1:
            cloud.clock.advance(601)  # the lease is over before the ack
        else:
            until(lambda: bool(outcomes))  # one request for both acks would blur the client's answers
        try:
            outcomes.append(message.ack_with_response().result(timeout=10))
        except AcknowledgeError as error:
            outcomes.append(error.error_code)

    with listening(lab, subscription, callback):
        lab.publish(topic, b"late, then in time")
        until(lambda: len(outcomes) >= 2)
    assert outcomes == [AcknowledgeStatus.INVALID_ACK_ID, AcknowledgeStatus.SUCCESS]


def test_the_stock_subscriber_comes_back_after_an_outage(lab: Any, until: Until, cloud: LocalCloud) -> None:
    topic = lab.topic()
    subscription = lab.subscription(topic)
    cloud.faults.add(Fault(method="pubsub.StreamingPull.open", resource=subscription, calls=2))
    seen: list[bytes] = []

    def callback(message: Any) -> None:
        seen.append(message.data)
        message.ack()

    def arrived() -> bool:
        cloud.clock.advance(1)  # the client may leave a second stream open, unread: its lease has to end
        return bool(seen)

    with listening(lab, subscription, callback):
        until(lambda: cloud.faults.active()[0]["left"] == 0)
        lab.publish(topic, b"after the outage")
        until(arrived)
    assert set(seen) == {b"after the outage"}


def test_the_stock_subscriber_ends_when_its_subscription_is_deleted(lab: Any) -> None:
    subscription = lab.subscription(lab.topic())
    future = lab.subscriber.subscribe(subscription, lambda message: None)
    lab.subscriber.delete_subscription(subscription=subscription)
    with pytest.raises(Exception, match="Resource not found"):
        future.result(timeout=10)


def test_the_client_s_limit_of_messages_is_kept(lab: Any, opened: Any, until: Until) -> None:
    topic = lab.topic()
    subscription = lab.subscription(topic)
    lab.publish(topic, b"1", b"2", b"3", b"4", b"5")
    stream = opened(subscription, max_outstanding_messages=2)
    until(lambda: len(stream.data()) == 2)
    first, second = stream.received()
    stream.send(ack_ids=[first.ack_id])
    until(lambda: len(stream.data()) == 3)
    lab.acknowledge(subscription, [second])  # an ack from elsewhere makes room as well
    until(lambda: len(stream.data()) == 4)
    assert lab.data(subscription) == [b"5"]


def test_the_client_s_limit_of_bytes_is_kept(lab: Any, opened: Any, until: Until) -> None:
    topic = lab.topic()
    subscription = lab.subscription(topic)
    lab.publish(topic, *[bytes(1000)] * 4)
    stream = opened(subscription, max_outstanding_bytes=2500)
    until(lambda: len(stream.data()) == 3)  # the third goes out below the limit, and passes it
    assert len(lab.data(subscription)) == 1


def test_a_stream_s_own_deadline_holds_and_can_change(lab: Any, opened: Any, until: Until, cloud: LocalCloud) -> None:
    topic = lab.topic()
    subscription = lab.subscription(topic)
    stream = opened(subscription, stream_ack_deadline_seconds=30, max_outstanding_messages=1)
    lab.publish(topic, b"slow")
    until(lambda: len(stream.data()) == 1)
    cloud.clock.advance(20)
    assert lab.now(subscription) == []
    [received] = stream.received()
    stream.send(modify_deadline_ack_ids=[received.ack_id], modify_deadline_seconds=[0])
    until(lambda: len(stream.data()) == 2)
    cloud.clock.advance(30)
    until(lambda: len(stream.data()) == 3)


def test_exactly_once_confirms_on_the_stream(lab: Any, opened: Any, until: Until) -> None:
    topic = lab.topic()
    subscription = lab.subscription(topic, enable_exactly_once_delivery=True)
    lab.publish(topic, b"once")
    stream = opened(subscription)
    until(lambda: len(stream.data()) == 1)
    [received] = stream.received()
    assert stream.responses[0].subscription_properties.exactly_once_delivery_enabled
    stream.send(modify_deadline_ack_ids=[received.ack_id, "wrong"], modify_deadline_seconds=[20, 20])
    until(lambda: len(stream.responses) == 2)
    extended = stream.responses[1].modify_ack_deadline_confirmation
    assert (list(extended.ack_ids), list(extended.invalid_ack_ids)) == ([received.ack_id], ["wrong"])
    stream.send(ack_ids=[received.ack_id, "wrong"])
    until(lambda: len(stream.responses) == 3)
    acknowledged = stream.responses[2].acknowledge_confirmation
    assert (list(acknowledged.ack_ids), list(acknowledged.invalid_ack_ids)) == ([received.ack_id], ["wrong"])


def test_properties_and_attempts_follow_the_settings(lab: Any, opened: Any, until: Until) -> None:
    topic = lab.topic()
    subscription = lab.subscription(topic, enable_message_ordering=True)
    stream = opened(subscription)
    lab.publish(topic, b"plain")
    until(lambda: len(stream.responses) == 1)
    lab.subscriber.update_subscription(
        subscription={"name": subscription, "dead_letter_policy": {"dead_letter_topic": topic}},
        update_mask=FieldMask(paths=["dead_letter_policy"]),
    )
    lab.publish(topic, b"counted")
    until(lambda: len(stream.responses) == 2)
    assert all(response.subscription_properties.message_ordering_enabled for response in stream.responses)
    assert [each.delivery_attempt for each in stream.received()] == [0, 1]


def test_responses_stay_below_the_client_s_4_mib(lab: Any, until: Until) -> None:
    topic = lab.topic()
    subscription = lab.subscription(topic)
    for _ in range(3):
        lab.publish(topic, *[bytes(900_000)] * 10)
    seen: list[int] = []

    def callback(message: Any) -> None:
        seen.append(len(message.data))
        message.ack()

    with listening(lab, subscription, callback, flow_control=pubsub_v1.types.FlowControl(max_bytes=100_000_000)):
        until(lambda: len(seen) >= 30)
    assert seen == [900_000] * 30


def test_streams_take_turns(lab: Any, opened: Any, until: Until) -> None:
    topic = lab.topic()
    subscription = lab.subscription(topic)
    streams = [opened(subscription) for _ in range(2)]
    for number in range(1, 21):
        lab.publish(topic, b"data")
        until(lambda sent=number: sum(len(stream.data()) for stream in streams) == sent)
    assert all(stream.data() for stream in streams)


def test_several_streams_share_a_subscription(lab: Any, opened: Any, until: Until) -> None:
    topic = lab.topic()
    subscription = lab.subscription(topic)
    streams = [opened(subscription, max_outstanding_messages=5) for _ in range(3)]
    lab.publish(topic, *[b"%d" % number for number in range(15)])
    until(lambda: sum(len(stream.data()) for stream in streams) == 15)
    assert [len(stream.data()) for stream in streams] == [5, 5, 5]


def test_a_stream_ends_well_when_the_client_is_done(lab: Any, opened: Any, until: Until) -> None:
    stream = opened(lab.subscription(lab.topic()))
    stream.end()
    until(lambda: stream.code is grpc.StatusCode.OK)


def test_what_was_out_with_a_lost_stream_comes_again(lab: Any, opened: Any, until: Until, cloud: LocalCloud) -> None:
    topic = lab.topic()
    subscription = lab.subscription(topic)
    stream = opened(subscription)
    lab.publish(topic, b"held")
    until(lambda: len(stream.data()) == 1)
    stream.close()
    assert lab.now(subscription) == []
    cloud.clock.advance(10)
    assert lab.data(subscription) == [b"held"]


@pytest.mark.parametrize(
    ("first", "then", "code"),
    [
        ({"stream_ack_deadline_seconds": 0}, None, grpc.StatusCode.INVALID_ARGUMENT),
        ({"stream_ack_deadline_seconds": 601}, None, grpc.StatusCode.INVALID_ARGUMENT),
        ({}, {"stream_ack_deadline_seconds": 9}, grpc.StatusCode.INVALID_ARGUMENT),
        ({}, {"subscription": "projects/p/subscriptions/other"}, grpc.StatusCode.INVALID_ARGUMENT),
        ({}, {"modify_deadline_ack_ids": ["a"]}, grpc.StatusCode.INVALID_ARGUMENT),
        ({}, {"modify_deadline_ack_ids": ["a"], "modify_deadline_seconds": [601]}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"subscription": "nothing"}, None, grpc.StatusCode.INVALID_ARGUMENT),
        ({"subscription": "projects/p/subscriptions/nothing"}, None, grpc.StatusCode.NOT_FOUND),
    ],
)
def test_requests_that_make_no_sense_end_the_stream(
    lab: Any, until: Until, first: dict[str, Any], then: dict[str, Any] | None, code: grpc.StatusCode
) -> None:
    stream = Stream(lab.channel, **{"subscription": lab.subscription(lab.topic()), **first})
    if then:
        stream.send(**then)
    until(lambda: stream.code is not None)
    assert stream.code is code
    stream.close()


def test_detaching_ends_the_stream(lab: Any, opened: Any, until: Until) -> None:
    subscription = lab.subscription(lab.topic())
    stream = opened(subscription)
    lab.publisher.detach_subscription(request={"subscription": subscription})
    until(lambda: stream.code is grpc.StatusCode.FAILED_PRECONDITION)
