"""What arrives at a Pub/Sub subscription, by raw pulls: the watcher may not need more CPU than the watched."""

import threading
from collections.abc import Callable, Sequence
from typing import Any, Self

from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import AcknowledgeRequest, PullRequest, PullResponse

from director.endpoints import channel

PULL = "/google.pubsub.v1.Subscriber/Pull"
ACKNOWLEDGE = "/google.pubsub.v1.Subscriber/Acknowledge"
BETWEEN_PULLS = 0.05  # seconds; many at a time cost less


def create_topic(name: str) -> tuple[str, str]:
    """A Pub/Sub topic and a subscription to it."""
    pubsub_topic, subscription = f"projects/soak/topics/{name}", f"projects/soak/subscriptions/{name}"
    with channel("pubsub") as connection:
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=connection))
        publisher.create_topic(name=pubsub_topic)
        subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=connection))
        subscriber.create_subscription(name=subscription, topic=pubsub_topic)
    return pubsub_topic, subscription


class Arrivals:
    """Hands the ids of what arrives to `take`, on a thread of its own, while the `with` lasts."""

    def __init__(self, subscription: str, take: Callable[[Sequence[str]], object]) -> None:
        self._subscription = subscription
        self._take = take
        self._closed = threading.Event()
        self._channel = channel("pubsub")
        self._pull = self._channel.unary_unary(PULL, None, PullResponse.pb().FromString)
        self._acknowledge = self._channel.unary_unary(ACKNOWLEDGE, None, None)
        self._thread = threading.Thread(target=self._run, name="arrivals", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Everything that has arrived by now is handed over before."""
        self._closed.set()
        self._thread.join()
        self._channel.close()

    def _run(self) -> None:
        request = PullRequest.pb()(subscription=self._subscription, max_messages=1_000, return_immediately=True)
        while True:
            last = self._closed.is_set()
            received = self._pull(request.SerializeToString(), timeout=30).received_messages
            if received:
                self._hand_over(received)
            elif last:
                return
            else:
                self._closed.wait(BETWEEN_PULLS)

    def _hand_over(self, received: Any) -> None:
        self._take([one.message.attributes["ce-id"] for one in received])
        ids = [one.ack_id for one in received]
        done = AcknowledgeRequest.pb()(subscription=self._subscription, ack_ids=ids)
        self._acknowledge(done.SerializeToString(), timeout=30)
