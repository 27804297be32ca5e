"""A drained bridge leaves nothing behind at the broker."""

import itertools
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
import yaml
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from bridge.config import BridgeConfig, configuration
from bridge.drain import DRAINED, NOT_DRAINED, Drain
from bridge.errors import TakenOver
from director.endpoints import channel
from director.strict import parsed
from localcloud.faults import Fault

_numbers = itertools.count()
QUIET = 1.0


class PubsubTopic:
    """A topic of this test's own, and what came there."""

    def __init__(self) -> None:
        name = f"drain-{os.getpid()}-{next(_numbers)}"
        self.name = f"projects/test-project/topics/{name}"
        self._subscription = f"projects/test-project/subscriptions/{name}"
        self._publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel("pubsub")))
        self._subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel("pubsub")))
        self._publisher.create_topic(name=self.name)
        self._subscriber.create_subscription(name=self._subscription, topic=self.name)
        self.payloads: list[bytes] = []

    def take(self) -> list[bytes]:
        answer = self._subscriber.pull(subscription=self._subscription, max_messages=1_000, timeout=20)
        if answer.received_messages:
            ids = [one.ack_id for one in answer.received_messages]
            self._subscriber.acknowledge(subscription=self._subscription, ack_ids=ids)
        self.payloads += [one.message.data for one in answer.received_messages]
        return self.payloads

    def close(self) -> None:
        self._publisher.transport.close()
        self._subscriber.transport.close()


@pytest.fixture
def pubsub_topic(cloud: Any) -> Any:
    made = PubsubTopic()
    yield made
    made.close()


@pytest.fixture
def document(broker_port: int, pubsub_topic: PubsubTopic) -> dict[str, Any]:
    return {
        "broker": {
            "url": f"mqtt://127.0.0.1:{broker_port}",
            "client_id": "bridge",
            "shared": {"group": "bridges"},
            "receive_maximum": 10,
        },
        "destinations": {"in": pubsub_topic.name},
        "dead_letter_topic": pubsub_topic.name,
        "routes": {"up": {"filter": "up/{device}", "destination": "in", "event_type": "iot.test"}},
    }


@pytest.fixture
def config(document: dict[str, Any]) -> BridgeConfig:
    return configuration(parsed(document, "test"))


@pytest.fixture
def member_of(document: dict[str, Any], session: Any, eventually: Any) -> Callable[..., Any]:
    """Starts a member of the group that acknowledges nothing."""

    def start(ordinal: int, **more: Any) -> Any:
        broker = dict(document["broker"])
        source = session(broker.pop("url"), ["up/+"], ordinal=ordinal, **{**broker, **more})
        eventually(lambda: source.problem is None)
        return source

    return start


def send(client: paho.Client, numbers: range) -> None:
    for sent in [client.publish("up/d", b"%d" % number, qos=1) for number in numbers]:
        sent.wait_for_publish(10)


def test_what_waits_for_a_member_and_what_it_held_is_published_and_its_session_ended(
    config: BridgeConfig,
    pubsub_topic: PubsubTopic,
    broker_port: int,
    member_of: Any,
    kept: Any,
    device: Any,
    eventually: Any,
) -> None:
    client = device(broker_port)
    gone, staying = member_of(0), member_of(1)
    send(client, range(60))
    gone.stop()
    before = len(kept.deliveries)
    draining = Drain(config, ordinal=0)
    assert draining.run(QUIET, threading.Event()) == DRAINED
    eventually(lambda: len(pubsub_topic.take()) >= draining.drained)
    assert draining.drained >= 10
    assert len(set(pubsub_topic.payloads)) == len(pubsub_topic.payloads)
    first = len(kept.connections)
    again = member_of(0, status_topic="status")
    assert kept.connections[first] == (1, False)
    again.stop()
    assert before
    assert staying.alive


def test_every_message_is_published_or_with_another_member(
    config: BridgeConfig,
    pubsub_topic: PubsubTopic,
    broker_port: int,
    member_of: Any,
    kept: Any,
    device: Any,
    eventually: Any,
) -> None:
    """Messages go on arriving while the member is drained: those of the group are then for the others."""
    client = device(broker_port)
    member_of(0).stop()
    send(client, range(100))
    member_of(1, receive_maximum=1_000)
    draining = Drain(config, ordinal=0)
    thread = threading.Thread(target=draining.run, args=(QUIET, threading.Event()))
    thread.start()
    send(client, range(100, 200))
    thread.join(60)
    send(client, range(200, 220))
    everything = {b"%d" % number for number in range(220)}
    eventually(lambda: set(pubsub_topic.take()) | set(kept.payloads) == everything)
    assert set(kept.payloads) >= {b"%d" % number for number in range(200, 220)}
    assert draining.drained == len(pubsub_topic.payloads) >= 100


def test_while_pubsub_takes_nothing_the_session_stays(
    config: BridgeConfig, cloud: Any, pubsub_topic: PubsubTopic, broker_port: int, member_of: Any, device: Any
) -> None:
    member_of(0).stop()
    send(device(broker_port), range(5))
    fault = cloud.faults.add(Fault(method="pubsub.Publish", resource=pubsub_topic.name))
    stop = threading.Event()
    threading.Timer(3 * QUIET, stop.set).start()
    assert Drain(config, ordinal=0).run(QUIET, stop) == NOT_DRAINED
    cloud.faults.remove(fault)
    draining = Drain(config, ordinal=0)
    assert draining.run(QUIET, threading.Event()) == DRAINED
    assert draining.drained == 5


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_bridge_that_still_runs_is_told_that_its_session_was_taken(
    protocol: str, document: dict[str, Any], member_of: Any
) -> None:
    document["broker"]["protocol"] = protocol
    running = member_of(0)
    draining = Drain(configuration(parsed(document, "test")), ordinal=0)
    assert draining.run(2.0, threading.Event()) == DRAINED
    assert running.taken_over.is_set()


def test_a_session_that_somebody_keeps_taking_is_given_up(config: BridgeConfig, member_of: Any) -> None:
    member_of(0, signs_of_takeover=1_000)
    with pytest.raises(TakenOver, match="stop it first"):
        Drain(config, ordinal=0).run(30.0, threading.Event())


def test_the_command_says_how_many_there_were(
    document: dict[str, Any], tmp_path: Path, broker_port: int, member_of: Any, device: Any
) -> None:
    member_of(7).stop()
    send(device(broker_port), range(3))
    (tmp_path / "bridge.yaml").write_text(yaml.safe_dump(document))
    command = [sys.executable, "-m", "bridge", "drain", "--config", str(tmp_path / "bridge.yaml")]
    ended = subprocess.run(
        [*command, "--ordinal", "7", "--quiet_seconds", "1"], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.stdout == "3 messages drained of bridge-7; its session is ended\n", ended.stderr
    assert ended.returncode == 0
