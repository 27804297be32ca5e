"""A bridge's configuration is refused as a whole, with every problem and its place."""

import contextlib
import copy
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from bridge.config import BridgeConfig, configuration
from bridge.routes.model import Route, Treatment
from director.strict import DocumentError, parsed

GOOD: dict[str, Any] = {
    "broker": {"url": "mqtt://127.0.0.1:1883", "client_id": "bridge-1"},
    "destinations": {"ingestion": "projects/p/topics/ingestion"},
    "dead_letter_topic": "projects/p/topics/dead",
    "routes": {"up": {"filter": "devices/{device}/up", "destination": "ingestion", "event_type": "iot.telemetry"}},
}


def problems(changed: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(DocumentError) as caught:
        configuration(parsed(changed, "test"))
    return {problem.path: problem.message for problem in caught.value.problems}


def good(**route: Any) -> dict[str, Any]:
    document = copy.deepcopy(GOOD)
    document["routes"]["up"] |= route
    return document


def test_a_complete_configuration_is_taken_with_safe_defaults() -> None:
    config = configuration(parsed(GOOD, "test"))
    assert config.routes["up"].subject_capture == "device"
    assert config.broker.session_expiry_seconds == 86_400
    assert config.on_overlap == "refuse"


def test_qos_2_is_refused_with_the_reason() -> None:
    assert "not loss-safe" in problems(good(qos=2))["routes.up.qos"]


def test_all_problems_are_told_at_once() -> None:
    document = good(filter="a/#/b", event_time={"pointer": "ts"}, destinaton="x")
    document["broker"]["url"] = "http://broker"
    document["dead_letter_topic"] = "dead"
    found = problems(document)
    assert set(found) == {
        "broker.url",
        "dead_letter_topic",
        "routes.up.filter",
        "routes.up.event_time.pointer",
        "routes.up.destinaton",
    }
    assert "unknown key" in found["routes.up.destinaton"]


def test_destinations_are_checked_both_ways() -> None:
    document = good(destination="ingestoin")
    document["destinations"]["spare"] = "projects/p/topics/spare"
    found = problems(document)
    assert "ingestion, spare" in found["routes.up.destination"]
    assert "no route leads here" in found["destinations.spare"]


def test_overlapping_filters_are_refused_unless_it_is_said_who_wins() -> None:
    document = copy.deepcopy(GOOD)
    document["routes"]["all"] = document["routes"]["up"] | {"filter": "devices/#"}
    assert "'up'" in problems(document)["routes.all.filter"]
    assert "first or all" in problems(document)["routes.all.filter"]
    for on_overlap in ("first", "all"):
        assert configuration(parsed(document | {"on_overlap": on_overlap}, "test")).on_overlap == on_overlap


def test_a_route_that_never_wins_is_refused() -> None:
    document = copy.deepcopy(GOOD) | {"on_overlap": "first"}
    document["routes"] = {"all": document["routes"]["up"] | {"filter": "devices/#"}} | document["routes"]
    assert "put this one before it" in problems(document)["routes.up.filter"]


def test_a_destination_may_be_made_of_captures_within_the_list() -> None:
    document = good(filter="{site}/{device}/up", destination="{site}-uplinks")
    document["destinations"] = {
        "berlin-uplinks": "projects/p/topics/berlin",
        "kyiv-uplinks": "projects/p/topics/kyiv",
        "berlin-alarms": "projects/p/topics/alarms",
    }
    assert list(problems(document)) == ["destinations.berlin-alarms"]
    document["routes"]["alarms"] = GOOD["routes"]["up"] | {"filter": "alarms", "destination": "berlin-alarms"}
    assert len(configuration(parsed(document, "test")).routes) == 2
    document["routes"]["up"]["destination"] = "{site}-downlinks"
    found = problems(document)
    assert "can become none of the destinations" in found["routes.up.destination"]
    assert "no route leads here" in found["destinations.berlin-uplinks"]


def test_templates_use_what_the_filter_captures() -> None:
    found = problems(
        good(
            destination="{where}ingestion",
            ordering_key="{devcie}",
            attributes={"place": "{site}/{device}"},
            subject="sensor",
        )
    )
    assert set(found) == {
        "routes.up.destination",
        "routes.up.ordering_key",
        "routes.up.attributes.place",
        "routes.up.subject",
    }
    assert found["routes.up.ordering_key"] == "the filter captures no 'devcie'; it captures: device"


def test_the_default_route_captures_and_subscribes_to_nothing() -> None:
    document = good()
    document["destinations"]["rest"] = "projects/p/topics/rest"
    document["default_route"] = {"destination": "rest", "event_type": "iot.other"}
    config = configuration(parsed(document, "test"))
    assert config.subscriptions == ["devices/+/up"]
    document["default_route"] |= {"ordering_key": "{device}", "filter": "#"}
    assert list(problems(document)) == ["default_route.filter"]
    del document["default_route"]["filter"]
    assert "it captures: nothing" in problems(document)["default_route.ordering_key"]


def test_an_envelope_has_room_for_the_captures_and_attributes_of_a_route() -> None:
    levels = "/".join(f"{{c{number}}}" for number in range(10))
    attributes = {f"a{number}": "x" for number in range(6)}
    configuration(parsed(good(filter=levels, attributes=attributes), "test"))
    assert (
        "10 captures and 7 attributes" in problems(good(filter=levels, attributes=attributes | {"a": "x"}))["routes.up"]
    )


@pytest.mark.parametrize(
    "name",
    [
        *("ce-id", "mqtt.x", "capture.x", "device.x", "enrichment.x", "window.x", "dead_letter.x"),
        *("googly", "content-type", "", "n" * 257, "\u00e4" * 129),
    ],
)
def test_attributes_do_not_take_names_of_the_platform_or_of_google(name: str) -> None:
    assert len(problems(good(attributes={name: "x"}))) == 1


def test_a_filter_that_another_covers_is_not_subscribed_to() -> None:
    document = copy.deepcopy(GOOD) | {"on_overlap": "all"}
    for name, topic_filter in {"all": "devices/#", "same": "devices/{x}/up", "else": "+/x/up"}.items():
        document["routes"][name] = GOOD["routes"]["up"] | {"filter": topic_filter}
    assert configuration(parsed(document, "test")).subscriptions == ["devices/#", "+/x/up"]


def test_a_real_broker_delivers_once_what_two_routes_match(broker_port: int, eventually: Callable[..., None]) -> None:
    document = copy.deepcopy(GOOD) | {"on_overlap": "all"}
    document["routes"]["all"] = GOOD["routes"]["up"] | {"filter": "devices/#"}
    config = configuration(parsed(document, "test"))
    every = [route.topic_filter.mqtt for route in config.routes.values()]
    assert _delivered(broker_port, config.subscriptions, eventually) == ["devices/1/up", "end"]
    assert _delivered(broker_port, every, eventually) == ["devices/1/up", "devices/1/up", "end"]


def _delivered(port: int, filters: list[str], eventually: Callable[..., None]) -> list[str]:
    """The topics of the messages that come by these subscriptions when one is published."""
    came: list[str] = []
    granted: list[int] = []
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.on_subscribe = lambda *_: granted.append(1)
    client.on_message = lambda _client, _data, message: came.append(message.topic)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        client.subscribe([(one, SubscribeOptions(qos=1)) for one in [*filters, "end"]])
        eventually(lambda: granted)
        client.publish("devices/1/up", b"", qos=1)
        client.publish("end", b"", qos=1)
        eventually(lambda: "end" in came)
    finally:
        client.disconnect()
        client.loop_stop()
    return came


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"subject": "sensor"}, "routes.up.subject"),
        ({"id": {"pointer": "/id", "property": "id"}}, "routes.up.id"),
        ({"id": {}}, "routes.up.id"),
        ({"event_time": {"pointer": "/t", "format": "epoch"}}, "routes.up.event_time.format"),
        ({"event_type": ""}, "routes.up.event_type"),
        ({"content_type": ""}, "routes.up.content_type"),
        ({"destination": "{device"}, "routes.up.destination"),
        ({"destination": 7}, "routes.up.destination"),
        ({"ordering_key": ""}, "routes.up.ordering_key"),
        ({"ordering_key": "x" * 1_025}, "routes.up.ordering_key"),
        ({"attributes": {"a": "x" * 1_025}}, "routes.up.attributes.a"),
        ({"attributes": {"a": "}"}}, "routes.up.attributes.a"),
        ({"json_schema": {"type": "nope"}}, "routes.up.json_schema"),
        ({"json_schema": "/nowhere/schema.json"}, "routes.up.json_schema"),
        ({"json_schema": 7}, "routes.up.json_schema"),
        ({"min_payload_bytes": -1}, "routes.up.min_payload_bytes"),
        ({"min_payload_bytes": 3, "max_payload_bytes": 2}, "routes.up"),
        ({"on_oversize": "truncate"}, "routes.up"),
        ({"on_oversize": "drop"}, "routes.up.on_oversize"),
        ({"on_retained": "drop"}, "routes.up.on_retained"),
    ],
)
def test_what_cannot_work_never_gets_inside(change: dict[str, Any], path: str) -> None:
    assert list(problems(good(**change))) == [path]


