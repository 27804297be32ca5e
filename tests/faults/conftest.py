"""A whole bridge, in a process of its own, between a real broker and localcloud's Pub/Sub."""

import itertools
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
import requests
import yaml
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from director.endpoints import channel
from localcloud.cloud import LocalCloud
from localcloud.ports import free_port

_numbers = itertools.count()


class Rig:
    """Broker, bridge, two topics; `ids` counts what arrived at the destination."""

    def __init__(self, cloud: LocalCloud, broker_port: int, folder: Path, eventually: Callable[..., None]) -> None:
        self.cloud = cloud
        self.eventually = eventually
        self.broker_port = broker_port
        self.health_port = free_port()
        number = f"{os.getpid()}-{next(_numbers)}"
        self.publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel("pubsub")))
        self.subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel("pubsub")))
        self.topic, self.subscription = self._topic(f"in-{number}")
        self.dead_topic, self.dead_subscription = self._topic(f"dead-{number}")
        self.config = folder / "bridge.yaml"
        self.log = (folder / "bridge.log").open("ab")
        self.process: subprocess.Popen[bytes] | None = None
        self.ids: Counter[str] = Counter()
        self.received: list[Any] = []
        self._client: paho.Client | None = None

    def configure(self, **broker: Any) -> None:
        document = {
            "broker": {"url": f"mqtt://127.0.0.1:{self.broker_port}", "client_id": "bridge", **broker},
            "destinations": {"in": self.topic},
            "dead_letter_topic": self.dead_topic,
            "routes": {
                "up": {
                    "filter": "devices/{device}/up",
                    "destination": "in",
                    "event_type": "iot.test",
                    "id": {"property": "id"},
                }
            },
        }
        self.config.write_text(yaml.safe_dump(document))

    def start(self, ready: bool = True) -> None:
        if not self.config.exists():
            self.configure()
        command = [
            sys.executable,
            "-m",
            "bridge",
            "run",
            "--config",
            str(self.config),
            "--health_port",
            str(self.health_port),
        ]
        self.process = subprocess.Popen(command, stderr=self.log, stdout=self.log)
        if ready:
            self.eventually(lambda: self.page("readyz")[0] == 200)

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait()

    def terminate(self) -> int:
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=15)

    def page(self, name: str) -> tuple[int, str]:
        try:
            answer = requests.get(f"http://127.0.0.1:{self.health_port}/{name}", timeout=5)
        except requests.ConnectionError:
            return 0, ""
        return answer.status_code, answer.text

    def metric(self, name: str) -> float:
        lines = self.page("metrics")[1].splitlines()
        return next((float(line.split()[1]) for line in lines if line.startswith(f"{name} ")), 0.0)

    def send(self, ids: list[str], payload: bytes = b"{}") -> None:
        """Publishes at QoS 1 and waits for every PUBACK."""
        client = self._device()
        for identity in ids:
            properties = Properties(PacketTypes.PUBLISH)
            properties.UserProperty = ("id", identity)
            client.publish(f"devices/d{len(identity)}/up", payload, qos=1, properties=properties).wait_for_publish(20)

    def collect(self) -> Counter[str]:
        """Everything that has arrived at the destination so far."""
        for message in self._take(self.subscription):
            self.received.append(message)
            self.ids[message.attributes["ce-id"]] += 1
        return self.ids

    def dead_letters(self) -> list[Any]:
        return self._take(self.dead_subscription)

    def arrived(self, ids: list[str]) -> None:
        """Waits until each of `ids` has arrived at least once."""
        self.eventually(lambda: set(ids) <= set(self.collect()))

    def close(self) -> None:
        if self._client:
            self._client.disconnect()
            self._client.loop_stop()
        if self.process and self.process.poll() is None:
            self.kill()
        self.log.close()
        self.publisher.transport.close()
        self.subscriber.transport.close()

    def _device(self) -> paho.Client:
        if self._client is None:
            connected = threading.Event()
            self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="device", protocol=paho.MQTTv5)
            self._client.on_connect = lambda *_: connected.set()
            self._client.connect("127.0.0.1", self.broker_port)
            self._client.loop_start()
            assert connected.wait(10)
        return self._client

    def _topic(self, name: str) -> tuple[str, str]:
        topic, subscription = f"projects/test-project/topics/{name}", f"projects/test-project/subscriptions/{name}"
        self.publisher.create_topic(name=topic)
        self.subscriber.create_subscription(name=subscription, topic=topic)
        return topic, subscription

    def _take(self, subscription: str) -> list[Any]:
        answer = self.subscriber.pull(subscription=subscription, max_messages=1_000, timeout=20)
        if answer.received_messages:
            ids = [one.ack_id for one in answer.received_messages]
            self.subscriber.acknowledge(subscription=subscription, ack_ids=ids)
        return [one.message for one in answer.received_messages]


@pytest.fixture
def rig(cloud: LocalCloud, broker_port: int, tmp_path: Path, eventually: Callable[..., None]) -> Iterator[Rig]:
    made = Rig(cloud, broker_port, tmp_path, eventually)
    yield made
    made.close()
