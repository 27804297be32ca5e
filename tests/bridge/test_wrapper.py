"""Every delivery becomes one envelope: for its destination, or as a dead letter with the original bytes."""

import json
import struct
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import envelope
from bridge.config import configuration
from bridge.frames import Delivery
from bridge.wrapper import Wrapped, Wrapper
from director.strict import parsed

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
INGESTION, DEAD = "projects/p/topics/ingestion", "projects/p/topics/dead"


def wrapper(**route: Any) -> Wrapper:
    document = {
        "broker": {"url": "mqtt://broker:1883", "client_id": "b"},
        "destinations": {"ingestion": INGESTION},
        "dead_letter_topic": DEAD,
        "routes": {
            "up": {"filter": "sites/{site}/{device}/up", "destination": "ingestion", "event_type": "iot.test"} | route
        },
    }
    return Wrapper(configuration(parsed(document, "test")), run="run")


def delivery(
    payload: bytes = b"{}",
    topic: bytes = b"sites/berlin/d1/up",
    properties: list[tuple[str, str]] | None = None,
    flags: int = 0x32,
) -> Delivery:
    return Delivery(flags, b"\x00\x07", topic, user_property_bytes(properties or []), payload)


def user_property_bytes(pairs: list[tuple[str, str]]) -> bytes:
    texts = [(name.encode(), value.encode()) for name, value in pairs]
    return b"".join(
        b"\x26" + struct.pack(">H", len(name)) + name + struct.pack(">H", len(value)) + value for name, value in texts
    )


def wrap(one: Delivery, **route: Any) -> tuple[Wrapped, bytes, dict[str, str]]:
    (wrapped,) = wrapper(**route).wrap([one], NOW)
    message = envelope.parse(wrapped.message)
    return wrapped, message.data, dict(message.attributes)


def test_the_envelope_holds_the_bytes_and_all_facts_of_the_delivery() -> None:
    wrapped, data, attributes = wrap(delivery(b"\xff\x00", properties=[("unit", "C")]), content_type="application/x")
    assert (wrapped.pubsub_topic, wrapped.packet_id, wrapped.dead) == (INGESTION, b"\x00\x07", False)
    assert data == b"\xff\x00"
    assert attributes == {
        "ce-specversion": "1.0",
        "ce-type": "iot.test",
        "ce-source": "mqtt://broker:1883/routes/up",
        "ce-subject": "d1",
        "ce-id": "run-1",
        "ce-time": "2026-01-02T03:04:05.678901Z",
        "content-type": "application/x",
        "mqtt.topic": "sites/berlin/d1/up",
        "mqtt.qos": "1",
        "mqtt.retain": "false",
        "mqtt.dup": "false",
        "mqtt.received_at": "2026-01-02T03:04:05.678901Z",
        "mqtt.up.unit": "C",
        "capture.site": "berlin",
        "capture.device": "d1",
    }


def test_id_and_event_time_come_from_where_the_route_says() -> None:
    payload = json.dumps({"meta": {"n": 7}, "ts": 1_594_598_424.5}).encode()
    _, _, attributes = wrap(
        delivery(payload), id={"pointer": "/meta/n"}, event_time={"pointer": "/ts", "format": "unix"}
    )
    assert (attributes["ce-id"], attributes["ce-time"]) == ("7", "2020-07-13T00:00:24.500000Z")
    _, _, attributes = wrap(
        delivery(properties=[("id", "x1"), ("at", "2026-01-01T01:00:00+01:00")]),
        id={"property": "id"},
        event_time={"property": "at"},
    )
    assert (attributes["ce-id"], attributes["ce-time"]) == ("x1", "2026-01-01T00:00:00.000000Z")


