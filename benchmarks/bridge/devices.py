"""The devices: raw MQTT frames over one plain connection, as cheap as can be, so that others have the machine."""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

from localcloud.ports import HOST

DEVICES = 1_000
FILTER = "sites/+/+"
PAYLOAD_BYTES = 170
SESSION_SECONDS = 3_600
TICK = 0.001  # seconds between two writes when devices send at a rate

MQTT_3_1_1, MQTT_5 = 4, 5


def mqtt_topic(device: int) -> str:
    return f"sites/site-{device % 10}/device-{device:04d}"


def payload(serial: int, sent_ns: int) -> bytes:
    return b'{"sent":%d,"serial":%d,"temperature":21.5,"pad":"' % (sent_ns, serial)


class Frames:
    """PUBLISH frames at QoS 1 of MQTT 3.1.1, one device after the other."""

    def __init__(self) -> None:
        self._serial = 0
        topics = [mqtt_topic(device).encode() for device in range(DEVICES)]
        self._heads = [
            b"\x32" + remaining_length(4 + len(topic) + PAYLOAD_BYTES) + struct.pack("!H", len(topic)) + topic
            for topic in topics
        ]

    @property
    def made(self) -> int:
        return self._serial

    def next(self, number: int, sent_ns: int) -> bytes:
        """The frames of `number` messages, their serial numbers counted on."""
        return b"".join(islice(self._frames(sent_ns), number))

    def _frames(self, sent_ns: int) -> Iterator[bytes]:
        while True:
            serial, self._serial = self._serial, self._serial + 1
            start = payload(serial, sent_ns)
            packet_id = struct.pack("!H", serial % 65_535 + 1)
            yield self._heads[serial % DEVICES] + packet_id + start + b"x" * (PAYLOAD_BYTES - 2 - len(start)) + b'"}'


def remaining_length(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + remaining_length(number >> 7)


def _text(text: str) -> bytes:
    return struct.pack("!H", len(text)) + text.encode()


def _packet(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + remaining_length(len(body)) + body


def _connect(client_id: str, protocol: int, clean: bool) -> bytes:
    properties = b"\x05\x11" + struct.pack("!I", SESSION_SECONDS) if protocol == MQTT_5 else b""
    start = _text("MQTT") + bytes([protocol, 2 if clean else 0]) + struct.pack("!H", 600)
    return _packet(0x10, start + properties + _text(client_id))


def _subscribe(protocol: int) -> bytes:
    return _packet(0x82, b"\0\1" + (b"\0" if protocol == MQTT_5 else b"") + _text(FILTER) + b"\1")


@contextmanager
def _connection(port: int, client_id: str, protocol: int, clean: bool) -> Iterator[socket.socket]:
    with socket.create_connection((HOST, port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(_connect(client_id, protocol, clean))
        answer = connection.recv(2)
        rest = connection.recv(answer[1])
        if answer[0] != 0x20 or rest[1]:
            raise ConnectionRefusedError(f"the broker refused {client_id!r}: {answer + rest!r}")
        yield connection
        connection.sendall(b"\xe0\0")


def open_session(port: int, client_id: str, protocol: int) -> None:
    """A session subscribed to all devices, left behind at the broker."""
    with _connection(port, client_id, protocol, clean=False) as connection:
        connection.sendall(_subscribe(protocol))
        answer = connection.recv(64)
        if answer[0] != 0x90 or answer[-1] != 1:
            raise ConnectionRefusedError(f"the broker refused the subscription: {answer!r}")


def left_in_session(port: int, client_id: str, protocol: int) -> bool:
    """Whether the broker still has a message for this session."""
    with _connection(port, client_id, protocol, clean=False) as connection:
        connection.settimeout(0.3)
        try:
            return bool(connection.recv(1))
        except TimeoutError:
            return False


class Fleet:
    """All devices on one connection; what the broker acknowledges is read and counted on a thread."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._frames = Frames()
        self._acknowledged_bytes = 0
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    @property
    def sent(self) -> int:
        return self._frames.made

    def send(self, number: int) -> None:
        self._connection.sendall(self._frames.next(number, time.time_ns()))

    def send_all(self, number: int) -> None:
        """As fast as the broker takes them; returns when it has acknowledged all. Raises TimeoutError."""
        for start in range(0, number, 1_000):
            self.send(min(1_000, number - start))
        self.wait(30)

    def send_at(self, rate: float, seconds: float) -> None:
        """At a steady rate, a little every millisecond."""
        started, already = time.perf_counter(), self.sent
        while (passed := time.perf_counter() - started) < seconds:
            due = int(min(passed + TICK, seconds) * rate) - (self.sent - already)
            if due > 0:
                self.send(due)
            time.sleep(TICK)

    def wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while self._acknowledged_bytes < 4 * self.sent:
            if time.monotonic() > until:
                raise TimeoutError(f"the broker acknowledged {self._acknowledged_bytes // 4:,} of {self.sent:,}")
            time.sleep(0.005)

    def _read(self) -> None:
        self._connection.settimeout(None)
        try:
            while data := self._connection.recv(1 << 16):
                self._acknowledged_bytes += len(data)
        except OSError:
            return  # closed under us: the fleet is done


@contextmanager
def fleet(port: int) -> Iterator[Fleet]:
    with _connection(port, "fleet", MQTT_3_1_1, clean=True) as connection:
        yield Fleet(connection)
