"""Google's own Pub/Sub clients on a running localcloud, and short words for what tests do with them."""

import itertools
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.cloud import pubsub_v1
from google.pubsub_v1 import PublisherClient as BatchPublisher
from google.pubsub_v1.types import pubsub as types

from localcloud.cloud import LocalCloud
from localcloud.rpc import pb

PATIENCE = 10.0  # seconds

Pulled = types.ReceivedMessage


class PubSubLab:
    """The stock clients, one that publishes given batches, a raw channel, and resources with names of their own."""

    def __init__(self, address: str) -> None:
        self.publisher = pubsub_v1.PublisherClient()
        self.batches = BatchPublisher(transport=self.publisher.transport)
        self.subscriber = pubsub_v1.SubscriberClient()
        self.channel = grpc.insecure_channel(address, options=[("grpc.max_receive_message_length", -1)])
        self.project = f"projects/p-{uuid.uuid4().hex[:8]}"
        self._numbers = itertools.count(1)

    def name(self, kind: str) -> str:
        return f"{self.project}/{kind}/r-{next(self._numbers)}"

    def topic(self, **settings: Any) -> str:
        return self.publisher.create_topic(request={"name": self.name("topics"), **settings}).name

    def subscription(self, topic: str, **settings: Any) -> str:
        request = {"name": self.name("subscriptions"), "topic": topic, **settings}
        return self.subscriber.create_subscription(request=request).name

    def publish(self, topic: str, *data: bytes, ordering_key: str = "", **attributes: str) -> list[str]:
        """One request, sent once; answers with the ids."""
        messages = [{"data": each, "ordering_key": ordering_key, "attributes": attributes} for each in data]
        return list(self.batches.publish(topic=topic, messages=messages, retry=None).message_ids)

    def now(self, subscription: str, most: int = 1000) -> list[Pulled]:
        """What a pull gives at once."""
        request = types.PullRequest(subscription=subscription, max_messages=most, return_immediately=True)
        answer = self.raw("Subscriber/Pull", types.PullRequest.pb(request).SerializeToString())
        return list(types.PullResponse(pb(types.PullResponse).FromString(answer)).received_messages)

    def data(self, subscription: str, most: int = 1000) -> list[bytes]:
        return [received.message.data for received in self.now(subscription, most)]

    def acknowledge(self, subscription: str, received: list[Pulled]) -> None:
        ack_ids = [each.ack_id for each in received]
        self.subscriber.acknowledge(subscription=subscription, ack_ids=ack_ids, retry=None)

    def refuse(self, subscription: str, received: list[Pulled]) -> None:
        ack_ids = [each.ack_id for each in received]
        self.subscriber.modify_ack_deadline(subscription=subscription, ack_ids=ack_ids, ack_deadline_seconds=0)

    def raw(self, method: str, request: bytes) -> bytes:
        answer: bytes = self.channel.unary_unary(f"/google.pubsub.v1.{method}")(request, timeout=PATIENCE)
        return answer

    def close(self) -> None:
        self.publisher.stop()
        self.publisher.transport.close()
        self.subscriber.close()
        self.channel.close()


@pytest.fixture
def lab_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], PubSubLab]]:
    """Clients on a localcloud of the test's own, by its address."""
    labs: list[PubSubLab] = []

    def make(address: str) -> PubSubLab:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", address)
        labs.append(PubSubLab(address))
        return labs[-1]

    yield make
    for made in labs:
        made.close()


@pytest.fixture
def lab(cloud: LocalCloud, lab_at: Callable[[str], PubSubLab]) -> PubSubLab:
    return lab_at(cloud.grpc_address)


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """Waits for a condition, not for a time."""

    def wait(condition: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, "did not happen in time"
            time.sleep(0.005)

    return wait