def test_credentials_do_not_belong_into_the_address() -> None:
    document = copy.deepcopy(GOOD)
    document["broker"]["url"] = "mqtt://user:hunter2@broker:1883"
    found = problems(document)
    assert "do not belong into the address" in found["broker.url"]
    assert "hunter2" not in str(found)


@pytest.mark.parametrize("name", ["default", "", "a b", "a/b", "1st", "x" * 129])
def test_routes_have_names_that_fit_into_an_address(name: str) -> None:
    document = copy.deepcopy(GOOD)
    document["routes"] = {name: document["routes"]["up"]}
    assert len(problems(document)) == 1


def test_what_is_prepared_is_equal_where_it_was_written_alike() -> None:
    written = good(json_schema={"type": "object"}, attributes={"a": "{device}"}, ordering_key="{device}")
    assert configuration(parsed(written, "one")) == configuration(parsed(written, "other"))


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(), max_size=6),
    st.sampled_from(
        ["{device}", "a/{device}/#", "+/#", "/a/b", "first", "all", "truncate", "ignore", "ingestion", "/"]
    ),
)
KEYS = st.sampled_from(
    [
        *Treatment.model_fields,
        *Route.model_fields,
        *BridgeConfig.model_fields,
        "up",
        "pointer",
        "property",
        "$ref",
        "type",
    ]
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=8,
)


