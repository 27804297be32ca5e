"""The MQTT session: deliveries in, acknowledgements out, fenced by connection.

paho keeps what is hard to get right: connect, keepalive, subscribe, session, TLS, every packet that is not a PUBLISH.
PUBLISH frames never reach it: reads are large, `frames` decodes them in bulk, and what else lies between is handed to
paho frame by frame. Every private part of paho 2.x that this takes is in `_Client`, and nowhere else.
"""

import logging
import random
import ssl
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from bridge import frames
from bridge.config import Broker

log = logging.getLogger(__name__)

READ_BYTES = 262_144
PUBACK = b"\x40\x02"
SESSION_TAKEN_OVER = 0x8E
# mosquitto 2.0 closes the connection of a session that was taken over without saying so. Two clients with one id then
# take it from each other for ever: this many connections in a row, each closed within seconds, are taken as that.
SIGNS_OF_TAKEOVER, SHORT_CONNECTION = 4, 5.0
SHORTEST_WAIT, LONGEST_WAIT = 1.0, 30.0  # seconds before connecting again


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
        self._client = _Client(broker, self._deliver, self._close_fence)
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


class _OneFrame:
    """The socket as paho reads it: only frames that were handed over; all else goes to the real one."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._frame = b""

    def hand_over(self, frame: bytes) -> None:
        self._frame = frame

    def recv(self, size: int) -> bytes:
        if not self._frame:
            raise BlockingIOError
        part, self._frame = self._frame[:size], self._frame[size:]
        return part

    def receive(self) -> bytes:
        return self._socket.recv(READ_BYTES)  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


class _Client(paho.Client):
    """paho with another way of reading; `on_deliveries` gets PUBLISH frames, `before_connect` runs before each try."""

    def __init__(
        self,
        broker: Broker,
        on_deliveries: Callable[[Sequence[frames.Delivery]], None],
        before_connect: Callable[[], None],
    ) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=broker.client_id,
            protocol=paho.MQTTv5,
            manual_ack=True,
        )
        self._on_deliveries = on_deliveries
        self._before_connect = before_connect
        self._unread = b""
        self.closed_by_broker = False
        self._longest_wait = SHORTEST_WAIT / 2
        self._address = urlsplit(broker.url)
        self._secure(broker)
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = broker.session_expiry_seconds
        properties.ReceiveMaximum = broker.receive_maximum
        properties.MaximumPacketSize = broker.maximum_packet_bytes
        tls = self._address.scheme == "mqtts"
        self.connect_async(
            self._address.hostname or "",
            self._address.port or (8883 if tls else 1883),
            keepalive=broker.keepalive_seconds,
            clean_start=False,
            properties=properties,
        )

    def start(self) -> None:
        self.loop_start()

    def stop(self) -> None:
        self.disconnect()
        self._thread_terminate = True
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    @property
    def thread_alive(self) -> bool:
        thread = self._thread
        return thread is not None and thread.is_alive()

    def be_quick_again(self) -> None:
        """After a connection that was taken, the next wait is a short one again."""
        self._longest_wait = SHORTEST_WAIT / 2

    def queue_pubacks(self, packets: bytes) -> None:
        self._packet_queue(paho.PUBACK, packets, 0, 0)

    def reconnect(self) -> MQTTErrorCode:
        # paho empties its queue of packets in here: from before that to the next CONNACK nothing may be acknowledged.
        self._before_connect()
        self._unread = b""
        self.closed_by_broker = False
        return super().reconnect()

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        socket: Any = self._sock
        if socket is None:
            return MQTTErrorCode.MQTT_ERR_NO_CONN
        try:
            data = socket.receive()
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        except OSError as error:
            return self._lost(MQTTErrorCode.MQTT_ERR_CONN_LOST, f"cannot read: {error}")
        if not data:
            self.closed_by_broker = True
            return self._lost(MQTTErrorCode.MQTT_ERR_CONN_LOST, "closed by the broker")
        with self._msgtime_mutex:
            self._last_bytes_received = time.monotonic()
        try:
            return self._decode(socket, self._unread + data if self._unread else data)
        except frames.MalformedFrame as error:
            return self._lost(MQTTErrorCode.MQTT_ERR_PROTOCOL, str(error))

    def _decode(self, socket: Any, buffer: bytes) -> MQTTErrorCode:
        position = 0
        while True:
            found, position = frames.deliveries(buffer, position, mqtt5=True)
            if found:
                self._on_deliveries(found)
            end = frames.frame_end(buffer, position)
            if end < 0:
                self._unread = buffer[position:]
                return MQTTErrorCode.MQTT_ERR_SUCCESS
            socket.hand_over(buffer[position:end])
            code = self._packet_read()
            if code > 0:
                return self._loop_rc_handle(code)
            if self._sock is not socket:  # paho closed it: the broker said DISCONNECT
                return MQTTErrorCode.MQTT_ERR_CONN_LOST
            position = end

    def _lost(self, code: MQTTErrorCode, why: str) -> MQTTErrorCode:
        log.warning("connection lost: %s", why)
        return self._loop_rc_handle(code)

    def _create_socket(self) -> Any:
        return _OneFrame(super()._create_socket())

    def _reconnect_wait(self) -> None:
        self._longest_wait = min(self._longest_wait * 2, LONGEST_WAIT)
        until = time.monotonic() + random.uniform(0, self._longest_wait)  # noqa: S311 - full jitter, no secret
        while time.monotonic() < until and not self._thread_terminate:
            time.sleep(0.05)

    def _secure(self, broker: Broker) -> None:
        if self._address.scheme == "mqtts":
            self.tls_set(ca_certs=broker.ca_file)
        if broker.username:
            self.username_pw_set(broker.username, _password(broker))


def _password(broker: Broker) -> str | None:
    if broker.password_file is None:
        return None
    return Path(broker.password_file).read_text(encoding="utf-8").strip()
