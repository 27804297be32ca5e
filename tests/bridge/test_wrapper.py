"""Every delivery becomes one envelope: for its destination, or as a dead letter with the original bytes."""

import hashlib
import json
import tracemalloc
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from bridge import envelope
from bridge.config import configuration
from bridge.errors import CannotSucceed
from bridge.mqtt.frames import Delivery
from bridge.mqtt.properties import encoded_properties
from bridge.wrapper import SERIALS, Wrapped, Wrapper
from director.strict import DocumentError, parsed

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
INGESTION, DEAD = "projects/p/topics/ingestion", "projects/p/topics/dead"


def document(more: dict[str, Any] | None = None, **route: Any) -> dict[str, Any]:
    up = {"filter": "sites/{site}/{device}/up", "destination": "ingestion", "event_type": "iot.test"}
    return {
        "broker": {"url": "mqtt://127.0.0.1:1883", "client_id": "b"},
        "destinations": {"ingestion": INGESTION},
        "dead_letter_topic": DEAD,
        "routes": {"up": up | route},
    } | (more or {})


def wrapper(more: dict[str, Any] | None = None, **route: Any) -> Wrapper:
    return Wrapper(configuration(parsed(document(more, **route), "test")), run="run")


def delivery(
    payload: bytes = b"{}",
    topic: bytes = b"sites/berlin/d1/up",
    properties: list[tuple[str, str]] | None = None,
    flags: int = 0x32,
) -> Delivery:
    return Delivery(flags, b"\x00\x07", topic, encoded_properties(properties or []), payload)


def wrap(one: Delivery, **route: Any) -> tuple[Wrapped, bytes, dict[str, str]]:
    (wrapped,) = wrapper(**route).wrap([one], NOW)
    message = envelope.parse(wrapped.message)
    return wrapped, message.data, dict(message.attributes)


def attributes_of(wrapped: Wrapped) -> dict[str, str]:
    return dict(envelope.parse(wrapped.message).attributes)