@settings(max_examples=500)
@given(document=st.dictionaries(KEYS, ANYTHING, max_size=6))
def test_only_document_errors_escape_whatever_is_written(document: dict[str, Any]) -> None:
    with pytest.raises(DocumentError) as caught:
        configuration(parsed(document, "test"))
    assert caught.value.problems


@settings(max_examples=500)
@given(changes=st.lists(st.tuples(KEYS, ANYTHING), max_size=4), top=st.lists(st.tuples(KEYS, ANYTHING), max_size=1))
def test_a_configuration_with_anything_in_it_is_taken_or_refused(
    changes: list[tuple[str, Any]], top: list[tuple[str, Any]]
) -> None:
    with contextlib.suppress(DocumentError):
        assert configuration(parsed(good(**dict(changes)) | dict(top), "test")).subscriptions


@given(
    text=st.text(st.characters(exclude_categories=[]), max_size=40), where=st.sampled_from(sorted(Route.model_fields))
)
def test_any_text_anywhere_in_a_route_is_taken_or_refused(text: str, where: str) -> None:
    with contextlib.suppress(DocumentError):
        assert configuration(parsed(good(**{where: text}), "test")).subscriptions


@pytest.mark.parametrize("status_topic", ["devices/bridge/up", "devices/bridge"])
def test_the_bridge_does_not_receive_its_own_status(status_topic: str) -> None:
    document = good(filter="devices/{device}/#")
    document["broker"] |= {"status_topic": status_topic}
    assert "route 'up' matches it" in problems(document)["broker.status_topic"]


def test_a_status_topic_outside_of_all_routes_is_taken() -> None:
    document = good()
    document["broker"] |= {"status_topic": "bridges/status"}
    assert configuration(parsed(document, "test")).broker.status_topic == "bridges/status"
