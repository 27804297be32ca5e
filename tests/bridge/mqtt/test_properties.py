"""Properties are read as paho packs them, and nothing but MalformedProperties escapes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from bridge.mqtt.properties import MalformedProperties, decoded, encoded_properties

TOPIC = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="+#\0"), min_size=1, max_size=40)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
SINGLE = st.fixed_dictionaries(
    {},
    optional={
        "payload_format_indicator": st.integers(0, 1),
        "message_expiry_seconds": st.integers(0, 2**32 - 1),
        "content_type": TEXT,
        "response_topic": TOPIC,
        "correlation_data": st.binary(max_size=200),
        "topic_alias": st.integers(1, 65_535),
    },
)
PAHO = {
    "payload_format_indicator": "PayloadFormatIndicator",
    "message_expiry_seconds": "MessageExpiryInterval",
    "content_type": "ContentType",
    "response_topic": "ResponseTopic",
    "correlation_data": "CorrelationData",
    "topic_alias": "TopicAlias",
}


@given(
    single=SINGLE,
    user=st.lists(st.tuples(TEXT, TEXT), max_size=6),
    subscription=st.one_of(st.none(), st.integers(1, 268_435_455)),
)
def test_every_property_is_what_paho_packed(
    single: dict[str, object], user: list[tuple[str, str]], subscription: int | None
) -> None:
    made = Properties(PacketTypes.PUBLISH)
    for name, value in single.items():
        setattr(made, PAHO[name], value)
    made.UserProperty = user
    if subscription is not None:
        made.SubscriptionIdentifier = subscription
    packed = made.pack()
    begins = next(size for size in range(1, 5) if packed[size - 1] < 128)
    assert decoded(packed[begins:]) == (user, single)


@given(user=st.lists(st.tuples(TEXT, TEXT), max_size=6), content_type=st.one_of(st.none(), TEXT))
def test_what_is_encoded_is_what_is_decoded(user: list[tuple[str, str]], content_type: str | None) -> None:
    single = {} if content_type is None else {"content_type": content_type}
    assert decoded(encoded_properties(user, content_type)) == (user, single)


@pytest.mark.parametrize(
    "encoded",
    [
        b"\x26\x00\x09x",
        b"\x26\x00\x01x\x00\x02y",
        b"\x26\x00",
        b"\x26\x00\x01\xff\x00\x00",
        b"\x03\x00\x01\xff",
        b"\x03\x00\x05x",
        b"\x09\x00",
        b"\x09\x00\x02x",
        b"\x02\x00\x00",
        b"\x23\x00",
        b"\x01",
        b"\x0b\xff\xff\xff\xff\x01",
        b"\x0b\x80",
        b"\x01\x00\x01\x00",
        b"\x03\x00\x00\x03\x00\x00",
        b"\x11\x00\x00\x00\x00",
        b"\x00",
    ],
)
def test_what_no_broker_sends_is_malformed(encoded: bytes) -> None:
    with pytest.raises(MalformedProperties):
        decoded(encoded)


@given(encoded=st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_but_malformed_properties(encoded: bytes) -> None:
    try:
        user, single = decoded(encoded)
    except MalformedProperties:
        return
    assert len(user) + len(single) <= len(encoded)


def test_text_that_mqtt_cannot_hold_is_not_encoded() -> None:
    with pytest.raises(OverflowError):
        encoded_properties([("name", "x" * 65_536)])
