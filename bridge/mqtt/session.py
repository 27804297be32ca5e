"""The MQTT session: deliveries in, acknowledgements out, fenced by connection.

paho keeps what is hard to get right: connect, keepalive, subscribe, session, every packet that is not a PUBLISH (see
`connection`). Here is what a session means to the bridge: generations, subscriptions, signs of a takeover.
"""

import logging
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from bridge.mqtt import frames
from bridge.mqtt.broker import Broker, member
from bridge.mqtt.connection import Connection
from bridge.mqtt.subscriptions import Request, Subscriptions

log = logging.getLogger(__name__)

PUBACK = b"\x40\x02"
SESSION_TAKEN_OVER, UNSUPPORTED_PROTOCOL = 0x8E, 0x84
# mosquitto 2.0 closes the connection of a session that was taken over without saying so, and MQTT 3.1.1 has no words
# for it. Two clients with one id then take it from each other for ever: this many connections in a row, each closed
# within seconds, are taken as that.
SIGNS_OF_TAKEOVER, SHORT_CONNECTION = 4, 5.0
FILTERS_IN_A_REQUEST = 8  # some brokers refuse more


class Receiver(Protocol):
    """Who takes what the session brings, on the network thread: it must not block."""

    @property
    def full(self) -> bool:
        """While true nothing is read, so that TCP holds the broker back."""

    def connected(self, generation: int, resumed: bool) -> None: ...
    def received(self, deliveries: Sequence[frames.Delivery]) -> None: ...


