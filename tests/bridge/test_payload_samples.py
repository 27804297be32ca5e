"""Routes for the formats people really have: every sample takes its route, unchanged, with the facts it carries."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bridge import envelope
from bridge.config import configuration
from bridge.mqtt.frames import Delivery
from bridge.wrapper import Wrapper
from director.strict import parsed

TEXT = (Path(__file__).parent / "data" / "payload_samples.jsonl").read_text()
SAMPLES = [json.loads(line) for line in TEXT.split("\n") if line]
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def route(topic_filter: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"filter": topic_filter, "destination": "in", "event_type": kind, **more}


ROUTES = {
    "tts": route("v3/{application}/devices/{device}/up", "lorawan.uplink", event_time={"pointer": "/received_at"}),
    "chirpstack": route(
        "application/{application}/device/{device}/event/{event}",
        "lorawan.event",
        event_time={"pointer": "/time"},
        on_invalid="substitute",  # status events carry no time
    ),
    "zigbee": route("zigbee2mqtt/{device}", "zigbee.state"),
    "zigbee_bridge": route("zigbee2mqtt/bridge/{topic}", "zigbee.bridge"),
    "tasmota": route("tele/{device}/{kind}", "tasmota.tele"),
    "tasmota_home_assistant": route("{device}/tele/{kind}", "tasmota.tele"),
    "shelly_gen2": route("{device}/events/rpc", "shelly.rpc", content_type="application/json"),
    "shelly_gen1": route("shellies/{device}/#", "shelly.state", content_type="text/plain"),
    "sparkplug": route("spBv1.0/{group}/{kind}/{device}", "sparkplug", content_type="application/x-protobuf"),
    "sensors": route("sensor/{device}", "sensor"),
    "raspberry": route("iot-device-data", "environment", event_time={"pointer": "/ts", "format": "unix"}),
    "rooms": route("devices/home/{device}", "room"),
    "zwave": route("zwave/{site}/{device}/#", "zwave", event_time={"pointer": "/time", "format": "unix_ms"}),
    "meshtastic": route("msh/#", "meshtastic", event_time={"pointer": "/timestamp", "format": "unix"}),
    "dht": route("dht/{device}/{quantity}", "dht", content_type="text/plain"),
    "esphome": route("esphome/{device}/sensor/{quantity}/state", "esphome"),
}
DOCUMENT = {
    "broker": {"url": "mqtt://127.0.0.1:1883", "client_id": "b"},
    "destinations": {"in": "projects/p/topics/in"},
    "dead_letter_topic": "projects/p/topics/dead",
    "routes": ROUTES,
    "on_overlap": "first",
}
BY_FORMAT = {
    "tts_v3": {"tts"},
    "chirpstack_v4": {"chirpstack"},
    "zigbee2mqtt": {"zigbee", "zigbee_bridge"},
    "tasmota": {"tasmota", "tasmota_home_assistant", "sensors"},
    "shelly_gen2": {"shelly_gen2"},
    "shelly_gen1": {"shelly_gen1"},
    "sparkplug_b": {"sparkplug"},
    "plain_json": {"raspberry", "rooms", "zwave", "meshtastic"},
    "plain_scalar": {"dht", "esphome"},
}


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample["id"] for sample in SAMPLES])
def test_every_sample_takes_the_route_of_its_format_unchanged(sample: dict[str, Any]) -> None:
    text = sample["payload"]
    payload = base64.b64decode(text) if sample["encoding"] == "base64" else text.encode()
    wrapper = Wrapper(configuration(parsed(DOCUMENT, "samples")), "run")
    (wrapped,) = wrapper.wrap([Delivery(0x32, b"\x00\x01", sample["topic"].encode(), b"", payload)], NOW)
    message = envelope.parse(wrapped.message)
    attributes = dict(message.attributes)
    assert not wrapped.dead, attributes
    assert message.data == payload
    assert attributes["ce-source"].rsplit("/", 1)[1] in BY_FORMAT[sample["format"]]
    assert attributes["mqtt.topic"] == sample["topic"]
    assert attributes.get("ce-subject", "") in sample["topic"]


def test_event_times_are_those_the_devices_gave() -> None:
    wrapper = Wrapper(configuration(parsed(DOCUMENT, "samples")), "run")
    timed = [one for one in SAMPLES if one["format"] in ("tts_v3", "plain_json")]
    for sample in timed:
        delivery = Delivery(0x32, b"\x00\x01", sample["topic"].encode(), b"", sample["payload"].encode())
        attributes = envelope.parse(wrapper.wrap([delivery], NOW)[0].message).attributes
        document = json.loads(sample["payload"])
        given = document.get("received_at") or document.get("ts") or document.get("timestamp")
        if isinstance(given, str):
            assert attributes["ce-time"][:23] == given[:23]
        elif given:
            assert envelope.moment(attributes["ce-time"]).timestamp() == pytest.approx(given)
