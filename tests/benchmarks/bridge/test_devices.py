"""Devices of the race: what they send, how fast, and the session a contender finds."""

import json
import threading
import time
from collections.abc import Callable

import paho.mqtt.client as mqtt
import pytest

from benchmarks.bridge import devices


def collect(port: int, client_id: str, wanted: int) -> list[mqtt.MQTTMessage]:
    """What a session holds, taken and acknowledged by the stock client."""
    came: list[mqtt.MQTTMessage] = []
    done = threading.Event()
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False)

    def keep(client: mqtt.Client, userdata: object, message: mqtt.MQTTMessage) -> None:
        came.append(message)
        if len(came) >= wanted:
            done.set()

    client.on_message = keep
    client.connect("127.0.0.1", port)
    client.loop_start()
    assert done.wait(30), f"only {len(came)} of {wanted} came"
    client.disconnect()
    client.loop_stop()
    return came


def test_a_prepared_session_holds_every_message_until_it_is_acknowledged(broker_port: int) -> None:
    devices.open_session(broker_port, "contender", devices.MQTT_3_1_1)
    with devices.fleet(broker_port) as fleet:
        fleet.send_all(2_500)
    assert devices.left_in_session(broker_port, "contender", devices.MQTT_3_1_1)
    came = collect(broker_port, "contender", 2_500)
    assert [json.loads(message.payload)["serial"] for message in came] == list(range(2_500))
    assert {len(message.payload) for message in came} == {devices.PAYLOAD_BYTES}
    assert {message.topic for message in came} == {devices.mqtt_topic(device) for device in range(devices.DEVICES)}
    assert {message.qos for message in came} == {1}
    assert not devices.left_in_session(broker_port, "contender", devices.MQTT_3_1_1)


def test_a_session_of_mqtt_5_outlives_its_connection_too(broker_port: int) -> None:
    devices.open_session(broker_port, "contender", devices.MQTT_5)
    with devices.fleet(broker_port) as fleet:
        fleet.send_all(1)
    assert devices.left_in_session(broker_port, "contender", devices.MQTT_5)


def test_a_rate_is_kept_over_the_time_given(broker_port: int, eventually: Callable[..., None]) -> None:
    with devices.fleet(broker_port) as fleet:
        started = time.monotonic()
        fleet.send_at(rate=2_000, seconds=0.5)
        assert time.monotonic() - started >= 0.5
        assert fleet.sent == pytest.approx(1_000, abs=20)
        fleet.wait(30)


@pytest.mark.parametrize("number", [0, 127, 128, 16_383, 16_384])
def test_a_remaining_length_is_seven_bits_a_byte_least_first(number: int) -> None:
    encoded = devices.remaining_length(number)
    assert sum((byte & 127) << 7 * place for place, byte in enumerate(encoded)) == number
    assert [byte > 127 for byte in encoded] == [True] * (len(encoded) - 1) + [False]
