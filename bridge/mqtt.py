"""The MQTT session: deliveries in, acknowledgements out, fenced by connection.

paho keeps what is hard to get right: connect, keepalive, subscribe, session, TLS, every packet that is not a PUBLISH
(see `connection`). Here is what a session means to the bridge: generations, subscriptions, signs of a takeover.
"""

import logging
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any, Protocol

from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from bridge import frames
from bridge.broker import Broker
from bridge.connection import Connection

log = logging.getLogger(__name__)

PUBACK = b"\x40\x02"
SESSION_TAKEN_OVER = 0x8E
# mosquitto 2.0 closes the connection of a session that was taken over without saying so. Two clients with one id then
# take it from each other for ever: this many connections in a row, each closed within seconds, are taken as that.
SIGNS_OF_TAKEOVER, SHORT_CONNECTION = 4, 5.0


class Receiver(Protocol):
    """Who takes what the session brings, on the network thread: it must not block."""

    def connected(self, generation: int) -> None: ...
    def received(self, generation: int, deliveries: Sequence[frames.Delivery]) -> None: ...


class MqttSource:
    """One persistent session at the broker. Generations count connections; packet ids hold within one only."""

    def __init__(self, broker: Broker, filters: Sequence[str], receiver: Receiver) -> None:
        self._broker = broker
        self._filters = list(filters)
        self._receiver = receiver
        self._fence = threading.Lock()
        self._generation = 0
        self._open_generation: int | None = None
        self._refused: list[str] = []
        self._subscribed = False
        self.session_lost = 0
        self.connections = 0
        self.failures = 0
        self.taken_over = threading.Event()
        self._connected_at = 0.0
        self._short_connections = 0
        self._client = Connection(broker, self._deliver, self._close_fence)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_disconnect = self._on_disconnect
        self._client.on_connect_fail = self._on_connect_fail

    def start(self) -> None:
        """Returns at once; connecting goes on, and is tried again, on the network thread."""
        self._client.start()

    def acknowledge(self, generation: int, packet_ids: Sequence[bytes]) -> bool:
        """Queues one write of PUBACKs; False, and nothing sent, where the connection they belong to is gone."""
        if not packet_ids:
            return True
        with self._fence:
            if generation != self._open_generation or not self.alive:  # paho would write on our thread
                return False
            self._client.queue_pubacks(PUBACK + PUBACK.join(packet_ids))
            return True

    def stop(self) -> None:
        """DISCONNECT and nothing else: the session stays, the broker keeps what is unacknowledged."""
        self._client.stop()

    @property
    def alive(self) -> bool:
        """Whether the network thread runs: a dead one still looks connected."""
        return self._client.thread_alive

    @property
    def problem(self) -> str | None:
        """Why messages do not arrive, or None."""
        if self._refused:
            return f"the broker refused to subscribe {', '.join(self._refused)} at QoS 1: check its access rules"
        if self._open_generation is None:
            return f"not connected to {self._broker.url}"
        return None if self._subscribed else "not subscribed yet"

    def _close_fence(self) -> None:
        with self._fence:
            self._open_generation = None
        self._subscribed = False

    def _on_connect(self, _client: Any, _data: Any, flags: Any, reason: ReasonCode, _properties: Any) -> None:
        if reason.is_failure:
            log.error("the broker at %s refused the connection: %s", self._broker.url, reason)
            return
        if not flags.session_present and self.connections:
            self.session_lost += 1
            log.warning("the broker lost our session; what was queued there is gone, what is sent again will arrive")
        self.connections += 1
        self._connected_at = time.monotonic() if flags.session_present else 0.0
        with self._fence:
            self._generation += 1
            self._open_generation = self._generation
        self._client.be_quick_again()
        self._receiver.connected(self._generation)
        self._refused = []
        options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
        self._client.subscribe([(topic_filter, options) for topic_filter in self._filters])

    def _on_connect_fail(self, _client: Any, _data: Any) -> None:
        self.failures += 1
        log.warning("cannot connect to %s: %s", self._broker.url, sys.exc_info()[1])

    def _on_subscribe(
        self, _client: Any, _data: Any, _mid: int, reasons: Sequence[ReasonCode], _properties: Any
    ) -> None:
        granted = zip(self._filters, reasons, strict=False)
        self._refused = [topic_filter for topic_filter, reason in granted if reason.value != 1]
        self._subscribed = not self._refused
        for topic_filter in self._refused:
            log.error("the broker refused to subscribe %s at QoS 1: check its access rules", topic_filter)

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any) -> None:
        self._close_fence()
        log.warning("disconnected from %s: %s", self._broker.url, reason)
        if reason.value == SESSION_TAKEN_OVER or self._looks_taken_over():
            self.taken_over.set()
            self._client.stop()

    def _looks_taken_over(self) -> bool:
        """Whether the session, though kept by the broker, is closed again and again right after we opened it."""
        short = self._client.closed_by_broker and time.monotonic() - self._connected_at < SHORT_CONNECTION
        self._connected_at = 0.0
        self._short_connections = self._short_connections + 1 if short else 0
        return self._short_connections >= SIGNS_OF_TAKEOVER

    def _deliver(self, deliveries: Sequence[frames.Delivery]) -> None:
        self._receiver.received(self._generation, deliveries)