class MqttSource:
    """One persistent session at the broker. Generations count connections; packet ids hold within one only.

    `ordinal` says which member of a group this is; `gone` are filters the session may have that are not wanted.
    Raises OSError for files and secrets that cannot be read, DocumentError where an ordinal is missing.
    """

    def __init__(
        self,
        broker: Broker,
        filters: Iterable[str],
        receiver: Receiver,
        ordinal: int | None = None,
        gone: Iterable[str] = (),
        signs_of_takeover: int = SIGNS_OF_TAKEOVER,
    ) -> None:
        self._broker = broker
        self._receiver = receiver
        self._member = member(broker, ordinal)
        self._fence = threading.Lock()  # guards the open generation and the subscriptions
        self._generation = 0
        self._open_generation: int | None = None
        named = self._member.subscription
        self._subscriptions = Subscriptions(map(named, filters), map(named, gone))
        self._refusal: str | None = None
        self.session_lost = 0
        self.connections = 0
        self.failures = 0
        self.taken_over = threading.Event()
        self._signs_of_takeover = signs_of_takeover
        self._connected_at = 0.0
        self._short_connections = 0
        self._client = Connection(
            broker, self._member.client_id, self._deliver, self._close_fence, lambda: self._receiver.full
        )
        self._client.listen(
            on_connect=self._on_connect,
            on_connect_fail=self._on_connect_fail,
            on_disconnect=self._on_disconnect,
            on_subscribe=self._on_answer,
            on_unsubscribe=self._on_answer,
            on_publish=self._on_status,
        )
        if self._member.status_topic:
            self._client.will_set(self._member.status_topic, self._member.status("offline"), qos=1, retain=True)
        if not broker.encrypted:
            log.warning("the connection to %s is not encrypted: others on its way can read it", broker.url)

    @property
    def client_id(self) -> str:
        return self._member.client_id

    def start(self) -> None:
        """Returns at once; connecting goes on, and is tried again, on the network thread."""
        self._client.start()

    def subscribe(self, filters: Iterable[str]) -> None:
        """These filters from now on: asks the broker for the difference, now or once it is there."""
        with self._fence:
            self._subscriptions.want(map(self._member.subscription, filters))
            if self._open_generation is not None:
                self._ask()

    def acknowledge(self, generation: int, packet_ids: Sequence[bytes]) -> bool:
        """Queues one write of PUBACKs; False, and nothing sent, where the connection they belong to is gone."""
        if not packet_ids:
            return True
        with self._fence:
            if generation != self._open_generation or not self.alive:
                return False
            self._client.queue_pubacks(PUBACK + PUBACK.join(packet_ids))
            return True

    def stop(self, end_session: bool = False) -> None:
        """DISCONNECT. The session stays, the broker keeps what is unacknowledged; unless `end_session` (MQTT 5)."""
        with self._fence:
            connected = self._open_generation is not None
        if connected:
            self._tell("offline")
        self._client.stop(end_session)

    @property
    def alive(self) -> bool:
        """Whether the network thread runs: a dead one still looks connected."""
        return self._client.thread_alive

    @property
    def problem(self) -> str | None:
        """Why messages do not arrive, or None."""
        with self._fence:
            if self._open_generation is None:
                return self._refusal or f"not connected to {self._broker.url}"
            if self._subscriptions.refused:
                return _refused(self._subscriptions.refused)
            return None if self._subscriptions.subscribed else "not subscribed yet"

    @property
    def settled(self) -> bool:
        """Whether the broker has subscribed all that is wanted, and nothing else that we know of."""
        with self._fence:
            return self._open_generation is not None and self._subscriptions.settled

    def _close_fence(self) -> None:
        with self._fence:
            self._open_generation = None

    def _on_connect(self, _client: Any, _data: Any, flags: Any, reason: ReasonCode, _properties: Any) -> None:
        if reason.is_failure:
            self._refuse(reason)
            return
        resumed = bool(flags.session_present)
        if not resumed and self.connections:
            self.session_lost += 1
            log.warning("the broker lost our session; what was queued there is gone, what is sent again will arrive")
        self.connections += 1
        self._refusal = None
        self._connected_at = time.monotonic() if resumed else 0.0
        self._client.be_quick_again()
        self._generation += 1
        with self._fence:
            self._open_generation = self._generation
            # With MQTT 3.1.1 brokers send retained messages again for every SUBSCRIBE: what they have is not repeated.
            self._subscriptions.connected(resumed, ask_again=self._broker.mqtt5)
            self._ask()
        self._receiver.connected(self._generation, resumed)
        self._tell("online")

    def _refuse(self, reason: ReasonCode) -> None:
        advice = "; try the other broker.protocol" if reason.value == UNSUPPORTED_PROTOCOL else ""
        self._refusal = f"the broker at {self._broker.url} refused the connection: {reason}{advice}"
        log.error("%s", self._refusal)

    def _ask(self) -> None:
        for due in self._subscriptions.due():
            for start in range(0, len(due.filters), FILTERS_IN_A_REQUEST):
                request = Request(due.subscribe, due.filters[start : start + FILTERS_IN_A_REQUEST])
                packet_id = self._send(request)
                if packet_id is not None:  # else the connection is gone, and the next one asks for everything
                    self._subscriptions.sent(packet_id, request)

    def _send(self, request: Request) -> int | None:
        if not request.subscribe:
            return self._client.unsubscribe(list(request.filters))[1]  # type: ignore[no-any-return]
        options: SubscribeOptions | int = 1
        if self._broker.mqtt5:
            handling = SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE  # all that brokers take for a group
            if self._broker.shared is None:
                handling = SubscribeOptions.RETAIN_SEND_IF_NEW_SUB
            options = SubscribeOptions(qos=1, retainHandling=handling)
        return self._client.subscribe([(one, options) for one in request.filters])[1]  # type: ignore[no-any-return]

    def _on_answer(self, _client: Any, _data: Any, mid: int, reasons: Sequence[ReasonCode], _properties: Any) -> None:
        with self._fence:
            refused = self._subscriptions.answered(mid, [reason.value for reason in reasons])
        if refused and refused.subscribe:
            log.error("%s", _refused(refused.filters))
        elif refused:
            log.error("the broker refused to unsubscribe %s: they go on arriving", ", ".join(refused.filters))

    def _on_connect_fail(self, _client: Any, _data: Any) -> None:
        self.failures += 1
        log.warning("cannot connect to %s: %s", self._broker.url, sys.exc_info()[1])

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
        return self._short_connections >= self._signs_of_takeover

    def _tell(self, status: str) -> None:
        """Publishes our status, retained, where others can see it."""
        if self._member.status_topic:
            self._client.publish(self._member.status_topic, self._member.status(status), qos=1, retain=True)

    def _on_status(self, _client: Any, _data: Any, _mid: int, reason: ReasonCode, _properties: Any) -> None:
        if reason.is_failure:
            log.error("the broker refused our status on %s: %s", self._member.status_topic, reason)

    def _deliver(self, deliveries: Sequence[frames.Delivery]) -> None:
        self._receiver.received(deliveries)


def _refused(filters: Iterable[str]) -> str:
    return f"the broker refused to subscribe {', '.join(filters)} at QoS 1: check its access rules"
