"""A whole bridge between a real broker and localcloud's Pub/Sub, a device that sends, and what arrives."""

import itertools
import os
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import yaml
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import AcknowledgeRequest, PullRequest, PullResponse
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from director.endpoints import channel
from localcloud.cloud import LocalCloud
from tests.faults.processes import BridgeProcess

_numbers = itertools.count()


def numbered(count: int, start: int = 0, prefix: str = "m") -> list[str]:
    return [f"{prefix}{number}" for number in range(start, start + count)]


class Rig:
    """Broker, bridge, two Pub/Sub topics; `ids` counts what arrived at the destination, `received` keeps it in order.

    `broker_port` is where devices find the broker, `way_in` where the bridge does.
    """

    def __init__(self, cloud: LocalCloud, broker_port: int, folder: Path, eventually: Callable[..., None]) -> None:
        self.cloud = cloud
        self.eventually = eventually
        self.broker_port = self.way_in = broker_port
        self.folder = folder
        number = f"{os.getpid()}-{next(_numbers)}"
        self._channel = channel("pubsub")
        self.publisher = PublisherClient(transport=PublisherGrpcTransport(channel=self._channel))
        self.subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=self._channel))
        self._pull = _raw(self._channel, "Pull", PullRequest, PullResponse.pb().FromString)
        self._acknowledge = _raw(self._channel, "Acknowledge", AcknowledgeRequest, None)
        self.topic, self.subscription = self._topic(f"in-{number}")
        self.dead_topic, self.dead_subscription = self._topic(f"dead-{number}")
        self.bridge = BridgeProcess(folder / "bridge.yaml", folder / "bridge.log")
        self._others: list[BridgeProcess] = []
        self.ids: Counter[str] = Counter()
        self.received: list[Any] = []
        self._client: paho.Client | None = None

    def configure(
        self, route: dict[str, Any] | None = None, publishing: dict[str, Any] | None = None, **broker: Any
    ) -> None:
        """Writes the bridge's configuration, with what is given in addition."""
        document = {
            "broker": {"url": f"mqtt://127.0.0.1:{self.way_in}", "client_id": "bridge", **broker},
            "destinations": {"in": self.topic},
            "dead_letter_topic": self.dead_topic,
            "publishing": publishing or {},
            "routes": {
                "up": {
                    "filter": "devices/{device}/up",
                    "destination": "in",
                    "event_type": "iot.test",
                    "id": {"property": "id"},
                    **(route or {}),
                }
            },
        }
        self.bridge.config.write_text(yaml.safe_dump(document))

    def start(self, *more: str, **how: Any) -> None:
        """Starts the bridge and waits until it is ready."""
        if not self.bridge.config.exists():
            self.configure()
        self.bridge.start(*more, **how)
        self.eventually(lambda: self.bridge.ready)

    def another(self) -> BridgeProcess:
        """A second bridge with the same configuration, not started yet."""
        self._others.append(BridgeProcess(self.bridge.config, self.folder / f"bridge-{len(self._others) + 2}.log"))
        return self._others[-1]

    def send(self, ids: Sequence[str], payload: bytes = b"{}", device: str = "d1") -> None:
        """Publishes at QoS 1 and waits for every PUBACK."""
        client = self.device()
        sent = [client.publish(f"devices/{device}/up", payload, qos=1, properties=_own_id(one)) for one in ids]
        for one in sent:
            one.wait_for_publish(30)
            assert one.is_published()

    def collect(self) -> Counter[str]:
        """Everything that has arrived at the destination so far."""
        while messages := self._take(self.subscription):
            self.received += messages
            self.ids.update(message.attributes["ce-id"] for message in messages)
        return self.ids

    def dead_letters(self, count: int = 0) -> list[Any]:
        """What has come to the dead-letter topic since the last time, `count` at least."""
        letters = self._take(self.dead_subscription)
        self.eventually(lambda: len(letters) >= count or letters.extend(self._take(self.dead_subscription)))
        return letters

    def arrived(self, ids: Sequence[str], seconds: float = 30.0) -> None:
        """Waits until each of `ids` has arrived at least once."""
        wanted = set(ids)
        self.eventually(lambda: wanted <= self.collect().keys(), seconds)

    def settled(self) -> None:
        """Waits until the bridge holds nothing, and checks that its counters account for every message."""
        self.eventually(lambda: self.bridge.metric("bridge_in_flight") == 0)
        metric = self.bridge.metric
        ended = ("published", "dead_lettered", "joined", "ignored")
        assert metric("bridge_received_total") + metric("bridge_copies_total") == sum(
            metric(f"bridge_{name}_total") for name in ended
        )

    def device(self) -> paho.Client:
        """The client that sends, connected to the broker itself."""
        if self._client is None:
            connected = threading.Event()
            self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="device", protocol=paho.MQTTv5)
            self._client.max_inflight_messages_set(1_000)
            self._client.on_connect = lambda *_: connected.set()
            self._client.connect("127.0.0.1", self.broker_port)
            self._client.loop_start()
            assert connected.wait(10)
        return self._client

    def close(self) -> None:
        if self._client:
            self._client.disconnect()
            self._client.loop_stop()
        for bridge in (self.bridge, *self._others):
            bridge.end()
        self._channel.close()

    def _topic(self, name: str) -> tuple[str, str]:
        topic, subscription = f"projects/test-project/topics/{name}", f"projects/test-project/subscriptions/{name}"
        self.publisher.create_topic(name=topic)
        self.subscriber.create_subscription(
            request={"name": subscription, "topic": topic, "enable_message_ordering": True}
        )
        return topic, subscription

    def _take(self, subscription: str) -> list[Any]:
        answer = self._pull({"subscription": subscription, "max_messages": 1_000, "return_immediately": True})
        if answer.received_messages:
            ids = [one.ack_id for one in answer.received_messages]
            self._acknowledge({"subscription": subscription, "ack_ids": ids})
        return [one.message for one in answer.received_messages]


def _own_id(identity: str) -> Properties:
    properties = Properties(PacketTypes.PUBLISH)
    properties.UserProperty = ("id", identity)
    return properties


def _raw(to: Any, method: str, request: Any, parse: Any) -> Callable[[dict[str, Any]], Any]:
    """A call without Google's client around it, which would cost more than the bridge it watches."""
    call = to.unary_unary(f"/google.pubsub.v1.Subscriber/{method}", None, parse)
    return lambda fields: call(request.pb()(**fields).SerializeToString(), timeout=30)
