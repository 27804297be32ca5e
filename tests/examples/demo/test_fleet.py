"""The fleet lets go of a message only when a subscriber will get it, and a killed fleet goes on where it was."""

import asyncio
import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from examples.demo.ledger import Delivered, LedgerReader
from examples.demo.schedule import Plan, schedule
from localcloud.broker import accepts_connections, mosquitto
from localcloud.ports import HOST, free_port


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.005)


class Broker:
    """mosquitto, to be killed and started again at the same port."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._command = mosquitto(self.port, folder).command
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stderr=subprocess.DEVNULL)
        until(lambda: asyncio.run(accepts_connections(self.port)))

    def kill(self) -> None:
        assert self._process
        self._process.kill()
        self._process.wait()


class Subscriber:
    """Counts the ids it gets; subscribes anew after every reconnect."""

    def __init__(self, port: int) -> None:
        self.ids: Counter[str] = Counter()
        self.messages: list[mqtt.MQTTMessage] = []
        self.subscribed = threading.Event()
        self._client = client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        client.reconnect_delay_set(1, 1)
        client.on_connect = lambda *_: client.subscribe("devices/+/environment", qos=1)
        client.on_subscribe = lambda *_: self.subscribed.set()
        client.on_message = self._on_message
        client.connect_async(HOST, port)
        client.loop_start()

    def leave(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, _: object, __: object, message: mqtt.MQTTMessage) -> None:
        facts = dict(message.properties.UserProperty)
        self.ids[facts["id"]] += 1
        self.messages.append(message)


class Fleet:
    """The fleet's process, killed at the end."""

    def __init__(self, port: int, ledger: Path, *options: str) -> None:
        self._ledger = ledger
        self._command = [
            *(sys.executable, "-m", "examples.demo.fleet", "--broker-url", f"mqtt://{HOST}:{port}"),
            *("--ledger", str(ledger), "--run", "run", *options),
        ]
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stderr=subprocess.PIPE, text=True)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def wait_for(self, words: str) -> None:
        """Until the fleet has said so."""
        assert self.process.stderr
        assert any(words in line for line in self.process.stderr)

    def delivered(self) -> list[Delivered]:
        return list(LedgerReader(self._ledger).read())


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture
def subscriber(broker: Broker) -> Iterator[Subscriber]:
    subscriber = Subscriber(broker.port)
    assert subscriber.subscribed.wait(10)
    yield subscriber
    subscriber.leave()


@pytest.fixture
def start(broker: Broker, tmp_path: Path) -> Iterator[Callable[..., Fleet]]:
    started: list[Fleet] = []

    def start(*options: str) -> Fleet:
        started.append(Fleet(broker.port, tmp_path / "ledger", *options))
        return started[-1]

    yield start
    for fleet in started:
        fleet.kill()


def ids(count: int) -> set[str]:
    return {f"run-{serial}" for serial in range(1, count + 1)}


def test_every_message_arrives_as_planned(subscriber: Subscriber, start: Callable[..., Fleet]) -> None:
    fleet = start("--messages", "300", "--rate", "1000", "--late-share", "0.1", "--malformed-share", "0.1")
    assert fleet.process.wait(timeout=30) == 0
    until(lambda: len(subscriber.ids) == 300)
    assert subscriber.ids == Counter(ids(300))
    planned = {one.serial: one for one in schedule(Plan(300, 1000, late_share=0.1, malformed_share=0.1))}
    for message in subscriber.messages:
        facts = dict(message.properties.UserProperty)
        serial = int(facts["serial"])
        assert facts["id"] == f"run-{serial}"
        assert message.topic == f"devices/{planned[serial].device}/environment"
        assert message.qos == 1
        if planned[serial].kind == "good":
            assert json.loads(message.payload)["device"].startswith("iot-device-0")


