"""receive -> wrap -> publish -> acknowledge: the whole story of the bridge.

Deliveries come on the network thread, many at a time. While a publish is under way the next ones gather, so that a
request holds what arrived during the one before it: one message when it is quiet, hundreds under load, and no clock.
A message is acknowledged once Pub/Sub has it, or has it as a dead letter, and everything received before it.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from bridge.config import Publishing
from bridge.envelope import MAX_REQUEST_BYTES, request_overhead
from bridge.errors import CannotSucceed
from bridge.frames import Delivery
from bridge.frontier import Batch, Frontier
from bridge.metrics import Metrics
from bridge.pubsub import Publisher
from bridge.wrapper import Wrapped, Wrapper

log = logging.getLogger(__name__)

MOST_IN_FLIGHT = 70_000  # messages: above every Receive Maximum (65,535), so only QoS 0 can get there


class Acknowledger(Protocol):
    """Sends acknowledgements while the connection they belong to is open."""

    def __call__(self, generation: int, packet_ids: Sequence[bytes]) -> bool: ...


class _Request(NamedTuple):
    """Messages for one Pub/Sub topic, and the batch they settle."""

    batch: Batch
    pubsub_topic: str
    messages: Sequence[Wrapped]


class Relay:
    """The bridge between a session and Pub/Sub. Its lock guards the waiting messages and the frontier."""

    def __init__(
        self,
        wrapper: Wrapper,
        publisher: Publisher,
        limits: Publishing,
        metrics: Metrics,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._wrapper = wrapper
        self._publisher = publisher
        self._limits = limits
        self._metrics = metrics
        self._now = now
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._frontier = Frontier()
        self._generation = 0
        self._waiting: list[Wrapped] = []
        self._waiting_bytes = 0
        self.stopping = False
        self.acknowledge: Acknowledger = lambda generation, packet_ids: False

    def connected(self, generation: int) -> None:
        """A new connection: what waited unpublished comes again, what is being published ends unacknowledged."""
        with self._lock:
            self._generation = generation
            self._frontier.renew(generation)
            self._metrics.superseded.inc(len(self._waiting))
            self._waiting, self._waiting_bytes = [], 0

    def received(self, generation: int, deliveries: Sequence[Delivery]) -> None:
        """Takes deliveries of a connection; never blocks on Pub/Sub."""
        if self.stopping:  # unacknowledged: the broker keeps them
            return
        deliveries = self._within_bounds(deliveries)
        wrapped = self._wrapper.wrap(deliveries, self._now())
        self._metrics.received.inc(len(wrapped))
        with self._lock:
            if generation != self._generation:
                self._metrics.superseded.inc(len(wrapped))
                return
            self._waiting += wrapped
            self._waiting_bytes += sum(len(one.message) for one in wrapped)
            requests = self._due_requests()
        self._send(requests)

    def _within_bounds(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        """Receive Maximum bounds what comes at QoS 1; what devices sent at QoS 0 is dropped beyond a bound of ours."""
        if self.in_flight < MOST_IN_FLIGHT:
            return deliveries
        kept = [delivery for delivery in deliveries if delivery.packet_id]
        if len(kept) < len(deliveries):
            log.warning("dropped %d QoS 0 messages: Pub/Sub is behind", len(deliveries) - len(kept))
            self._metrics.best_effort_dropped.inc(len(deliveries) - len(kept))
        return kept

    def drain(self, seconds: float) -> bool:
        """Takes nothing more, and waits until what was taken has ended; False where the time was too short."""
        self.stopping = True
        with self._lock:
            return self._idle.wait_for(lambda: not self._frontier.in_flight and not self._waiting, seconds)

    @property
    def in_flight(self) -> int:
        with self._lock:
            return self._frontier.in_flight + len(self._waiting)

    def _due_requests(self) -> list[_Request]:
        """All that waits, unless a publish is under way and there is room to gather more."""
        if not self._waiting or (self._frontier.in_flight and not self._full()):
            return []
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        packet_ids = [one.packet_id for one in waiting if one.packet_id]
        batch = self._frontier.enter(self._generation, packet_ids, len(waiting))
        return [_Request(batch, *request) for request in requests_of(waiting, self._limits)]

    def _full(self) -> bool:
        return len(self._waiting) >= self._limits.maximum_messages or self._waiting_bytes >= self._limits.maximum_bytes

    def _send(self, requests: Sequence[_Request]) -> None:
        """Never under the lock: an answer that is there already is handed to us before `publish` returns."""
        for request in requests:
            self._publisher.publish(request.pubsub_topic, request.messages, _Ending(self, request.batch))

    def current(self, batch: Batch) -> bool:
        """Whether the connection that `batch` came by is still the one we have."""
        return batch.generation == self._generation

    def published(self, batch: Batch, messages: Sequence[Wrapped]) -> None:
        dead = sum(message.dead for message in messages)
        self._metrics.dead_lettered.inc(dead)
        self._metrics.published.inc(len(messages) - dead)
        self._settle(batch, len(messages))

    def given_up(self, batch: Batch, messages: Sequence[Wrapped]) -> None:
        """Of an older connection and still unpublished: the broker has delivered it again, or will."""
        self._metrics.superseded.inc(len(messages))
        self._settle(batch, len(messages))

    def _settle(self, batch: Batch, messages: int) -> None:
        with self._lock:
            ready = self._frontier.settle(batch, messages)
            if not self.current(batch) or (ready and not self.acknowledge(batch.generation, ready)):
                self._metrics.stale.inc(messages)
            requests = self._due_requests()
            self._idle.notify_all()
        self._send(requests)

    def refused(self, batch: Batch, message: Wrapped, why: str) -> bool:
        """Pub/Sub will never take this message: its dead letter takes its place. Nothing takes a dead letter's."""
        log.error("Pub/Sub refused a message for %s: %s", message.pubsub_topic, why)
        if message.dead:
            return False
        dead = self._wrapper.dead_letter(message, CannotSucceed("refused_by_pubsub", why), self._now())
        self._send([_Request(batch, dead.pubsub_topic, [dead])])
        return True


@dataclass(frozen=True, slots=True)
class _Ending:
    """How the publishes of one batch end."""

    relay: Relay
    batch: Batch

    @property
    def wanted(self) -> bool:
        return self.relay.current(self.batch)

    def published(self, messages: Sequence[Wrapped]) -> None:
        self.relay.published(self.batch, messages)

    def given_up(self, messages: Sequence[Wrapped]) -> None:
        self.relay.given_up(self.batch, messages)

    def refused(self, message: Wrapped, why: str) -> bool:
        return self.relay.refused(self.batch, message, why)


def requests_of(wrapped: Sequence[Wrapped], limits: Publishing) -> list[tuple[str, list[Wrapped]]]:
    """Messages by Pub/Sub topic, in order, cut where a request would grow over the limits."""
    requests: list[tuple[str, list[Wrapped]]] = []
    open_requests: dict[str, tuple[list[Wrapped], int]] = {}
    largest = min(limits.maximum_bytes, MAX_REQUEST_BYTES - 1_000)
    for one in wrapped:
        size = len(one.message) + request_overhead(len(one.message))
        messages, total = open_requests.get(one.pubsub_topic, (None, 0))
        if messages is None or len(messages) >= limits.maximum_messages or total + size > largest:
            messages, total = [], 0
            requests.append((one.pubsub_topic, messages))
        messages.append(one)
        open_requests[one.pubsub_topic] = (messages, total + size)
    return requests
