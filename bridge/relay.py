"""receive -> wrap -> publish -> acknowledge: the whole story of the bridge.

Deliveries come on the network thread, many at a time. While a publish is under way the next ones gather, so that a
request holds what arrived during the one before it: one message when it is quiet, hundreds under load. Nothing gathers
for longer than `GATHER_SECONDS`, so that a publish that hangs or fails holds up nobody but itself.
A message is acknowledged once Pub/Sub has it, or has it as a dead letter, and everything received before it. What was
received is published to the end, whatever becomes of its connection.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Protocol

from bridge import envelope
from bridge.config import Publishing
from bridge.errors import CannotSucceed
from bridge.frontier import Batch, Frontier
from bridge.later import Later
from bridge.metrics import Metrics
from bridge.mqtt.frames import DUP_FLAG, Delivery
from bridge.pubsub import Publisher
from bridge.requests import Request, requests_of
from bridge.wrapper import Wrapped, Wrapper

log = logging.getLogger(__name__)

GATHER_SECONDS = 0.01
# Beyond these bounds messages at QoS 0 are dropped; the others nobody may drop, and reading stops at theirs.
BEST_EFFORT_MESSAGES, BEST_EFFORT_BYTES = 20_000, 64_000_000
MOST_BYTES = 256_000_000


class Acknowledger(Protocol):
    """Sends acknowledgements while the connection they belong to is open."""

    def __call__(self, generation: int, packet_ids: Sequence[bytes]) -> bool: ...


class Relay:
    """The bridge between a session and Pub/Sub. Its lock guards the waiting messages and the frontier."""

    def __init__(
        self,
        wrapper: Wrapper,
        publisher: Publisher,
        limits: Publishing,
        receive_maximum: int,
        metrics: Metrics,
        later: Later,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._wrapper = wrapper
        self._publisher = publisher
        self._limits = limits
        self._receive_maximum = receive_maximum
        self._metrics = metrics
        self._later = later
        self._now = now
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._frontier: Frontier[Wrapped] = Frontier()
        self._waiting: list[Wrapped] = []
        self._waiting_since = 0.0
        self._due = False  # whether the timer will look at what waits
        self._outbox: deque[tuple[Batch[Wrapped], Request]] = deque()
        self._sending = threading.RLock()
        self.stopping = False
        self.acknowledge: Acknowledger = lambda generation, packet_ids: False

    def use(self, wrapper: Wrapper, limits: Publishing) -> None:
        """Another configuration, from the next delivery on."""
        self._wrapper = wrapper
        self._limits = limits

    def connected(self, generation: int, resumed: bool) -> None:
        """A new connection; `resumed` where the broker kept the session and delivers the unacknowledged again."""
        with self._lock:
            self._enter_waiting()
            self._frontier.renew(generation, resumed)
        self._send()

    def received(self, deliveries: Sequence[Delivery]) -> None:
        """Takes deliveries of the present connection; never blocks on Pub/Sub."""
        if self.stopping:  # unacknowledged: the broker keeps them
            return
        deliveries = self._within_bounds(deliveries)
        self._metrics.received.inc(len(deliveries))
        if self._frontier.holds or any(flags & DUP_FLAG for flags in {delivery.flags for delivery in deliveries}):
            deliveries = self._without_redeliveries(deliveries)
        if deliveries:
            self._take(deliveries)
        self._send()

    def _take(self, deliveries: Sequence[Delivery]) -> None:
        wrapped = self._wrapper.wrap(deliveries, self._now())
        self._metrics.copies.inc(len(wrapped) - len(deliveries))
        with self._lock:
            if not self._waiting:
                self._waiting_since = time.monotonic()
            self._waiting += wrapped
            self._enter_due()

    def _within_bounds(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        """Receive Maximum bounds what comes at QoS 1; what devices sent at QoS 0 is dropped beyond a bound of ours."""
        if self.in_flight < BEST_EFFORT_MESSAGES and self._frontier.bytes_in_flight < BEST_EFFORT_BYTES:
            return deliveries
        kept = [delivery for delivery in deliveries if delivery.packet_id]
        if len(kept) < len(deliveries):
            log.warning("dropped %d QoS 0 messages: Pub/Sub is behind", len(deliveries) - len(kept))
            self._metrics.best_effort_dropped.inc(len(deliveries) - len(kept))
        return kept

    def _without_redeliveries(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        """Joins what is in flight already to its first delivery; what came before it goes on before it."""
        self._metrics.redelivered.inc(sum(bool(delivery.flags & DUP_FLAG) for delivery in deliveries))
        with self._lock:
            awaited = self._frontier.awaited | {one.packet_id for one in self._waiting}
        fresh: Sequence[Delivery] = ()
        for again, run in groupby(deliveries, lambda delivery: self._in_flight_already(delivery, awaited)):
            if not again:
                fresh = list(run)
                continue
            if fresh:
                self._take(fresh)
                fresh = ()
            self._join([delivery.packet_id for delivery in run])
        return fresh

    def _join(self, packet_ids: Sequence[bytes]) -> None:
        self._metrics.joined.inc(len(packet_ids))
        with self._lock:
            self._enter_waiting()
            held = [packet_id for packet_id in packet_ids if self._frontier.held(packet_id)]
            self._frontier.join(held, time.monotonic())
            self._acknowledge()

    def _in_flight_already(self, delivery: Delivery, awaited: AbstractSet[bytes]) -> bool:
        """Whether this delivery repeats one that is not acknowledged: same id, said to be sent again, same message.

        `awaited` are the ids that came on this connection already.
        """
        if not delivery.packet_id:
            return False
        with self._lock:
            first = self._frontier.held(delivery.packet_id)
            if not delivery.flags & DUP_FLAG or (first and not _same(first, delivery)):
                self._frontier.forget(delivery.packet_id)
                return False
            return first is not None or delivery.packet_id in awaited

    def drain(self, seconds: float) -> bool:
        """Takes nothing more, and waits until what was taken has ended; False where the time was too short."""
        self.stopping = True
        with self._lock:
            return self._idle.wait_for(lambda: not self._frontier.in_flight and not self._waiting, seconds)

    @property
    def in_flight(self) -> int:
        """Messages taken that are neither published nor dead letters."""
        return self._frontier.in_flight + len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether there is no room for more: what the broker sends stays on its way.

        Not every broker keeps to the Receive Maximum: MQTT 3.1.1 has none, and mosquitto 2.0 forgets it when it resumes
        a session.
        """
        owed = self._frontier.owed + len(self._waiting)
        return owed > self._receive_maximum or self._frontier.bytes_in_flight >= MOST_BYTES

    @property
    def oldest_seconds(self) -> float:
        """Age of the oldest message of this connection that is unacknowledged."""
        with self._lock:
            oldest = self._frontier.oldest
        return 0.0 if oldest is None else time.monotonic() - oldest

    def _enter_due(self) -> None:
        """Sends all that waits, unless a publish is under way, and there is room and time to gather more."""
        age = time.monotonic() - self._waiting_since
        if not self._frontier.in_flight or len(self._waiting) >= self._limits.maximum_messages or age >= GATHER_SECONDS:
            self._enter_waiting()
        elif not self._due:
            self._due = True
            self._later.call(GATHER_SECONDS - age, self._gathered)

    def _gathered(self) -> None:
        with self._lock:
            self._due = False
            if self._waiting:
                self._enter_due()
        self._send()

    def _enter_waiting(self) -> None:
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        requests = requests_of(waiting, self._limits)
        to_publish = sum(len(request.messages) for request in requests)
        self._metrics.ignored.inc(len(waiting) - to_publish)
        self._metrics.batch_messages.observe(len(waiting))
        size = sum(request.size for request in requests)
        batch = self._frontier.enter(waiting, to_publish, size, self._waiting_since)
        self._outbox += [(batch, request) for request in requests]
        if not requests:
            self._acknowledge()

    def _send(self) -> None:
        """Publishes what is in the outbox, in its order. Never under the lock: an answer may be there at once."""
        with self._sending:
            while self._outbox:
                batch, request = self._outbox.popleft()
                self._publisher.publish(
                    request.pubsub_topic, request.messages, _Ending(self, batch), request.ordering_key
                )

    def published(self, batch: Batch[Wrapped], messages: Sequence[Wrapped]) -> None:
        dead = [message.dead_reason for message in messages if message.dead_reason]
        for reason in dead:
            self._metrics.dead_letter_reasons.labels(reason).inc()
        self._metrics.dead_lettered.inc(len(dead))
        self._metrics.published.inc(len(messages) - len(dead))
        with self._lock:
            self._frontier.done(batch, len(messages))
            self._acknowledge()
            if self._waiting:
                self._enter_due()
            self._idle.notify_all()
        self._send()

    def _acknowledge(self) -> None:
        ready = self._frontier.ready()
        if not ready:
            return
        packet_ids = [packet_id for batch in ready for packet_id in batch.packet_ids]
        if self.acknowledge(ready[0].generation, packet_ids):
            self._frontier.acknowledged(ready)
            self._metrics.delivery_seconds.observe(time.monotonic() - ready[0].since)
        else:
            self._frontier.unacknowledged(ready)
            self._metrics.stale.inc(len(packet_ids))

    def refused(self, batch: Batch[Wrapped], message: Wrapped, error: CannotSucceed) -> bool:
        """Pub/Sub will never take this message: its dead letter takes its place. Nothing takes a dead letter's."""
        log.error("Pub/Sub refused a message for %s: %s", message.pubsub_topic, error)
        if message.dead:
            return False
        dead = self._wrapper.dead_letter(message, error, self._now())
        with self._lock:
            self._outbox.append((batch, Request(dead.pubsub_topic, "", [dead], len(dead.message))))
        self._send()
        return True


@dataclass(frozen=True, slots=True)
class _Ending:
    """How the publishes of one batch end."""

    relay: Relay
    batch: Batch[Wrapped]

    def published(self, messages: Sequence[Wrapped]) -> None:
        self.relay.published(self.batch, messages)

    def refused(self, message: Wrapped, error: CannotSucceed) -> bool:
        return self.relay.refused(self.batch, message, error)


def _same(first: Wrapped, delivery: Delivery) -> bool:
    """Whether an envelope was made of this delivery: what was not cut of payload and MQTT topic is in it."""
    facts = envelope.fitted_topic(delivery.mqtt_topic.decode(errors="replace"))
    return first.message.startswith(envelope.data(delivery.payload)) and envelope.attributes(facts) in first.message
