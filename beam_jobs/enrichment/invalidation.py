"""Hears of changes to the register, so that a cache need not wait for its records to age.

Each worker process reads the topic of changes through a subscription of its own, made when the process starts and
deleted when it ends; one that is killed leaves it to Pub/Sub, which deletes it after a day without reader. What
was missed while it could not be read for longer than it retains may be anything: then everything counts as stale.
"""

import atexit
import logging
import random
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import grpc
from google.api_core.exceptions import AlreadyExists, GoogleAPICallError
from google.pubsub_v1 import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from beam_jobs.enrichment.cache.firestore import micros
from beam_jobs.enrichment.cache.layers import Change
from beam_jobs.enrichment.cache.lookup import Lookup
from beam_jobs.enrichment.cache.statistics import Statistics
from beam_jobs.errors import Misconfigured, RetryLater, of_status
from beam_jobs.subscription import Received, Subscription
from bridge import envelope
from director.endpoints import channel
from director.invalidation import COLLECTION, KEY, UPDATED_AT

log = logging.getLogger(__name__)
_jitter = random.Random()  # noqa: S311 - no secret; its own, whatever seeds the shared one

CHANGES = "changes"  # the name in statistics
RETENTION_SECONDS = 600  # the least that Pub/Sub takes
EXPIRATION_SECONDS = 86_400  # likewise
CALL_SECONDS = 5.0
LONGEST_WAIT = 15.0
FUTURE_MICROS = 3_600_000_000  # by which clocks may differ; a change from further ahead would forbid caching till then


class Listener:
    """Tells `apply` of changes to the documents of `register`. `now` gives seconds since 1970."""

    def __init__(
        self,
        pubsub: grpc.Channel,
        pubsub_topic: str,
        register: str,
        apply: Callable[[Change], None],
        statistics: Statistics,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        project = pubsub_topic.split("/")[1]
        self.subscription = f"projects/{project}/subscriptions/invalidation-{uuid.uuid4().hex}"
        self._channel = pubsub
        self._topic = pubsub_topic
        self._register = register
        self._apply = apply
        self._statistics = statistics
        self._now = now
        self._monotonic = monotonic
        self._client = SubscriberClient(transport=SubscriberGrpcTransport(channel=pubsub))
        self._messages = Subscription(pubsub, self.subscription)
        self._subscribed = False
        self._heard_at = monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="invalidation", daemon=True)

    def start(self) -> None:
        """Subscribes before it returns, where Pub/Sub answers: what is looked up from then on misses no change."""
        try:
            self._subscribe()
        except RetryLater as error:
            log.warning("cannot hear of changes yet: %s", error)
        self._thread.start()

    def close(self) -> None:
        """Ends the subscription with the process."""
        if self._stop.is_set():
            return
        self._stop.set()
        try:
            self._client.delete_subscription(subscription=self.subscription, retry=None, timeout=CALL_SECONDS)
        except GoogleAPICallError as error:
            log.warning("%s stays until Pub/Sub lets it expire: %s", self.subscription, error)
        self._channel.close()  # ends a pull under way
        self._thread.join(CALL_SECONDS)

    def _run(self) -> None:
        longest = 0.5
        while not self._stop.is_set():
            try:
                self._hear()
                longest = 0.5
            except Exception as error:  # a dead thread would be missed by nobody until a record is wrong
                if self._stop.is_set():
                    return
                level = logging.WARNING if isinstance(error, RetryLater) else logging.ERROR
                log.log(level, "cannot hear of changes: %s", error)
                self._statistics.count(CHANGES, "error")
                self._subscribed = self._subscribed and not isinstance(error, Misconfigured)
                self._stop.wait(_jitter.uniform(0, longest))
                longest = min(longest * 2, LONGEST_WAIT)

    def _hear(self) -> None:
        if not self._subscribed and self._subscribe():
            self._distrust("subscribed anew")
        received = self._messages.pull()
        silent = self._monotonic() - self._heard_at
        if silent > RETENTION_SECONDS:
            self._distrust(f"heard nothing for {silent:.0f} s")
        self._heard_at = self._monotonic()
        if received:
            self._take(received)

    def _subscribe(self) -> bool:
        """Whether the subscription was not there."""
        wanted: Mapping[str, Any] = {
            "name": self.subscription,
            "topic": self._topic,
            "ack_deadline_seconds": 10,
            "message_retention_duration": {"seconds": RETENTION_SECONDS},
            "expiration_policy": {"ttl": {"seconds": EXPIRATION_SECONDS}},
        }
        created = True
        try:
            self._client.create_subscription(request=wanted, retry=None, timeout=CALL_SECONDS)
        except AlreadyExists:
            created = False
        except GoogleAPICallError as error:
            status = error.grpc_status_code.name if error.grpc_status_code else "UNKNOWN"
            raise of_status(status, f"subscribing to {self._topic}", str(error)) from error
        self._subscribed = True
        return created

    def _take(self, received: Sequence[Received]) -> None:
        changes: dict[str, int] = {}
        for one in received:
            key, at = self._read(envelope.parse(one.message).attributes)
            if key is not None:
                changes[key] = max(at, changes.get(key, 0))
        if changes:
            self._apply(Change(changes))
            self._statistics.count(CHANGES, "heard", len(changes))
        self._messages.acknowledge([one.ack_id for one in received])

    def _read(self, attributes: Mapping[str, str]) -> tuple[str | None, int]:
        """The key and time of a change to our register; no key for any other message."""
        if attributes.get(COLLECTION) != self._register:
            return None, 0
        try:
            key, at = attributes[KEY], micros(envelope.moment(attributes[UPDATED_AT]))
        except (KeyError, ValueError) as error:
            log.error("a message on %s tells of no change: %r", self._topic, error)
            self._statistics.count(CHANGES, "malformed")
            return None, 0
        return key, min(at, int(self._now() * 1e6) + FUTURE_MICROS)

    def _distrust(self, why: str) -> None:
        log.warning("changes may have been missed (%s): what is cached counts as stale", why)
        self._statistics.count(CHANGES, "missed")
        self._apply(Change(unheard=int(self._now() * 1e6)))


def listen(pubsub_topic: str, register: str, lookup: Lookup) -> Listener:
    """Lets `lookup` hear of changes until this process ends."""
    listener = Listener(channel("pubsub"), pubsub_topic, register, lookup.change, lookup.statistics)
    listener.start()
    atexit.register(listener.close)
    return listener
