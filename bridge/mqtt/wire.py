"""The way to the broker: TCP, TLS where the address says so, a WebSocket where it says so."""

import socket
from typing import Any

from bridge.mqtt.broker import PORTS, Broker
from bridge.mqtt.websocket import WebSocket

READ_BYTES = 262_144


def endpoint(broker: Broker) -> tuple[str, int]:
    """Host and port."""
    address = broker.address
    return address.hostname or "", address.port or PORTS[address.scheme]


def opened(broker: Broker, seconds: float) -> "Wire":
    """A connection, within `seconds` for each step. Certificates are read on the way. Raises OSError."""
    host, port = endpoint(broker)
    context = broker.tls.context() if broker.encrypted else None
    stream: Any = socket.create_connection((host, port), seconds)
    try:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # acknowledgements wait for nothing
        if context:
            stream = context.wrap_socket(stream, server_hostname=host)
        if broker.address.scheme in ("ws", "wss"):
            return Wire(WebSocket(LargeReads(stream), broker.address.netloc, broker.address.path or "/", seconds))
    except BaseException:
        stream.close()
        raise
    return Wire(LargeReads(stream))


class LargeReads:
    """A socket, plain or of TLS, read much at a time.

    `recv` with so many bytes takes new memory from the system at every call and gives it back: four times the time.
    """

    def __init__(self, stream: socket.socket) -> None:
        self._stream: Any = stream
        self._buffer = memoryview(bytearray(READ_BYTES))

    def receive(self) -> bytes:
        """What has come; nothing at the end. Raises BlockingIOError, or TLS' SSLWantReadError."""
        return bytes(self._buffer[: self._stream.recv_into(self._buffer)])

    def pending(self) -> int:
        """Bytes that TLS has read from the network and we not from it: waiting for the network would not show them."""
        return self._stream.pending() if hasattr(self._stream, "pending") else 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Wire:
    """A connection as paho reads it: only frames that were handed over; all else goes to the real one."""

    def __init__(self, stream: LargeReads | WebSocket) -> None:
        self._stream = stream
        self._frame = b""
        # Used at every turn of the loop, so looked up once.
        self.receive, self.pending = stream.receive, stream.pending
        self.send, self.fileno = stream.send, stream.fileno

    def hand_over(self, frame: bytes) -> None:
        self._frame = frame

    def recv(self, size: int) -> bytes:
        if not self._frame:
            raise BlockingIOError
        part, self._frame = self._frame[:size], self._frame[size:]
        return part

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
