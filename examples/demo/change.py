"""One device record is changed while messages flow, and how long that takes to show in what is enriched.

The change is made as an administration's tool would make it: a write to Firestore, then a word on the invalidation
topic, which in production a Firestore trigger sends.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from typing import Any

from google.api_core.exceptions import DeadlineExceeded
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.pubsub_v1 import PublisherClient, SubscriberClient

from director.invalidation import Invalidations
from examples.demo.addresses import PROJECT

DEVICE = "device-0001"
COLLECTION = "devices"
LOCATION = "moved-while-you-watch"
ENRICHED = f"projects/{PROJECT}/topics/enriched"
INVALIDATIONS = f"projects/{PROJECT}/topics/invalidations"
LONGEST = 60.0  # seconds


class DeviceChange:
    """`start` makes the change; `seconds` says how long it took to be seen, None where it was not."""

    def __init__(self, run: str) -> None:
        self._subscription = f"projects/{PROJECT}/subscriptions/change-{run}"
        self._thread = threading.Thread(target=self._make, name="device-change", daemon=True)
        self._seconds: float | None = None

    @property
    def started(self) -> bool:
        return self._thread.ident is not None

    def start(self) -> None:
        self._thread.start()

    def seconds(self) -> float | None:
        """Waits until it is seen, or was not for too long."""
        self._thread.join()
        return self._seconds

    def _make(self) -> None:
        with self._listening() as subscriber:
            changed_at = self._change()
            while time.monotonic() < changed_at + LONGEST:
                if any(one.attributes["device.location"] == LOCATION for one in self._messages(subscriber)):
                    self._seconds = time.monotonic() - changed_at
                    return

    @contextmanager
    def _listening(self) -> Iterator[SubscriberClient]:
        """To the enriched messages of the device."""
        with SubscriberClient() as subscriber:
            of_device = f'attributes."ce-subject" = "{DEVICE}"'
            subscriber.create_subscription(request={"name": self._subscription, "topic": ENRICHED, "filter": of_device})
            try:
                yield subscriber
            finally:
                subscriber.delete_subscription(subscription=self._subscription)

    def _change(self) -> float:
        """When the write had been answered, by the monotonic clock."""
        client = firestore.Client(PROJECT, credentials=AnonymousCredentials())
        written = client.collection(COLLECTION).document(DEVICE).update({"location": LOCATION})
        answered = time.monotonic()
        with PublisherClient() as publisher:
            Invalidations(publisher, INVALIDATIONS).publish(COLLECTION, {DEVICE: written.update_time.astimezone(UTC)})
        return answered

    def _messages(self, subscriber: SubscriberClient) -> list[Any]:
        try:
            pulled = subscriber.pull(subscription=self._subscription, max_messages=100, timeout=5).received_messages
        except DeadlineExceeded:
            return []
        if pulled:
            subscriber.acknowledge(subscription=self._subscription, ack_ids=[one.ack_id for one in pulled])
        return [one.message for one in pulled]
