"""Publish requests: what is refused, and the bytes that messages become."""

from typing import Any

import grpc
import pytest
from google.pubsub_v1.types import pubsub as types
from hypothesis import given
from hypothesis import strategies as st

from localcloud.pubsub import wire
from localcloud.pubsub.messages import Publication, PublishRequest, PubsubMessage, published, republished
from localcloud.rpc import RpcError, pb

PublishResponse = pb(types.PublishResponse)
NUMBER = 1_790_000_000_000_000
NANOSECONDS = 1_790_000_000_000_000_000


def publication(*messages: Any) -> Publication:
    return Publication(PublishRequest(topic="projects/p/topics/t", messages=messages).SerializeToString())


texts = st.text(max_size=40)
contents = st.builds(
    PubsubMessage,
    data=st.binary(max_size=300),
    attributes=st.dictionaries(texts, texts, max_size=5),
    ordering_key=texts,
    message_id=texts,
)


@given(st.lists(contents, max_size=5), st.integers(0, 2_000_000_000_999_999_999))
def test_a_message_keeps_its_content_and_gets_id_and_time(wanted: list[Any], nanoseconds: int) -> None:
    request = publication(*wanted)
    messages = published(request.contents, request.bodies(), NUMBER, nanoseconds)
    for number, (content, message) in enumerate(zip(wanted, messages, strict=True), NUMBER):
        content.message_id = str(number)
        content.publish_time.FromNanoseconds(nanoseconds)
        assert message.decoded() == content
        assert (message.number, message.ordering_key) == (number, content.ordering_key)
        assert message.published == pytest.approx(nanoseconds / 1e9)


def test_appended_blocks_are_merged_and_old_ids_and_times_replaced() -> None:
    old = PubsubMessage(data=b"payload", attributes={"site": "north", "kind": "raw"}, message_id="17")
    old.publish_time.seconds, old.publish_time.nanos = 5, 6
    block = PubsubMessage(attributes={"kind": "enriched"}).SerializeToString()
    body = old.SerializeToString() + block
    request = Publication(b"\x12" + wire.varint(len(body)) + body)
    request.check()
    [message] = published(request.contents, request.bodies(), NUMBER, 7_000_000_000)
    decoded = message.decoded()
    assert dict(decoded.attributes) == {"site": "north", "kind": "enriched"}
    assert decoded.message_id == str(NUMBER)
    assert (decoded.publish_time.seconds, decoded.publish_time.nanos) == (7, 0)


@given(st.lists(contents, min_size=1, max_size=5))
def test_published_messages_come_back_from_a_publish_request(wanted: list[Any]) -> None:
    request = publication(*wanted)
    messages = published(request.contents, request.bodies(), NUMBER, NANOSECONDS)
    encoded = wire.publish_request("projects/p/topics/t", (message.field for message in messages))
    assert republished(encoded) == ("projects/p/topics/t", messages)


@given(st.lists(st.integers(10**15, 10**16 - 1), max_size=5))
def test_the_response_lists_the_ids(numbers: list[int]) -> None:
    response = PublishResponse.FromString(wire.publish_response(numbers))
    assert list(response.message_ids) == [str(number) for number in numbers]


@given(st.integers(0, 1 << 40))
def test_varints_are_protobuf_s(number: int) -> None:
    assert (
        PubsubMessage.FromString(b"\x22" + wire.framed(b"\x08" + wire.varint(number))[1:]).publish_time.seconds
        == number
    )


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (PubsubMessage(), "is empty"),
        (PubsubMessage(ordering_key="key"), "is empty"),
        (PubsubMessage(attributes={str(number): "" for number in range(101)}), "attribute_count is too large"),
        (PubsubMessage(attributes={"k" * 257: ""}), "key that is too long"),
        (PubsubMessage(attributes={"ü" * 129: ""}), "key that is too long"),
        (PubsubMessage(attributes={"k": "v" * 1025}), "value that is too long"),
        (PubsubMessage(attributes={"k": "ü" * 513}), "value that is too long"),
        (PubsubMessage(attributes={"googclient_x": "v"}), "goog"),
        (PubsubMessage(data=b"d", ordering_key="k" * 1025), "ordering_key_size is too large"),
        (PubsubMessage(data=bytes(10_000_001)), "request_size is too large"),
    ],
)
def test_messages_beyond_the_limits_are_refused(message: Any, complaint: str) -> None:
    with pytest.raises(RpcError, match=complaint) as refused:
        publication(PubsubMessage(data=b"good", ordering_key=message.ordering_key), message).check()
    assert refused.value.code is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    "message",
    [
        PubsubMessage(attributes={f"{number:0256}": "v" * 1024 for number in range(100)}),
        PubsubMessage(attributes={"ü" * 128: "ü" * 512}),
        PubsubMessage(attributes={"": ""}),
        PubsubMessage(attributes={"my-goog": "goog"}),
        PubsubMessage(data=b"goog", ordering_key="k" * 1024),
        PubsubMessage(data=bytes(9_999_000)),
    ],
)
def test_messages_at_the_limits_pass(message: Any) -> None:
    publication(message).check()


def test_a_request_has_one_ordering_key_or_none() -> None:
    keyed, other, plain = (PubsubMessage(data=b"d", ordering_key=key) for key in ("a", "b", ""))
    publication(keyed, keyed).check()
    for mixed in ((keyed, other), (plain, keyed), (keyed, plain)):
        with pytest.raises(RpcError, match="the same ordering_key") as refused:
            publication(*mixed).check()
        assert refused.value.code is grpc.StatusCode.INVALID_ARGUMENT


def test_a_request_has_1_to_1000_messages() -> None:
    publication(*[PubsubMessage(data=b"d")] * 1000).check()
    with pytest.raises(RpcError, match="message_count is too large"):
        publication(*[PubsubMessage(data=b"d")] * 1001).check()
    with pytest.raises(RpcError, match="message_count is too small"):
        publication().check()
