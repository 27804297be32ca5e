"""paho with another way of reading: large reads, PUBLISH frames decoded in bulk, everything else handed to paho.

Every private part of paho 2.x that this takes is here, and nowhere else.
"""

import logging
import random
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from bridge import frames
from bridge.broker import Broker

log = logging.getLogger(__name__)

READ_BYTES = 262_144
SHORTEST_WAIT, LONGEST_WAIT = 1.0, 30.0  # seconds before connecting again


class Connection(paho.Client):
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
