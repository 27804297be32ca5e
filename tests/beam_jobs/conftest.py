"""A topic and subscription of a test's own, and messages to put in."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from bridge import envelope
from director.endpoints import channel
from localcloud.cloud import LocalCloud

_numbers = itertools.count()


@dataclass
class Topic:
    """A topic with one subscription, through Google's client."""

    name: str
    subscription: str
    publisher: Any
    subscriber: Any

    def publish(self, raw: list[bytes]) -> None:
        self.publisher.publish(topic=self.name, messages=[envelope.parse(one) for one in raw])

    def take(self, most: int = 1_000) -> list[Any]:
        """What there is, acknowledged."""
        answer = self.subscriber.pull(subscription=self.subscription, max_messages=most, timeout=10)
        if answer.received_messages:
            ids = [one.ack_id for one in answer.received_messages]
            self.subscriber.acknowledge(subscription=self.subscription, ack_ids=ids)
        return [one.message for one in answer.received_messages]


@pytest.fixture
def topics(cloud: LocalCloud) -> Iterator[Any]:
    """Makes topics."""
    publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel("pubsub")))
    subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel("pubsub")))

    def make(ack_deadline_seconds: int = 10) -> Topic:
        number = next(_numbers)
        name, subscription = (
            f"projects/test-project/topics/t-{number}",
            f"projects/test-project/subscriptions/s-{number}",
        )
        publisher.create_topic(name=name)
        subscriber.create_subscription(name=subscription, topic=name, ack_deadline_seconds=ack_deadline_seconds)
        return Topic(name, subscription, publisher, subscriber)

    yield make
    subscriber.transport.close()
    publisher.transport.close()


@pytest.fixture
def message() -> Any:
    """Makes serialised envelopes."""

    def make(identity: str, payload: bytes = b"{}", **attributes: str) -> bytes:
        facts = {
            "ce-specversion": "1.0",
            "ce-id": identity,
            "ce-subject": "device-1",
            "ce-time": "2026-01-02T03:04:05.000000Z",
        }
        given = {name.replace("_", "-"): value for name, value in attributes.items()}
        return envelope.data(payload) + envelope.attributes(facts | given)

    return make