def test_the_ledger_tells_when_each_was_due_and_acknowledged(
    subscriber: Subscriber, start: Callable[..., Fleet]
) -> None:
    fleet = start("--messages", "100", "--rate", "200")
    assert fleet.process.wait(timeout=30) == 0
    entries = sorted(fleet.delivered(), key=lambda entry: entry.serial)
    assert [entry.id for entry in entries] == [f"run-{serial}" for serial in range(1, 101)]
    assert entries[-1].due - entries[0].due == pytest.approx(99 / 200)
    assert all(entry.due <= entry.acknowledged for entry in entries)


def test_nothing_counts_as_delivered_until_somebody_subscribes(broker: Broker, start: Callable[..., Fleet]) -> None:
    fleet = start("--messages", "50", "--rate", "1000")
    fleet.wait_for("nobody to give messages to (No matching subscribers)")
    assert fleet.delivered() == []
    subscriber = Subscriber(broker.port)
    assert fleet.process.wait(timeout=30) == 0
    until(lambda: len(subscriber.ids) == 50)
    assert subscriber.ids == Counter(ids(50))
    assert {entry.id for entry in fleet.delivered()} == ids(50)
    subscriber.leave()


def test_a_killed_broker_loses_nothing(broker: Broker, subscriber: Subscriber, start: Callable[..., Fleet]) -> None:
    """What it had acknowledged and died with is sent again, under the same ids."""
    fleet = start("--messages", "1500", "--rate", "1000", "--stay")
    until(lambda: len(subscriber.ids) > 300)
    broker.kill()
    subscriber.subscribed.clear()
    broker.start()
    until(lambda: len(subscriber.ids) == 1500 and len({entry.id for entry in fleet.delivered()}) == 1500)
    assert subscriber.ids.keys() == ids(1500)


def test_what_the_broker_took_with_it_is_sent_again(
    broker: Broker, subscriber: Subscriber, start: Callable[..., Fleet]
) -> None:
    """All 200 were acknowledged before the kill, and all come again after it."""
    fleet = start("--messages", "200", "--rate", "2000", "--stay")
    until(lambda: len(fleet.delivered()) == 200 and len(subscriber.ids) == 200)
    broker.kill()
    broker.start()
    until(lambda: all(subscriber.ids[key] >= 2 for key in ids(200)))
    until(lambda: len(fleet.delivered()) == 400)


def test_a_killed_fleet_goes_on_with_what_its_ledger_lacks(subscriber: Subscriber, start: Callable[..., Fleet]) -> None:
    fleet = start("--messages", "1000", "--rate", "500")
    until(lambda: len(fleet.delivered()) > 100)
    fleet.kill()
    before = {entry.id: entry.due for entry in fleet.delivered()}
    until(lambda: before.keys() <= subscriber.ids.keys())
    subscriber.ids.clear()
    fleet.start()
    assert fleet.process.wait(timeout=30) == 0
    entries = fleet.delivered()
    assert {entry.id for entry in entries} == ids(1000)
    assert len(entries) == 1000
    until(lambda: len(subscriber.ids) >= 1000 - len(before))
    assert not subscriber.ids.keys() & before.keys()
    assert entries[-1].due == pytest.approx(entries[0].due + 999 / 500, abs=0.1)


def test_wrong_usage_is_one_line(tmp_path: Path) -> None:
    for options, said in (
        (["--rate", "0"], "rate: 0.0 is not above 0"),
        (["--burst", "many"], "--burst: many is not of the form N@S"),
        (["--broker-url", "http://x"], "--broker-url: http://x is not of the form mqtt://host:port"),
    ):
        command = [sys.executable, "-m", "examples.demo.fleet", "--broker-url", "mqtt://127.0.0.1:1", *options]
        ended = subprocess.run(
            [*command, "--ledger", str(tmp_path / "ledger")], capture_output=True, text=True, timeout=30, check=False
        )
        assert ended.returncode == 2
        assert said in ended.stderr
        assert "Traceback" not in ended.stderr