@pytest.mark.parametrize(
    ("payload", "route", "reason"),
    [
        (b"{", {"event_time": {"pointer": "/ts", "format": "unix"}}, "invalid_event_time"),
        (b'{"ts": true}', {"event_time": {"pointer": "/ts", "format": "unix"}}, "invalid_event_time"),
        (b'{"ts": 1e300}', {"event_time": {"pointer": "/ts", "format": "unix_ms"}}, "invalid_event_time"),
        (b'{"ts": "2026-01-01T00:00:00"}', {"event_time": {"pointer": "/ts"}}, "invalid_event_time"),
        (b'{"ts": 5}', {"event_time": {"pointer": "/ts"}}, "invalid_event_time"),
        (b'{"id": ""}', {"id": {"pointer": "/id"}}, "invalid_id"),
        (b'{"id": {}}', {"id": {"pointer": "/id"}}, "invalid_id"),
        (b"[]", {"id": {"pointer": "/id"}}, "invalid_id"),
    ],
)
def test_what_cannot_be_read_is_a_dead_letter_or_substituted_as_the_route_says(
    payload: bytes, route: dict[str, Any], reason: str
) -> None:
    wrapped, data, attributes = wrap(delivery(payload), **route)
    assert (wrapped.pubsub_topic, wrapped.dead, wrapped.packet_id) == (DEAD, True, b"\x00\x07")
    assert data == payload
    assert attributes["dead_letter.reason"] == reason
    assert attributes["mqtt.topic"] == "sites/berlin/d1/up"

    wrapped, _, attributes = wrap(delivery(payload), **route, on_invalid="substitute")
    assert wrapped.pubsub_topic == INGESTION
    assert attributes["ce-id"] == "run-1"
    assert attributes["ce-time"] == attributes["mqtt.received_at"]


def test_a_topic_that_is_not_utf8_is_a_dead_letter_with_its_bytes_in_hex() -> None:
    _, _, attributes = wrap(delivery(topic=b"sites/\xff/d/up"))
    assert attributes["dead_letter.reason"] == "invalid_topic_utf8"
    assert "73697465732fff2f" in attributes["dead_letter.message"]


def test_a_topic_no_route_matches_is_a_dead_letter() -> None:
    assert wrap(delivery(topic=b"other"))[2]["dead_letter.reason"] == "no_route"


def test_properties_that_contradict_themselves_make_a_dead_letter_that_keeps_them() -> None:
    wrapped, _, attributes = wrap(Delivery(0x32, b"\x00\x01", b"sites/berlin/d1/up", b"\x26\x00\x09x", b"{}"))
    assert wrapped.dead
    assert attributes["dead_letter.reason"] == "invalid_properties"
    assert attributes["mqtt.properties_hex"] == "26000978"


def test_a_dead_letter_keeps_the_id_the_message_gives_itself() -> None:
    route = {"id": {"property": "id"}, "event_time": {"pointer": "/ts"}}
    _, _, attributes = wrap(delivery(b"{", properties=[("id", "x1")]), **route)
    assert (attributes["ce-id"], attributes["dead_letter.reason"]) == ("x1", "invalid_event_time")


def test_names_devices_choose_have_no_effect_on_ours() -> None:
    hostile = [("timeout", "1"), ("ordering_key", "k"), ("topic", "t"), ("ce-id", "fake"), ("goog-x", "y")]
    _, _, attributes = wrap(delivery(properties=hostile))
    assert attributes["ce-id"] == "run-1"
    assert {f"mqtt.up.{name}": value for name, value in hostile}.items() <= attributes.items()


def test_ids_are_minted_once_for_each_delivery() -> None:
    wrapped = wrapper().wrap([delivery() for _ in range(3)], NOW)
    assert [envelope.parse(one.message).attributes["ce-id"] for one in wrapped] == ["run-1", "run-2", "run-3"]


@given(
    payload=st.binary(max_size=100),
    topic=st.binary(max_size=100),
    properties=st.binary(max_size=100),
    flags=st.integers(0x30, 0x3F),
)
def test_whatever_arrives_ends_as_one_message_pubsub_takes(
    payload: bytes, topic: bytes, properties: bytes, flags: int
) -> None:
    (wrapped,) = wrapper(id={"property": "id"}, event_time={"pointer": "/ts", "format": "unix"}).wrap(
        [Delivery(flags, b"\x00\x01", topic, properties, payload)], NOW
    )
    message = envelope.parse(wrapped.message)
    assert message.data == payload
    assert len(message.attributes) <= 100
    for key, value in message.attributes.items():
        assert 0 < len(key.encode()) <= 256
        assert len(value.encode()) <= 1_024
        assert not key.startswith("goog")
