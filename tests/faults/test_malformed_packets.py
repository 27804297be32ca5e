"""A13: what no broker should send. It costs at most the message it is about, or the connection; never another one."""

import pytest

from tests.faults.fake_broker import CONNACK, frame, own_id, publish, serving
from tests.faults.rig import Rig

TOPIC = b"devices/d1/up"


def good(packet_id: int, identity: str, flags: int = 0x02) -> bytes:
    return publish(packet_id, TOPIC, properties=own_id(identity), flags=flags)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (publish(2, b"devices/\xff\xfe/up", b"raw"), "invalid_topic_utf8"),
        (publish(2, TOPIC, b"raw", properties=b"\x7e\x01"), "invalid_properties"),
        (publish(2, TOPIC, b"raw", properties=b"\x26\x00\x01a\x00\x01\xff"), "invalid_properties"),
        (publish(2, TOPIC, b"raw", properties=b"\x26\x00\xff"), "invalid_properties"),
        (publish(2, TOPIC, b"raw", properties=b"\x26\xff\xff\x00"), "invalid_properties"),
    ],
    ids=["topic not UTF-8", "unknown property", "property not UTF-8", "property cut short", "property too long"],
)
def test_a13_a_message_that_cannot_be_read_is_a_dead_letter_between_its_neighbours(
    rig: Rig, bad: bytes, reason: str
) -> None:
    with serving(good(1, "before") + bad + good(3, "after")) as fake:
        rig.way_in = fake.port
        rig.start()
        rig.arrived(["before", "after"])
        (letter,) = rig.dead_letters(1)
        assert letter.data == b"raw"
        assert letter.attributes["dead_letter.reason"] == reason
        rig.eventually(lambda: fake.acknowledged == [1, 2, 3])
        rig.settled()
        assert fake.connections == 1
        rig.bridge.kill()


BROKEN = {
    "a length of five bytes": b"\x32\xff\xff\xff\xff\x01",
    "a PUBLISH without a topic": b"\x32\x01\x00",
    "a topic longer than its packet": b"\x32\x05\x00\xff\x61\x00\x01",
    "properties longer than their packet": b"\x32\x07\x00\x01\x61\x00\x01\x7fx",
    "a packet of no known type": b"\x00\x00",
    "a packet only clients send": frame(0x10, b"\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x00"),
    "a PUBACK of nothing we sent": b"\x40\x02\x12\x34",
    "a PUBACK without an id": b"\x40\x00",
    "a SUBACK without reasons": b"\x90\x03\x00\x01\x00",
    "a SUBACK with an unknown reason": b"\x90\x04\x00\x01\x00\x7e",
    "a DISCONNECT with an unknown reason": b"\xe0\x02\x7e\x00",
    "a DISCONNECT with an unknown property": b"\xe0\x04\x8b\x02\x7e\x01",
    "a PINGRESP with a body": b"\xd0\x01\x00",
    "an AUTH nobody asked for": b"\xf0\x00",
}


@pytest.mark.parametrize("bad", BROKEN.values(), ids=BROKEN)
def test_a13_bytes_that_are_no_mqtt_cost_a_connection_at_most(rig: Rig, bad: bytes) -> None:
    """A bridge that ends over it must say so by its exit code; the supervisor, here us, starts it again."""
    again = good(1, "before", flags=0x0A) + good(2, "next", flags=0x0A)
    with serving(good(1, "before") + bad + good(2, "next"), again, again, again) as fake:
        rig.way_in = fake.port
        rig.start()
        rig.eventually(lambda: revived(rig) and {"before", "next"} <= rig.collect().keys())
        rig.eventually(lambda: revived(rig) and {1, 2} <= set(fake.acknowledged))
        rig.bridge.kill()


def revived(rig: Rig) -> bool:
    if rig.bridge.exit_code is not None:
        assert rig.bridge.exit_code > 0
        rig.bridge.start()
    return True


@pytest.mark.parametrize(
    "greeting",
    [
        frame(0x20, b"\x00\x00\x02\x7e\x01"),
        frame(0x20, b"\x00"),
        frame(0x20, b""),
        frame(0x20, b"\x00\x7e\x00"),
        frame(0x20, b"\x00\x00\x05\x11\x00"),
    ],
    ids=["unknown property", "no reason", "empty", "unknown reason", "properties cut short"],
)
def test_a13_a_greeting_that_cannot_be_read_is_followed_by_another_try(rig: Rig, greeting: bytes) -> None:
    with serving(b"", good(1, "later"), good(1, "later"), connacks=[greeting, CONNACK]) as fake:
        rig.way_in = fake.port
        rig.configure()
        rig.bridge.start()
        rig.eventually(lambda: revived(rig) and rig.collect()["later"])
        rig.eventually(lambda: 1 in fake.acknowledged)
        rig.bridge.kill()
