"""PUBLISH frames are read as the MQTT 5.0 specification lays them out, however the bytes arrive."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from bridge.mqtt import frames
from bridge.mqtt.frames import Delivery, MalformedFrame

PINGRESP = b"\xd0\x00"
TOPICS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="+#\0"), min_size=1, max_size=40)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


@st.composite
def properties(draw: st.DrawFn) -> Properties:
    """As paho builds them: every property a PUBLISH may have."""
    made = Properties(PacketTypes.PUBLISH)
    if draw(st.booleans()):
        made.PayloadFormatIndicator = draw(st.integers(0, 1))
    if draw(st.booleans()):
        made.MessageExpiryInterval = draw(st.integers(0, 2**32 - 1))
    if draw(st.booleans()):
        made.TopicAlias = draw(st.integers(1, 65_535))
    if draw(st.booleans()):
        made.ResponseTopic = draw(TOPICS)
    if draw(st.booleans()):
        made.CorrelationData = draw(st.binary(max_size=200))
    if draw(st.booleans()):
        made.SubscriptionIdentifier = draw(st.integers(1, 268_435_455))
    if draw(st.booleans()):
        made.ContentType = draw(TEXT)
    made.UserProperty = draw(st.lists(st.tuples(TEXT, TEXT), max_size=6))
    return made


@st.composite
def publishes(draw: st.DrawFn) -> tuple[bytes, Delivery, list[tuple[str, str]]]:
    """A PUBLISH frame, what it decodes to, and its user properties."""
    qos = draw(st.integers(0, 1))
    flags = 0x30 | draw(st.booleans()) << 3 | qos << 1 | draw(st.booleans())
    topic = draw(TOPICS).encode()
    packet_id = struct.pack(">H", draw(st.integers(1, 65_535))) if qos else b""
    made = draw(properties())
    packed = made.pack()
    payload = draw(st.binary(max_size=300))
    body = struct.pack(">H", len(topic)) + topic + packet_id + packed + payload
    delivery = Delivery(flags, packet_id, topic, packed[_length_size(packed) :], payload)
    return bytes((flags,)) + _varint(len(body)) + body, delivery, list(made.UserProperty)


@given(made=st.lists(publishes(), max_size=5))
def test_frames_that_arrive_together_are_read_together(
    made: list[tuple[bytes, Delivery, list[tuple[str, str]]]],
) -> None:
    buffer = b"".join(frame for frame, _, _ in made)
    assert frames.deliveries(buffer, 0, mqtt5=True) == ([one for _, one, _ in made], len(buffer))


@given(made=st.lists(publishes(), min_size=1, max_size=3), data=st.data())
def test_a_frame_is_read_whole_or_not_at_all_wherever_the_bytes_are_cut(
    made: list[tuple[bytes, Delivery, list[tuple[str, str]]]], data: st.DataObject
) -> None:
    buffer = b"".join(frame for frame, _, _ in made)
    cut = data.draw(st.integers(0, len(buffer)))
    first, position = frames.deliveries(buffer[:cut], 0, mqtt5=True)
    second, end = frames.deliveries(buffer[position:], 0, mqtt5=True)
    assert first + second == [one for _, one, _ in made]
    assert position + end == len(buffer)


def test_reading_stops_before_a_frame_that_is_no_publish() -> None:
    publish = b"\x32\x06\x00\x01t\x00\x07\x00"
    found, position = frames.deliveries(publish + PINGRESP + publish, 0, mqtt5=True)
    assert found == [Delivery(0x32, b"\x00\x07", b"t", b"", b"")]
    assert position == len(publish)
    assert frames.frame_end(publish + PINGRESP + publish, position) == len(publish) + len(PINGRESP)


def test_without_mqtt_5_there_are_no_properties() -> None:
    assert frames.deliveries(b"\x32\x06\x00\x01t\x00\x07x", 0, mqtt5=False)[0] == [
        Delivery(0x32, b"\x00\x07", b"t", b"", b"x")
    ]


@pytest.mark.parametrize("buffer", [b"", b"\x30", b"\x30\xff", b"\x32\x80", b"\xd0"])
def test_an_incomplete_frame_waits_for_more(buffer: bytes) -> None:
    assert frames.deliveries(buffer, 0, mqtt5=True) == ([], 0)
    assert frames.frame_end(buffer, 0) == -1


@pytest.mark.parametrize(
    "frame",
    [
        b"\x30\x00",
        b"\x30\x02\x00\x09",
        b"\x32\x04\x00\x01t\x00",
        b"\x30\x04\x00\x01t\x7f",
        b"\x30\x04\x00\x01t\xff",
        b"\x30\xff\xff\xff\xff\x01",
    ],
)
def test_a_frame_that_contradicts_itself_is_malformed(frame: bytes) -> None:
    with pytest.raises(MalformedFrame):
        frames.deliveries(frame, 0, mqtt5=True)


@given(buffer=st.binary(max_size=400))
def test_arbitrary_bytes_raise_nothing_but_malformed_frame(buffer: bytes) -> None:
    try:
        found, position = frames.deliveries(buffer, 0, mqtt5=True)
        assert 0 <= position <= len(buffer)
        assert all(len(delivery.packet_id) == (2 if delivery.flags & 0x06 else 0) for delivery in found)
        frames.frame_end(buffer, position)
    except MalformedFrame:
        pass


def _length_size(packed: bytes) -> int:
    return next(size for size in range(1, 5) if packed[size - 1] < 128)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)
