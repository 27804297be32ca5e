"""paho with another way of reading: large reads, PUBLISH frames decoded in bulk, everything else handed to paho.

Every private part of paho 2.x that this takes is here, and nowhere else.
"""

import contextlib
import logging
import random
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, _ConnectionState
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from bridge.mqtt import frames, wire
from bridge.mqtt.broker import Broker
from bridge.mqtt.credentials import password

log = logging.getLogger(__name__)
_jitter = random.Random()  # noqa: S311 - no secret; its own, whatever seeds the shared one

CONNECT_SECONDS = 10.0  # for each step: the TCP connection, TLS, the WebSocket, the broker's answer
STOP_SECONDS, CUT_SECONDS = 1.0, 0.5  # for what is queued to leave; then for the thread, its connection cut
FULL_SECONDS = 0.01  # until looking again whether there is room to read
SHORTEST_WAIT, LONGEST_WAIT = 1.0, 30.0  # seconds before connecting again
CONNACK = 0x20
REFUSED_PROTOCOL = b"\x01"  # MQTT 3.1.1, 3.2.2.3


class Connection(paho.Client):
    """Connects until stopped. Raises OSError at once where what it needs for that cannot be read.

    `on_deliveries` gets PUBLISH frames, `before_connect` runs before each try; nothing is read while `full()`.
    """

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        on_deliveries: Callable[[Sequence[frames.Delivery]], None],
        before_connect: Callable[[], None],
        full: Callable[[], bool],
    ) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=None if broker.mqtt5 else False,
            protocol=paho.MQTTv5 if broker.mqtt5 else paho.MQTTv311,
            manual_ack=True,
        )
        self._broker = broker
        self._on_deliveries = on_deliveries
        self._before_connect = before_connect
        self._full = full
        self._unread = bytearray()
        self._awake = False  # whether the network thread has been told that there is something to write
        self._bug: Exception | None = None
        self._answer_until = 0.0
        self._longest_wait = SHORTEST_WAIT / 2
        self.closed_by_broker = False
        self._log_in()
        if broker.encrypted:
            broker.tls.context()
        self.connect_async(
            *wire.endpoint(broker),
            keepalive=broker.keepalive_seconds,
            clean_start=False,
            properties=_promises(broker) if broker.mqtt5 else None,
        )

    def listen(self, **callbacks: Callable[..., None]) -> None:
        """Sets paho's callbacks by their names. Their errors, unlike those over what the broker sent, are ours."""
        for name, callback in callbacks.items():
            setattr(self, name, self._ours(callback))

    def start(self) -> None:
        self.loop_start()

    def stop(self, end_session: bool = False) -> None:
        """Sends what is queued and DISCONNECT; with `end_session` the broker (MQTT 5) forgets the session."""
        properties = None
        if end_session and self._broker.mqtt5:
            properties = Properties(PacketTypes.DISCONNECT)
            properties.SessionExpiryInterval = 0
        self.disconnect(properties=properties)
        self._thread_terminate = True
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return
        thread.join(STOP_SECONDS)
        if thread.is_alive():
            self._cut()
            thread.join(CUT_SECONDS)

    @property
    def thread_alive(self) -> bool:
        thread = self._thread
        return thread is not None and thread.is_alive()

    @property
    def _connecting(self) -> bool:
        return bool(self._state == _ConnectionState.MQTT_CS_CONNECTING)

    def be_quick_again(self) -> None:
        """After a connection that was taken, the next wait is a short one again."""
        self._longest_wait = SHORTEST_WAIT / 2

    def queue_pubacks(self, packets: bytes) -> None:
        self._packet_queue(paho.PUBACK, packets, 0, 0)

    def reconnect(self) -> MQTTErrorCode:
        # paho empties its queue of packets in here: from before that to the next CONNACK nothing may be acknowledged.
        self._before_connect()
        self._unread = bytearray()
        self.closed_by_broker = False
        self.drop_out_messages()  # status of an older connection
        self._answer_until = time.monotonic() + CONNECT_SECONDS
        try:
            self._log_in()
            return super().reconnect()
        except OSError:
            raise
        except Exception as error:  # an impossible host name, an answer paho stumbles over: paho's thread would die
            raise ConnectionError(f"{type(error).__name__}: {error}") from error

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        stream: Any = self._sock
        if stream is None:
            return MQTTErrorCode.MQTT_ERR_NO_CONN
        try:
            data = stream.receive()
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
            return self._take(stream, data)
        except frames.MalformedFrame as error:
            return self._lost(MQTTErrorCode.MQTT_ERR_PROTOCOL, str(error))

    def _take(self, stream: Any, data: bytes) -> MQTTErrorCode:
        """Decodes what there is once the first frame is whole: one of many reads is joined once, not at each."""
        if self._unread:
            self._unread += data
            if frames.frame_end(self._unread, 0) < 0:  # type: ignore[arg-type]  # reads single bytes only
                return MQTTErrorCode.MQTT_ERR_SUCCESS
            data = bytes(self._unread)
        return self._decode(stream, data)

    def _decode(self, stream: Any, buffer: bytes) -> MQTTErrorCode:
        position = 0
        while True:
            found, position = frames.deliveries(buffer, position, mqtt5=self._broker.mqtt5)
            if found and self._connecting:
                return self._lost(MQTTErrorCode.MQTT_ERR_PROTOCOL, "messages before CONNACK")
            if found:
                self._on_deliveries(found)
            end = frames.frame_end(buffer, position)
            if end < 0:
                self._unread = bytearray(buffer[position:])
                return MQTTErrorCode.MQTT_ERR_SUCCESS
            code = self._hand_over(stream, buffer[position:end])
            if code > 0:
                return code
            if self._sock is not stream:  # paho closed it: the broker said DISCONNECT
                return MQTTErrorCode.MQTT_ERR_CONN_LOST
            position = end

    def _hand_over(self, stream: Any, frame: bytes) -> MQTTErrorCode:
        """A frame that is no PUBLISH, to paho. What paho stumbles over costs the connection, not the thread."""
        if frame[0] == CONNACK and self.is_connected():
            return self._lost(MQTTErrorCode.MQTT_ERR_PROTOCOL, "a second CONNACK")
        if frame[0] == CONNACK and not self._broker.mqtt5 and frame[3:4] == REFUSED_PROTOCOL:
            # Told this, paho would go on with MQTT 3.1, at once and for ever.
            return self._lost(MQTTErrorCode.MQTT_ERR_CONN_REFUSED, "the broker does not speak MQTT 3.1.1")
        stream.hand_over(frame)
        try:
            code = self._packet_read()
        except Exception as error:
            if error is self._bug:
                raise
            return self._lost(
                MQTTErrorCode.MQTT_ERR_PROTOCOL, f"packet {frame[0]:#04x}: {type(error).__name__}: {error}"
            )
        return self._lost(code, f"packet {frame[0]:#04x}: {paho.error_string(code)}") if code > 0 else code

    def _lost(self, code: MQTTErrorCode, why: str) -> MQTTErrorCode:
        log.warning("connection lost: %s", why)
        return self._loop_rc_handle(code)

    def _loop(self, timeout: float = 1.0) -> MQTTErrorCode:
        """One round. paho's own waits with select(), which knows no descriptors above 1,023."""
        stream: Any = self._sock
        if stream is None:
            return MQTTErrorCode.MQTT_ERR_NO_CONN
        if self._connecting and time.monotonic() > self._answer_until:
            return self._lost(MQTTErrorCode.MQTT_ERR_CONN_LOST, "the broker did not answer CONNECT")
        held_back = self.is_connected() and self._full()
        readable, writable = self._wait(stream, held_back, min(timeout, FULL_SECONDS) if held_back else timeout)
        if held_back:
            self._ping_t = 0.0  # the answer to our ping may be among what we do not read
        if readable:
            code = self.loop_read()
            if code or self._sock is None:
                return code
        if writable:
            code = self.loop_write()
            if code or self._sock is None:
                return code
        return self.loop_misc()

    def _wait(self, stream: Any, held_back: bool, seconds: float) -> tuple[bool, bool]:
        """Whether there is something to read, and whether there may be something to write and room for it."""
        pending = not held_back and stream.pending() > 0
        poll = select.poll()
        poll.register(stream, (0 if held_back else select.POLLIN) | (select.POLLOUT if self.want_write() else 0))
        poll.register(self._sockpairR, select.POLLIN)
        events = dict(poll.poll(0 if pending else seconds * 1_000))
        woken = events.pop(self._sockpairR.fileno(), 0)
        if woken:
            self._sockpairR.recv(64)
            self._awake = False
        found = next(iter(events.values()), 0)
        return pending or bool(found & ~select.POLLOUT), bool(woken or found & select.POLLOUT)

    def _packet_queue(self, command: int, packet: Any, mid: int, qos: int, info: Any = None) -> MQTTErrorCode:
        """As paho's, but never writes itself where the network thread has ended, and wakes that thread only once."""
        entry = {"command": command, "mid": mid, "qos": qos, "pos": 0, "to_process": len(packet)}
        self._out_packet.append({**entry, "packet": packet, "info": info})
        wake = self._sockpairW
        if not self._awake and wake is not None:
            self._awake = True
            with contextlib.suppress(OSError):  # full, so it wakes anyway; or closed, as the thread has ended
                wake.send(b"0")
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _thread_main(self) -> None:
        try:
            self.loop_forever(retry_first_connection=True)
        except Exception:
            log.critical("the network thread died", exc_info=True)
        finally:
            self._before_connect()
            self._reset_sockets()
            self._thread = None

    def _create_socket(self) -> Any:
        opened = wire.opened(self._broker, CONNECT_SECONDS)
        if self._thread_terminate:
            opened.close()
            raise ConnectionAbortedError("stopped meanwhile")
        return opened

    def _log_in(self) -> None:
        if self._broker.username:
            self.username_pw_set(self._broker.username, password(self._broker.password))

    def _ours(self, callback: Callable[..., None]) -> Callable[..., None]:
        def called(*given: Any) -> None:
            try:
                callback(*given)
            except Exception as error:
                self._bug = error
                raise

        return called

    def _cut(self) -> None:
        stream: Any = self._sock
        if stream is None:
            return
        log.warning("the broker takes nothing more: the connection is cut")
        with contextlib.suppress(OSError):  # closed already
            stream.shutdown(socket.SHUT_RDWR)

    def _reconnect_wait(self) -> None:
        self._longest_wait = min(self._longest_wait * 2, LONGEST_WAIT)
        until = time.monotonic() + _jitter.uniform(0, self._longest_wait)
        while time.monotonic() < until and not self._thread_terminate:
            time.sleep(0.05)


def _promises(broker: Broker) -> Properties:
    """What MQTT 5 tells the broker of us, and so bounds what it sends."""
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = broker.session_expiry_seconds
    properties.ReceiveMaximum = broker.receive_maximum
    properties.MaximumPacketSize = broker.maximum_packet_bytes
    return properties
