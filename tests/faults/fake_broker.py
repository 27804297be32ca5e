"""A broker of raw sockets that sends what a test writes down, correct MQTT 5 or not."""

import contextlib
import socketserver
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from localcloud.ports import HOST

CONNACK = bytes((0x20, 3, 0, 0, 0))
CONNACK_RESUMED = bytes((0x20, 3, 1, 0, 0))
CONNECT, SUBSCRIBE, PUBACK, PINGREQ = 0x10, 0x82, 0x40, 0xC0


class FakeBroker(socketserver.ThreadingTCPServer):
    """Takes every client and subscription; connection number n is sent `scripts[n]`, one step after SUBSCRIBE.

    `acknowledged` are the packet ids of all PUBACKs, in order; `connacks[n]`, where there is one, greets connection n.
    """

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, scripts: Sequence[bytes], connacks: Sequence[bytes] = (), suback: int = 1) -> None:
        super().__init__((HOST, 0), _Conversation)
        self.scripts = list(scripts)
        self.connacks = list(connacks)
        self.suback = suback
        self.connections = 0
        self.acknowledged: list[int] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])


@contextlib.contextmanager
def serving(*scripts: bytes, **how: Any) -> Iterator[FakeBroker]:
    with FakeBroker(scripts, **how) as broker:
        thread = threading.Thread(target=broker.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield broker
        broker.shutdown()
        thread.join()


def publish(
    packet_id: int, mqtt_topic: bytes, payload: bytes = b"{}", properties: bytes = b"", flags: int = 0x02
) -> bytes:
    """A PUBLISH at QoS 1."""
    body = len(mqtt_topic).to_bytes(2, "big") + mqtt_topic + packet_id.to_bytes(2, "big")
    return frame(0x30 | flags, body + varint(len(properties)) + properties + payload)


def own_id(identity: str) -> bytes:
    """The user property `id`."""
    return b"\x26\x00\x02id" + len(identity).to_bytes(2, "big") + identity.encode()


def frame(head: int, body: bytes) -> bytes:
    return bytes((head,)) + varint(len(body)) + body


def varint(value: int) -> bytes:
    encoded = b""
    while True:
        value, low = divmod(value, 128)
        encoded += bytes((low | (0x80 if value else 0),))
        if not value:
            return encoded


class _Conversation(socketserver.StreamRequestHandler):
    server: FakeBroker

    def handle(self) -> None:
        broker, number = self.server, self.server.connections
        broker.connections += 1
        resumed = CONNACK_RESUMED if number else CONNACK
        with contextlib.suppress(OSError, EOFError):
            while True:
                kind, body = self._packet()
                if kind == CONNECT:
                    self.wfile.write(broker.connacks[number] if number < len(broker.connacks) else resumed)
                elif kind == SUBSCRIBE:
                    self.wfile.write(frame(0x90, body[:2] + b"\x00" + bytes((broker.suback,)) * _filters(body)))
                    self.wfile.write(broker.scripts[number] if number < len(broker.scripts) else b"")
                elif kind == PUBACK:
                    broker.acknowledged.append(int.from_bytes(body[:2], "big"))
                elif kind == PINGREQ:
                    self.wfile.write(b"\xd0\x00")

    def _packet(self) -> tuple[int, bytes]:
        kind = self._exactly(1)[0]
        return kind, self._exactly(self._varint())

    def _exactly(self, size: int) -> bytes:
        data = self.rfile.read(size)
        if len(data) < size:
            raise EOFError
        return data

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._exactly(1)[0]
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7


def _filters(subscribe: bytes) -> int:
    """How many topic filters a SUBSCRIBE has; its properties are shorter than 128 bytes."""
    position, count = 3 + subscribe[2], 0
    while position < len(subscribe):
        position += 3 + int.from_bytes(subscribe[position : position + 2], "big")
        count += 1
    return count
