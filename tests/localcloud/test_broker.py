"""The shipped broker configuration keeps what a bridge's promise needs it to keep."""

import asyncio
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from localcloud import broker
from localcloud.broker import accepts_connections, find_mosquitto, mosquitto
from localcloud.ports import HOST, free_port


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """A running broker."""
    port = free_port()
    with subprocess.Popen(mosquitto(port, tmp_path).command) as process:
        until(lambda: asyncio.run(accepts_connections(port)))
        yield port
        process.terminate()


def until(true: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.005)


class Device:
    """A client with a session that outlives its connection."""

    def __init__(self, port: int, name: str) -> None:
        self.received: Queue[bytes] = Queue()
        self.told: Queue[Any] = Queue()
        self.ended: Queue[str] = Queue()
        self._client = client = mqtt.Client(CallbackAPIVersion.VERSION2, name, protocol=MQTTProtocolVersion.MQTTv5)
        client.on_message = lambda _, __, message: self.received.put(message.payload)
        client.on_connect = lambda *given: self.told.put(given[4])
        client.on_disconnect = lambda *given: self.ended.put(str(given[3]))
        expiry = Properties(PacketTypes.CONNECT)
        expiry.SessionExpiryInterval = 600
        client.connect(HOST, port, clean_start=False, properties=expiry)
        client.loop_start()
        until(client.is_connected)

    def subscribe(self, topic_filter: str) -> None:
        granted: Queue[Any] = Queue()
        self._client.on_subscribe = lambda *given: granted.put(given)
        self._client.subscribe(topic_filter, qos=1)
        granted.get(timeout=10)

    def publish(self, mqtt_topic: str, *payloads: bytes) -> None:
        """Returns when the broker has acknowledged all."""
        for sent in [self.start_publishing(mqtt_topic, payload) for payload in payloads]:
            sent.wait_for_publish(timeout=10)

    def start_publishing(self, mqtt_topic: str, payload: bytes) -> mqtt.MQTTMessageInfo:
        return self._client.publish(mqtt_topic, payload, qos=1)

    def leave(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def test_nothing_is_dropped_while_a_subscriber_with_a_session_is_away(port: int) -> None:
    """mosquitto's own limit is 1,000: beyond it, acknowledged messages vanish."""
    away = Device(port, "bridge")
    away.subscribe("devices/#")
    away.leave()
    sensor = Device(port, "sensor")
    sensor.publish("devices/1/environment", *(b"%d" % number for number in range(1500)))
    sensor.leave()
    back = Device(port, "bridge")
    assert [back.received.get(timeout=10) for _ in range(1500)] == [b"%d" % number for number in range(1500)]
    back.leave()


def test_a_device_is_told_the_largest_packet_and_thrown_out_above_it(port: int) -> None:
    sensor = Device(port, "sensor")
    assert sensor.told.get(timeout=10).MaximumPacketSize == 1 << 20
    sensor.start_publishing("devices/1/environment", bytes(2 << 20))
    assert sensor.ended.get(timeout=10) != "Normal disconnection"
    sensor.leave()


def test_only_loopback_listens(port: int) -> None:
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    addresses = {local for _, local, _, state, *_ in listening if state == "0A" and local.endswith(f":{port:04X}")}
    assert addresses == {f"0100007F:{port:04X}"}


def test_further_lines_end_the_configuration(tmp_path: Path) -> None:
    mosquitto(1, tmp_path, ["max_keepalive 60", "max_connections 9"])
    assert (tmp_path / "mosquitto.conf").read_text().endswith("\nmax_keepalive 60\nmax_connections 9\n")


def test_the_shipped_file_says_why_for_every_setting() -> None:
    blocks = broker.SHIPPED.read_text().strip().split("\n\n")[1:]
    assert all(block.startswith("# ") for block in blocks)
    assert broker.SHIPPED_LISTENER in broker.SHIPPED.read_text().splitlines()


def test_a_missing_mosquitto_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(broker, "MORE_FOLDERS", ())
    with pytest.raises(FileNotFoundError, match="not installed: run `sudo apt-get install mosquitto`"):
        find_mosquitto()
