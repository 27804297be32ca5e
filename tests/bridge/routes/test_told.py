"""Properties become attributes: whole where they fit, counted where they do not, never under a name that is ours."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from bridge import envelope
from bridge.mqtt.properties import encoded_properties
from bridge.routes.told import USER_PROPERTIES, told

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


def attributes(encoded: bytes) -> dict[str, str]:
    return dict(envelope.parse(told(encoded).block).attributes)


def text(kind: int, value: bytes) -> bytes:
    return bytes((kind,)) + struct.pack(">H", len(value)) + value


def test_nothing_told_is_nothing_written() -> None:
    assert told(b"") == ([], b"", 0, False)


def test_every_property_has_its_attribute() -> None:
    encoded = (
        b"\x01\x01\x02\x00\x00\x0e\x10"
        + text(0x03, b"text/csv; header=present")
        + text(0x08, b"replies/d1")
        + text(0x09, b"\x00\xff")
        + b"\x0b\x07\x23\x00\x05"
        + encoded_properties([("unit", "C")])
    )
    assert attributes(encoded) == {
        "mqtt.payload_format_indicator": "1",
        "mqtt.message_expiry_seconds": "3600",
        "content-type": "text/csv; header=present",
        "mqtt.response_topic": "replies/d1",
        "mqtt.correlation_data": "AP8=",
        "mqtt.up.unit": "C",
    }
    assert (told(encoded).user, told(encoded).lost, told(encoded).by_alias) == ([("unit", "C")], 0, True)


def test_a_content_type_that_is_none_does_not_take_the_place_of_the_routes() -> None:
    for wrong in (b"", b"json", b"text/plain\n", b"a/b/c", "text/pl\u00e4in".encode(), b"text/" + b"x" * 300):
        encoded = text(0x03, wrong)
        assert (attributes(encoded), told(encoded).lost) == ({}, 1)


def test_what_is_too_long_to_be_of_use_is_left_out_and_counted() -> None:
    encoded = text(0x08, b"r" * 1_025) + text(0x09, b"c" * 800)
    assert (attributes(encoded), told(encoded).lost) == ({}, 2)


def test_repeated_names_are_joined_and_long_values_cut() -> None:
    assert attributes(encoded_properties([("a", "1"), ("a", "2")])) == {"mqtt.up.a": "1,2"}
    encoded = encoded_properties([("a", "1"), ("b", "v" * 2_000), ("a", "2")])
    assert attributes(encoded) == {"mqtt.up.a": "1,2", "mqtt.up.b": "v" * 1_024}
    assert told(encoded).lost == 1


def test_more_names_than_there_is_room_for_are_counted() -> None:
    encoded = encoded_properties([(f"name-{number}", "") for number in range(60)])
    assert len(attributes(encoded)) == USER_PROPERTIES
    assert told(encoded).lost == 60 - USER_PROPERTIES


def test_a_valid_trace_is_passed_on_and_an_invalid_one_stays_what_the_device_said() -> None:
    found = attributes(encoded_properties([("traceparent", PARENT), ("tracestate", "a=1")]))
    assert found == {
        "mqtt.up.traceparent": PARENT,
        "mqtt.up.tracestate": "a=1",
        "ce-traceparent": PARENT,
        "ce-tracestate": "a=1",
    }
    assert attributes(encoded_properties([("traceparent", "made up")])) == {"mqtt.up.traceparent": "made up"}


@given(user=st.lists(st.tuples(TEXT, TEXT), max_size=60))
def test_whatever_devices_name_things_it_fits_and_stands_under_their_prefix(user: list[tuple[str, str]]) -> None:
    found = attributes(encoded_properties(user))
    assert len(found) <= USER_PROPERTIES
    for name, value in found.items():
        assert name.startswith("mqtt.up.")
        assert len(name.encode()) <= 256
        assert len(value.encode()) <= 1_024
