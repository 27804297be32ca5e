"""A device gateway's connection to the broker, which lets go of a message only when a subscriber will get it."""

import logging
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from paho.mqtt.client import Client, ConnectFlags
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties, VariableByteIntegers
from paho.mqtt.reasoncodes import ReasonCode

from examples.demo.schedule import Kind

log = logging.getLogger(__name__)

WINDOW = 1000  # unacknowledged messages; far from the 65,535 packet ids MQTT has
NO_SUBSCRIBER = 0x10  # MQTT 5, 3.4.2.1: accepted, but nobody is subscribed
RETRY_AFTER = 0.25  # seconds, for messages refused and for connections
SESSION_SECONDS = 3600
KEEPALIVE = 30
REMEMBERED_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Message:
    """A message on its way: due at `due` (Unix seconds)."""

    serial: int
    id: str
    kind: Kind
    due: float
    mqtt_topic: str
    payload: bytes


class UserProperties(Properties):
    """Encoded once, here: paho's general way would take a third of the fleet's time."""

    _packed: bytes

    def __init__(self, **pairs: str) -> None:
        encoded = b"".join(b"\x26" + _text(name) + _text(value) for name, value in pairs.items())
        length: bytes = VariableByteIntegers.encode(len(encoded))
        object.__setattr__(self, "_packed", length + encoded)

    def pack(self) -> bytes:
        return self._packed


class Connection:
    """MQTT 5, QoS 1, driven by its owner's loop: `send` takes messages, `work` moves them.

    A message counts as delivered, and `delivered` is told, when the broker acknowledged it for somebody: while nobody
    subscribes it is sent again. When the broker has lost our session, and with it perhaps messages it acknowledged,
    those of the last seconds are sent again under their ids.
    """

    def __init__(self, client_id: str, host: str, port: int, delivered: Callable[[Message], None]) -> None:
        self.refused = self.sent_again = 0
        self._delivered = delivered
        self._waiting: deque[Message] = deque()
        self._in_flight: dict[int, Message] = {}
        self._refused: deque[tuple[float, Message]] = deque()
        self._remembered: deque[tuple[float, Message]] = deque()
        self._connected = self._ever_connected = False
        self._next_attempt = 0.0
        self._client = client = Client(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTProtocolVersion.MQTTv5)
        client.max_inflight_messages_set(WINDOW)
        client.on_socket_open = _send_at_once
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.connect_timeout = 2.0
        expiry = Properties(PacketTypes.CONNECT)
        expiry.SessionExpiryInterval = SESSION_SECONDS
        client.connect_async(host, port, KEEPALIVE, clean_start=False, properties=expiry)

    @property
    def socket(self) -> Any:
        """For the owner's `select`; None while there is no connection."""
        return self._client.socket()

    @property
    def wants_to_write(self) -> bool:
        return bool(self._client.want_write())

    @property
    def unfinished(self) -> int:
        return len(self._waiting) + len(self._in_flight) + len(self._refused)

    def send(self, message: Message) -> None:
        self._waiting.append(message)
        self._publish_waiting()

    def work(self, readable: bool, writable: bool) -> None:
        """Reads and writes what can be read and written now; connects where there is no connection."""
        now = time.monotonic()
        if self.socket is None:
            self._connect(now)
        if readable:
            self._client.loop_read()
        if writable:
            self._client.loop_write()
        self._client.loop_misc()
        while self._refused and self._refused[0][0] <= now:
            self._waiting.append(self._refused.popleft()[1])
        self._publish_waiting()

    def close(self) -> None:
        self._client.disconnect()

    def _connect(self, now: float) -> None:
        if now < self._next_attempt:
            return
        self._next_attempt = now + RETRY_AFTER
        try:
            self._client.reconnect()
        except OSError as error:
            log.info("no broker yet: %s", error)

    def _publish_waiting(self) -> None:
        while self._connected and self._waiting and len(self._in_flight) < WINDOW:
            self._publish(self._waiting.popleft())

    def _publish(self, message: Message) -> None:
        properties = UserProperties(id=message.id, serial=str(message.serial))
        sent = self._client.publish(message.mqtt_topic, message.payload, qos=1, properties=properties)
        self._in_flight[sent.mid] = message

    def _on_connect(self, _: Client, __: Any, flags: ConnectFlags, reason: ReasonCode, ___: Properties | None) -> None:
        if reason.is_failure:
            log.warning("the broker refused us: %s", reason)
            return
        self._connected = True
        if self._ever_connected and not flags.session_present:
            again = [message for _, message in self._remembered]
            log.warning("the broker has lost our session: %d messages are sent again", len(again))
            self.sent_again += len(again)
            self._waiting.extendleft(reversed(again))
            self._remembered.clear()
        self._ever_connected = True

    def _on_disconnect(self, _: Client, __: Any, ___: Any, reason: ReasonCode, ____: Properties | None) -> None:
        self._connected = False
        if reason.is_failure:
            log.warning("connection lost: %s", reason)

    def _on_publish(self, _: Client, __: Any, mid: int, reason: ReasonCode, ___: Properties | None) -> None:
        message = self._in_flight.pop(mid, None)
        if message is None:
            return
        now = time.monotonic()
        if reason.value == NO_SUBSCRIBER or reason.is_failure:
            if not self._refused:
                log.info("the broker has nobody to give messages to (%s): they wait", reason)
            self.refused += 1
            self._refused.append((now + RETRY_AFTER, message))
            return
        self._delivered(message)
        self._remembered.append((now, message))
        while self._remembered[0][0] < now - REMEMBERED_SECONDS:
            self._remembered.popleft()


def _send_at_once(_: Client, __: Any, opened: Any) -> None:
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _text(value: str) -> bytes:
    encoded = value.encode()
    return len(encoded).to_bytes(2, "big") + encoded