def test_the_envelope_holds_the_bytes_and_all_facts_of_the_delivery() -> None:
    wrapped, data, attributes = wrap(delivery(b"\xff\x00", properties=[("unit", "C")]), content_type="application/x")
    assert (wrapped.pubsub_topic, wrapped.packet_id, wrapped.dead) == (INGESTION, b"\x00\x07", False)
    assert data == b"\xff\x00"
    assert attributes == {
        "ce-specversion": "1.0",
        "ce-type": "iot.test",
        "ce-source": "mqtt://127.0.0.1:1883/routes/up",
        "ce-subject": "d1",
        "ce-id": "run-2-000",
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
    assert attributes["ce-id"] == "run-2-000"
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
    malformed = Delivery(0x32, b"\x00\x01", b"sites/berlin/d1/up", b"\x26", b'{"id": 7}')
    _, _, attributes = wrap(malformed, id={"pointer": "/id"})
    assert (attributes["ce-id"], attributes["dead_letter.reason"]) == ("7", "invalid_properties")


def test_names_devices_choose_have_no_effect_on_ours() -> None:
    hostile = [("timeout", "1"), ("ordering_key", "k"), ("topic", "t"), ("ce-id", "fake"), ("goog-x", "y")]
    _, _, attributes = wrap(delivery(properties=hostile))
    assert attributes["ce-id"] == "run-2-000"
    assert {f"mqtt.up.{name}": value for name, value in hostile}.items() <= attributes.items()


def test_ids_are_minted_once_for_each_delivery() -> None:
    wrapped = wrapper().wrap([delivery() for _ in range(3)], NOW)
    assert len({envelope.parse(one.message).attributes["ce-id"] for one in wrapped}) == 3


def test_a_destination_is_made_of_captures_and_never_leads_outside_the_list() -> None:
    destinations = {"berlin-in": "projects/p/topics/berlin", "kyiv-in": "projects/p/topics/kyiv"}
    some = wrapper({"destinations": destinations}, destination="{site}-in")
    topics = (b"sites/kyiv/d1/up", b"sites/berlin/d1/up", b"sites/oslo/d1/up")
    kyiv, berlin, oslo = some.wrap([delivery(topic=topic) for topic in topics], NOW)
    assert (kyiv.pubsub_topic, berlin.pubsub_topic) == ("projects/p/topics/kyiv", "projects/p/topics/berlin")
    assert (oslo.pubsub_topic, oslo.dead) == (DEAD, True)
    found = attributes_of(oslo)
    assert (found["dead_letter.reason"], found["capture.site"]) == ("unknown_destination", "oslo")
    assert "'oslo-in'" in found["dead_letter.message"]


def test_a_route_adds_attributes_of_its_own() -> None:
    _, _, found = wrap(delivery(), attributes={"place": "{site}/{{{device}}}", "team": "north"})
    assert (found["place"], found["team"]) == ("berlin/{d1}", "north")


def test_an_ordering_key_stands_in_the_message_and_beside_it() -> None:
    for properties in ([], [("unit", "C")]):
        (wrapped,) = wrapper(ordering_key="{site}:{device}").wrap([delivery(properties=properties)], NOW)
        assert wrapped.ordering_key == "berlin:d1"
        assert envelope.parse(wrapped.message).ordering_key == "berlin:d1"


@pytest.mark.parametrize("device", [b"", b"d" * 1_025, "\u00e4".encode() * 513])
def test_an_ordering_key_that_pubsub_does_not_take_makes_a_dead_letter_without_one(device: bytes) -> None:
    (wrapped,) = wrapper(ordering_key="{device}").wrap([delivery(topic=b"sites/x/" + device + b"/up")], NOW)
    assert (wrapped.dead, wrapped.ordering_key, envelope.parse(wrapped.message).ordering_key) == (True, "", "")
    assert attributes_of(wrapped)["dead_letter.reason"] == "invalid_ordering_key"


def test_an_envelope_that_pubsub_refuses_becomes_a_dead_letter_without_ordering_key() -> None:
    some = wrapper(ordering_key="{device}")
    (wrapped,) = some.wrap([delivery(b"x")], NOW)
    dead = some.dead_letter(wrapped, CannotSucceed("refused_by_pubsub", "no"), NOW)
    message = envelope.parse(dead.message)
    assert (dead.pubsub_topic, dead.packet_id, dead.dead, dead.ordering_key) == (DEAD, b"\x00\x07", True, "")
    assert (message.data, message.ordering_key) == (b"x", "")
    assert message.attributes["dead_letter.original_topic"] == INGESTION
    assert attributes_of(wrapped).items() <= dict(message.attributes).items()


def test_a_dead_letter_keeps_what_its_route_knows() -> None:
    _, _, found = wrap(delivery(b"{"), event_time={"pointer": "/ts"}, attributes={"team": "north"})
    assert found["dead_letter.reason"] == "invalid_event_time"
    assert (found["ce-subject"], found["capture.site"], found["team"]) == ("d1", "berlin", "north")
    assert found["mqtt.qos"] == "1"


@pytest.mark.parametrize(
    ("payload", "route", "reason", "words"),
    [
        (b"", {"min_payload_bytes": 1}, "too_small", "0 bytes; this route takes 1 at least"),
        (b"abc", {"max_payload_bytes": 2}, "too_large", "3 bytes; this route takes 2 at most"),
        (b"{", {"json_schema": {}}, "invalid_json", "the payload is no JSON"),
        (b"[1, true]", {"json_schema": {"items": {"type": "integer"}}}, "schema_violation", "at /1"),
    ],
)
def test_what_a_route_does_not_take_is_a_dead_letter_with_the_whole_payload(
    payload: bytes, route: dict[str, Any], reason: str, words: str
) -> None:
    wrapped, data, found = wrap(delivery(payload), **route)
    assert (wrapped.dead, data, found["dead_letter.reason"]) == (True, payload, reason)
    assert words in found["dead_letter.message"]


def test_a_truncated_payload_tells_what_it_was_and_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    payload = b'{"id": "x1", "more": "' + b"y" * 100 + b'"}'
    route = {"max_payload_bytes": 10, "on_oversize": "truncate", "id": {"pointer": "/id"}, "ordering_key": "k"}
    some = wrapper(**route)
    whole, cut, again = some.wrap([delivery(b'{"id":"x"}'), delivery(payload), delivery(payload)], NOW)
    assert "mqtt.payload_bytes" not in attributes_of(whole)
    assert envelope.parse(cut.message).data == payload[:10]
    found = attributes_of(cut)
    assert found["ce-id"] == "x1"
    assert found["mqtt.payload_bytes"] == str(len(payload))
    assert found["mqtt.payload_sha256"] == hashlib.sha256(payload).hexdigest()
    assert not again.dead
    assert some.truncated == 2
    assert len([one for one in caplog.messages if "truncates" in one]) == 1


def test_retained_messages_are_ignored_where_the_route_says_so() -> None:
    some = wrapper(on_retained="ignore")
    replayed, live = some.wrap([delivery(flags=0x33), delivery()], NOW)
    assert replayed == Wrapped("", b"", b"\x00\x07")
    assert live.pubsub_topic == INGESTION
    assert wrap(delivery(flags=0x33))[2]["mqtt.retain"] == "true"


def overlapping(on_overlap: str, **wide: Any) -> Wrapper:
    routes = document()["routes"]
    routes["wide"] = {"filter": "sites/#", "destination": "all", "event_type": "iot.any"} | wide
    destinations = {"ingestion": INGESTION, "all": "projects/p/topics/all"}
    return wrapper({"routes": routes, "destinations": destinations, "on_overlap": on_overlap})


def test_all_routes_get_a_copy_of_which_the_first_is_acknowledged() -> None:
    narrow, wide = overlapping("all").wrap([delivery(b"x")], NOW)
    assert (narrow.pubsub_topic, narrow.packet_id) == (INGESTION, b"\x00\x07")
    assert (wide.pubsub_topic, wide.packet_id) == ("projects/p/topics/all", b"")
    assert (attributes_of(narrow)["ce-type"], attributes_of(wide)["ce-type"]) == ("iot.test", "iot.any")
    assert attributes_of(narrow)["ce-id"] != attributes_of(wide)["ce-id"]
    assert len(overlapping("first").wrap([delivery(b"x")], NOW)) == 1


def test_each_copy_ends_by_itself() -> None:
    good, dead = overlapping("all", json_schema={"type": "array"}).wrap([delivery(b"{}")], NOW)
    assert (good.dead, dead.dead) == (False, True)
    assert attributes_of(dead)["dead_letter.reason"] == "schema_violation"


def test_a_message_is_ignored_only_where_all_its_routes_ignore_it() -> None:
    (kept,) = overlapping("all", on_retained="ignore").wrap([delivery(flags=0x33)], NOW)
    assert (kept.pubsub_topic, kept.packet_id) == (INGESTION, b"\x00\x07")
    (ignored,) = overlapping("all", on_retained="ignore").wrap([delivery(topic=b"sites/x", flags=0x33)], NOW)
    assert ignored == Wrapped("", b"", b"\x00\x07")


def test_the_default_route_takes_what_no_filter_matches() -> None:
    destinations = {"ingestion": INGESTION, "rest": "projects/p/topics/rest"}
    default = {"destination": "rest", "event_type": "iot.other"}
    some = wrapper({"default_route": default, "destinations": destinations})
    mine, other = some.wrap([delivery(), delivery(topic=b"other")], NOW)
    assert (mine.pubsub_topic, other.pubsub_topic) == (INGESTION, "projects/p/topics/rest")
    found = attributes_of(other)
    assert (found["ce-type"], found["mqtt.topic"]) == ("iot.other", "other")
    assert found["ce-source"].endswith("/routes/default")


def test_what_a_message_says_its_content_is_goes_before_what_the_route_says() -> None:
    for said, expected in (("text/csv", "text/csv"), ("nonsense", "application/json")):
        one = Delivery(0x32, b"\x00\x01", b"sites/berlin/d1/up", encoded_properties([], said), b"")
        assert wrap(one, content_type="application/json")[2]["content-type"] == expected


def test_a_topic_alias_in_place_of_a_topic_is_a_dead_letter() -> None:
    for topic_filter in ("sites/{site}/{device}/up", "#", "{x}"):
        wrapped, _, found = wrap(Delivery(0x32, b"\x00\x01", b"", b"\x23\x00\x01", b"x"), filter=topic_filter)
        assert (wrapped.dead, found["dead_letter.reason"]) == (True, "invalid_properties")
    assert not wrap(Delivery(0x32, b"\x00\x01", b"sites/berlin/d1/up", b"\x23\x00\x01", b"x"))[0].dead


def test_attributes_that_were_cut_are_counted_with_those_of_the_topic() -> None:
    long_topic = b"sites/" + b"s" * 1_100 + b"/d1/up"
    assert wrap(delivery(topic=long_topic))[2]["mqtt.attrs_dropped"] == "1"
    found = wrap(delivery(topic=long_topic, properties=[("x", "v" * 1_100)]))[2]
    assert found["mqtt.attrs_dropped"] == "2"
    assert len(found["mqtt.topic_sha256"]) == 64
    found = wrap(delivery(topic=long_topic, properties=[("x", "v" * 1_100)]), min_payload_bytes=9)[2]
    assert (found["mqtt.attrs_dropped"], found["dead_letter.reason"]) == ("2", "too_small")


def test_an_empty_level_is_no_subject() -> None:
    found = wrap(delivery(topic=b"sites/berlin//up"))[2]
    assert "ce-subject" not in found
    assert found["capture.device"] == ""


def test_after_a_change_what_was_queued_before_it_is_wrapped_as_before() -> None:
    first = wrapper()
    changed = document({"destinations": {"new": "projects/p/topics/new"}}, filter="new/{device}", destination="new")
    second = Wrapper(configuration(parsed(changed, "test")), "run", previous=first)
    old, new, other = second.wrap([delivery(), delivery(topic=b"new/d1"), delivery(topic=b"other")], NOW)
    assert (old.pubsub_topic, new.pubsub_topic) == (INGESTION, "projects/p/topics/new")
    assert attributes_of(old)["capture.site"] == "berlin"
    assert attributes_of(other)["dead_letter.reason"] == "no_route"
    third = Wrapper(configuration(parsed(changed, "test")), "run", previous=second)
    assert attributes_of(third.wrap([delivery()], NOW)[0])["dead_letter.reason"] == "no_route"


def test_what_the_new_routes_match_is_theirs_and_what_only_the_old_match_is_not_the_default_routes() -> None:
    destinations = {"ingestion": INGESTION, "rest": "projects/p/topics/rest"}
    default = {"destination": "rest", "event_type": "iot.other"}
    first = wrapper({"default_route": default, "destinations": destinations})
    changed = document({"default_route": default, "destinations": destinations}, filter="sites/a/{device}/up")
    second = Wrapper(configuration(parsed(changed, "test")), "run", previous=first)
    topics = (b"sites/a/d1/up", b"sites/b/d1/up", b"other")
    new, old, neither = second.wrap([delivery(topic=topic) for topic in topics], NOW)
    assert "capture.site" not in attributes_of(new)
    assert attributes_of(old)["capture.site"] == "b"
    assert neither.pubsub_topic == "projects/p/topics/rest"


def test_ids_and_counts_go_on_over_a_change() -> None:
    route = {"max_payload_bytes": 1, "on_oversize": "truncate"}
    first = wrapper(**route)
    (one,) = first.wrap([delivery()], NOW)
    second = Wrapper(configuration(parsed(document(**route), "test")), "run", previous=first)
    two, three = second.wrap([delivery()], NOW)[0], first.wrap([delivery()], NOW)[0]
    assert len({attributes_of(wrapped)["ce-id"] for wrapped in (one, two, three)}) == 3
    assert second.truncated == 2


@pytest.mark.parametrize("route", [{}, {"min_payload_bytes": 1}])
def test_more_topics_than_are_remembered_take_no_more_memory(
    route: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.wrapper.CACHED_TOPICS", 100)
    some = wrapper(**route)
    tracemalloc.start()
    try:
        for number in range(2_000):
            (wrapped,) = some.wrap([delivery(topic=b"sites/berlin/d%d/up" % number)], NOW)
        assert attributes_of(wrapped)["capture.device"] == "d1999"
        assert tracemalloc.get_traced_memory()[0] < 500_000
    finally:
        tracemalloc.stop()


def test_very_long_topics_are_not_remembered() -> None:
    some = wrapper()
    tracemalloc.start()
    try:
        for number in range(100):
            (wrapped,) = some.wrap([delivery(topic=b"sites/berlin/%d%s/up" % (number, b"x" * 50_000))], NOW)
        assert not wrapped.dead
        assert tracemalloc.get_traced_memory()[0] < 2_000_000
    finally:
        tracemalloc.stop()


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
TEMPLATE = st.sampled_from(["{a}", "x{b}y", "plain", "{a}{b}", "{{{b}}}"])
ROUTE = st.fixed_dictionaries(
    {"filter": st.sampled_from(["{a}/{b}/#", "{a}/{b}", "+/{b}/{a}", "#"])},
    optional={
        "ordering_key": TEMPLATE,
        "attributes": st.dictionaries(st.sampled_from(["one", "two"]), TEMPLATE),
        "subject": st.sampled_from(["a", "b"]),
        "id": st.sampled_from([{"property": "id"}, {"pointer": "/id"}, {"pointer": ""}]),
        "event_time": st.sampled_from(
            [{"property": "at"}, {"pointer": "/0", "format": "unix"}, {"pointer": "", "format": "unix_ms"}]
        ),
        "on_invalid": st.sampled_from(["dead_letter", "substitute"]),
        "json_schema": st.sampled_from([{}, {"type": "object"}, {"maxItems": 1, "maximum": 5}]),
        "min_payload_bytes": st.integers(0, 3),
        "max_payload_bytes": st.integers(3, 20),
        "on_retained": st.sampled_from(["forward", "ignore"]),
    },
)
CONFIGURATION = st.fixed_dictionaries(
    {
        "routes": st.dictionaries(st.sampled_from(["r1", "r2", "r3"]), ROUTE, min_size=1),
        "on_overlap": st.sampled_from(["all", "first"]),
        "destination": st.sampled_from(["in", "{a}", "in{b}"]),
    },
    optional={"default_route": st.just({"destination": "in", "event_type": "d"})},
)
PAYLOAD = st.one_of(
    st.binary(max_size=30), st.recursive(st.integers() | TEXT, st.lists, max_leaves=4).map(json.dumps).map(str.encode)
)
ENCODED = st.one_of(
    st.binary(max_size=60),
    st.lists(st.tuples(st.sampled_from(["id", "at", "traceparent"]) | TEXT, TEXT), max_size=60).map(encoded_properties),
    st.sampled_from([b"\x26\x00\x01k\x08\x00" + b"v" * 2_048, b"\x23\x00\x01", b"\x08\x08\x00" + b"r" * 2_048]),
)
MQTT_TOPIC = st.one_of(
    st.binary(max_size=60),
    st.lists(st.sampled_from(["in", "a", "", "$x"]) | TEXT, min_size=1, max_size=4).map("/".join).map(str.encode),
    st.sampled_from([b"in/" + b"d" * 2_000, b"s" * 2_000 + b"/x"]),
)
DELIVERY = st.builds(Delivery, st.integers(0x30, 0x3F), st.just(b"\x00\x01"), MQTT_TOPIC, ENCODED, PAYLOAD)


@settings(max_examples=150)
@given(written=CONFIGURATION, deliveries=st.lists(DELIVERY, min_size=1, max_size=4))
def test_whatever_arrives_on_whatever_routes_ends_as_messages_that_pubsub_takes(
    written: dict[str, Any], deliveries: list[Delivery]
) -> None:
    destination = written.pop("destination")
    for route in written["routes"].values():
        route |= {"destination": "in" if route["filter"] == "#" else destination, "event_type": "t"}
    try:
        config = configuration(parsed(document({"destinations": {"in": INGESTION}} | written), "test"))
    except DocumentError:
        reject()
    some = Wrapper(config, "run")
    for one in deliveries:
        copies = some.wrap([one], NOW)
        assert [copy.packet_id for copy in copies] == [b"\x00\x01"] + [b""] * (len(copies) - 1)
        for copy in copies:
            if copy.pubsub_topic:
                assert_taken(copy, one)
            else:
                assert (copy.message, len(copies)) == (b"", 1)
                assert one.flags & 0x01


def assert_taken(wrapped: Wrapped, one: Delivery) -> None:
    """Within Pub/Sub's limits, the payload as it came, and an id, a time and a reason where there must be."""
    message = envelope.parse(wrapped.message)
    attributes = dict(message.attributes)
    assert message.data == one.payload
    assert wrapped.pubsub_topic == (DEAD if wrapped.dead else INGESTION)
    assert wrapped.dead == ("dead_letter.reason" in attributes)
    assert message.ordering_key == wrapped.ordering_key
    assert len(message.ordering_key.encode()) <= 1_024
    assert attributes["ce-id"]
    assert envelope.moment(attributes["ce-time"])
    assert len(attributes) <= 100
    for key, value in attributes.items():
        assert 0 < len(key.encode()) <= 256
        assert len(value.encode()) <= 1_024
        assert not key.startswith("goog")


def test_there_is_room_for_everything_at_once_and_for_the_stages_behind() -> None:
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    user = [("traceparent", parent), ("tracestate", "a=1"), *((f"p{number}", "v" * 1_025) for number in range(60))]
    encoded = encoded_properties(user, "text/plain") + b"\x01\x01\x02\x00\x00\x00\x01\x08\x00\x01r\x09\x00\x01c"
    levels = "/".join(f"{{c{number}}}" for number in range(8))
    route = {
        "filter": f"{{device}}/{levels}",
        "attributes": {f"a{number}": "x" for number in range(7)},
        "max_payload_bytes": 1,
        "on_oversize": "truncate",
    }
    one = Delivery(0x32, b"\x00\x01", b"/".join([b"d"] + [b"l" * 1_100] * 8), encoded, b"payload")
    wrapped, _, found = wrap(one, **route)
    assert not wrapped.dead
    assert len(found) + 7 + 15 <= 100
    assert {"mqtt.topic_sha256", "mqtt.payload_sha256", "ce-tracestate", "mqtt.correlation_data"} <= found.keys()


def test_minted_ids_are_unique_however_many_messages_come_at_once() -> None:
    one = wrapper()
    deliveries = [delivery()] * (2 * len(SERIALS) + 1)
    ids = {attributes_of(wrapped)["ce-id"] for _ in range(2) for wrapped in one.wrap(deliveries, NOW)}
    assert len(ids) == 2 * len(deliveries)
