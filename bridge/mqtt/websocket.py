"""A WebSocket (RFC 6455) that carries MQTT as a stream of bytes, over a socket that is connected already.

Frames do not line up with MQTT packets, so their borders are forgotten: `receive` gives all payload of one large read,
whole frames and parts of one. Like any socket it raises BlockingIOError when there is nothing, or no room.
"""

import base64
import hashlib
import os
import ssl
import struct
import time
from typing import Any, Protocol

CONTINUATION, BINARY, CLOSE, PING, PONG = 0x0, 0x2, 0x8, 0x9, 0xA
KINDS = frozenset((CONTINUATION, BINARY, CLOSE, PING, PONG))
CONTROL = 0x8  # the bit that tells control frames from data
LARGEST_ANSWER = 16_384  # bytes of an HTTP answer's head
_ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3


class Stream(Protocol):
    """What carries a WebSocket."""

    def receive(self) -> bytes: ...
    def pending(self) -> int: ...
    def __getattr__(self, name: str) -> Any:
        """All else that sockets have."""


class WebSocket:
    """A client's end. The constructor shakes hands within `seconds`; it raises OSError."""

    def __init__(self, stream: Stream, host: str, path: str, seconds: float) -> None:
        self._stream = stream
        self._unread = b""
        self._data_left = 0  # bytes of the open data frame that have not come yet
        self._unsent = bytearray()
        self._begun = False  # whether what `send` was last given is in `_unsent`
        self._closed = False
        _shake_hands(stream, host, path, time.monotonic() + seconds)

    def receive(self) -> bytes:
        """Payload of what has come; nothing once the other side has closed."""
        if self._closed:
            return b""
        data = self._stream.receive()
        if not data:
            return b""
        payload = self._payload(self._unread + data)
        if not payload and not self._closed:
            raise BlockingIOError
        return payload

    def send(self, data: bytes) -> int:
        """All of `data` as one frame; BlockingIOError until it has gone, for which the same is given again."""
        if not self._begun:
            self._unsent += frame(BINARY, data)
            self._begun = True
        self._flush()
        self._begun = False
        return len(data)

    def pending(self) -> int:
        """Above 0 where `receive` has something to tell that waiting for the network would not show."""
        return 1 if self._closed else self._stream.pending()

    def _payload(self, buffer: bytes) -> bytes:
        parts: list[bytes] = []
        position = 0
        while not self._closed:
            if self._data_left:
                parts.append(buffer[position : position + self._data_left])
                position += len(parts[-1])
                self._data_left -= len(parts[-1])
            kind, size, start = _head(buffer, position)
            if start < 0 or (kind & CONTROL and start + size > len(buffer)):
                break
            position = start
            if kind & CONTROL:
                position += size
                self._answer(kind, buffer[start:position])
            else:
                self._data_left = size
        self._unread = buffer[position:]
        return b"".join(parts)

    def _answer(self, kind: int, content: bytes) -> None:
        if kind == PONG:
            return
        self._closed = kind == CLOSE
        self._unsent += frame(CLOSE if self._closed else PONG, content)
        try:
            self._flush()
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return  # it goes with the next thing to send

    def _flush(self) -> None:
        while self._unsent:
            del self._unsent[: self._stream.send(self._unsent)]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def frame(kind: int, content: bytes) -> bytes:
    """One whole frame as clients send it: masked."""
    size = len(content)
    if size < 126:
        head = struct.pack("!BB", 0x80 | kind, 0x80 | size)
    elif size < 65_536:
        head = struct.pack("!BBH", 0x80 | kind, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | kind, 0x80 | 127, size)
    mask = os.urandom(4)
    return head + mask + _xor(content, (mask * (size // 4 + 1))[:size])


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one, "little") ^ int.from_bytes(other, "little")).to_bytes(len(one), "little")


def _head(buffer: bytes, position: int) -> tuple[int, int, int]:
    """Kind and size of the frame at `position`, and where its content starts: -1 while that is incomplete."""
    if len(buffer) < position + 2:
        return 0, 0, -1
    first, size = buffer[position], buffer[position + 1]
    kind, start = first & 0x0F, position + 2
    if first & 0x70 or kind not in KINDS or size > (125 if kind & CONTROL else 127):
        raise ConnectionError(f"a WebSocket frame that no MQTT broker sends ({first:#04x} {size:#04x})")
    if size > 125:
        start += 2 if size == 126 else 8
        size = int.from_bytes(buffer[position + 2 : start], "big")
    return kind, size, start if start <= len(buffer) else -1


def _shake_hands(stream: Stream, host: str, path: str, until: float) -> None:
    key = base64.b64encode(os.urandom(16))
    asked = (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key.decode()}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
    )
    stream.sendall(asked.encode())
    status, headers = _answer_head(stream, until)
    if status != 101:
        advice = "check the path of broker.url, and that the listener speaks MQTT over WebSocket"
        raise ConnectionError(f"WebSocket at {path} refused with HTTP status {status}; {advice}")
    expected = base64.b64encode(hashlib.sha1(key + _ACCEPT, usedforsecurity=False).digest()).decode()
    if headers.get("sec-websocket-accept") != expected or headers.get("sec-websocket-protocol", "mqtt") != "mqtt":
        raise ConnectionError(f"what answers at {path} does not speak MQTT over WebSocket")


def _answer_head(stream: Stream, until: float) -> tuple[int, dict[str, str]]:
    """Status and headers of the HTTP answer, read byte by byte so that nothing behind it is taken."""
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):
        byte = stream.recv(1)
        if not byte or len(head) > LARGEST_ANSWER or time.monotonic() > until:
            raise ConnectionError("the WebSocket handshake got no whole answer")
        head += byte
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.split(":", 1) for line in lines if ":" in line)
    _, _, status = first.partition(" ")
    code = int(status[:3]) if status[:3].isdigit() else 0
    return code, {name.strip().lower(): value.strip() for name, value in headers.items()}
