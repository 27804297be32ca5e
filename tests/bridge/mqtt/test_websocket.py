"""A WebSocket gives the payload of what has come, however frames and reads fall."""

import base64
import hashlib
import itertools
import socket
import struct
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.mqtt.websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, WebSocket, frame
from bridge.mqtt.wire import LargeReads

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def shaken(answer: bytes | None = None) -> tuple[WebSocket, socket.socket]:
    """A WebSocket whose handshake was answered, and the server's end of it. Raises what the handshake raises."""
    client, server = socket.socketpair()
    server.settimeout(10)
    thread = threading.Thread(target=_answer, args=(server, answer))
    thread.start()
    try:
        made = WebSocket(LargeReads(client), "broker:80", "/mqtt", seconds=10)
    except BaseException:
        client.close()
        server.close()
        raise
    finally:
        thread.join()
    client.setblocking(False)
    return made, server


def _answer(server: socket.socket, answer: bytes | None) -> None:
    asked = b""
    while not asked.endswith(b"\r\n\r\n"):
        asked += server.recv(4_096)
    assert asked.startswith(b"GET /mqtt HTTP/1.1\r\nHost: broker:80\r\n")
    key = asked.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
    accept = base64.b64encode(hashlib.sha1(key + GUID, usedforsecurity=False).digest())
    default = (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"sec-websocket-protocol: mqtt\r\nSEC-WEBSOCKET-ACCEPT: " + accept + b"\r\n\r\n"
    )
    server.sendall(answer if answer is not None else default)
    if answer == b"":
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def pair() -> Iterator[tuple[WebSocket, socket.socket]]:
    made, server = shaken()
    yield made, server
    made.close()
    server.close()


def from_server(kind: int, content: bytes) -> bytes:
    size = len(content)
    if size < 126:
        return struct.pack("!BB", 0x80 | kind, size) + content
    if size < 65_536:
        return struct.pack("!BBH", 0x80 | kind, 126, size) + content
    return struct.pack("!BBQ", 0x80 | kind, 127, size) + content


def unmasked(data: bytes) -> tuple[int, bytes, bytes]:
    """Kind and content of the first frame a client sent, and what follows it."""
    assert data[1] & 0x80
    size, start = data[1] & 0x7F, 2
    if size > 125:
        start += 2 if size == 126 else 8
        size = int.from_bytes(data[2:start], "big")
    mask, content = data[start : start + 4], data[start + 4 : start + 4 + size]
    plain = bytes(byte ^ mask[position % 4] for position, byte in enumerate(content))
    return data[0] & 0x0F, plain, data[start + 4 + size :]


def received(made: WebSocket) -> bytes:
    try:
        return made.receive()
    except BlockingIOError:
        return b""


@given(
    frames=st.lists(
        st.tuples(
            st.sampled_from([BINARY, CONTINUATION, PING, PONG]),
            st.sampled_from([0, 1, 2, 7, 125]) | st.sampled_from([126, 300, 65_535, 65_536]),
        ),
        max_size=6,
    ),
    cuts=st.lists(st.integers(0, 140_000), max_size=5),
)
def test_every_split_of_every_sequence_of_frames_gives_the_same_bytes(
    frames: list[tuple[int, int]], cuts: list[int]
) -> None:
    made, server = shaken()
    sent = [
        (kind, bytes([number + 1]) * (min(size, 125) if kind & 8 else size))
        for number, (kind, size) in enumerate(frames)
    ]
    wire = b"".join(from_server(*one) for one in sent)
    got = b""
    borders = sorted({0, len(wire), *(cut for cut in cuts if cut < len(wire))})
    for start, end in itertools.pairwise(borders):
        for part in range(start, end, 60_000):  # what a socketpair holds
            server.sendall(wire[part : min(part + 60_000, end)])
            got += received(made)
    assert got == b"".join(content for kind, content in sent if not kind & 8)
    pings = [content for kind, content in sent if kind == PING]
    answers = server.recv(262_144) if pings else b""
    for ping in pings:
        kind, content, answers = unmasked(answers)
        assert (kind, content) == (PONG, ping)
    made.close()
    server.close()


@given(content=st.binary(max_size=300) | st.integers(65_000, 66_000).map(bytes))
def test_what_is_sent_arrives_masked_in_one_frame(content: bytes) -> None:
    assert unmasked(frame(BINARY, content)) == (BINARY, content, b"")


def test_what_finds_no_room_goes_on_where_it_stopped(pair: tuple[WebSocket, socket.socket]) -> None:
    made, server = pair
    first, second = b"1" * 3_000_000, b"2" * 10
    with pytest.raises(BlockingIOError):
        made.send(first)
    with pytest.raises(BlockingIOError):
        made.send(first)
    got = b""
    sent = 0
    while not sent:
        got += server.recv(1_000_000)
        try:
            sent = made.send(first)
        except BlockingIOError:
            continue
    assert sent == len(first)
    assert made.send(second) == len(second)
    while len(got) < len(first) + len(second) + 14 + 6:
        got += server.recv(1_000_000)
    kind, content, rest = unmasked(got)
    assert (kind, content) == (BINARY, first)
    assert unmasked(rest) == (BINARY, second, b"")


def test_a_close_is_answered_after_what_came_before_it_and_read_as_the_end(
    pair: tuple[WebSocket, socket.socket],
) -> None:
    made, server = pair
    server.sendall(from_server(BINARY, b"last") + from_server(CLOSE, b"\x03\xe8"))
    assert made.receive() == b"last"
    assert made.pending()
    assert made.receive() == b""
    assert unmasked(server.recv(100)) == (CLOSE, b"\x03\xe8", b"")


def test_an_end_without_a_close_is_an_end(pair: tuple[WebSocket, socket.socket]) -> None:
    made, server = pair
    server.close()
    assert made.receive() == b""


@pytest.mark.parametrize(
    "wire",
    [
        pytest.param(b"\x81\x02hi", id="text"),
        pytest.param(b"\xc2\x02hi", id="compressed"),
        pytest.param(b"\x82\x82maskhi", id="masked"),
        pytest.param(b"\x89\x7e\x01\x00", id="a control frame of more than 125 bytes"),
    ],
)
def test_a_frame_no_broker_sends_ends_the_connection(wire: bytes, pair: tuple[WebSocket, socket.socket]) -> None:
    made, server = pair
    server.sendall(wire)
    with pytest.raises(ConnectionError, match="no MQTT broker sends"):
        made.receive()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "HTTP status 404; check the path of broker.url"),
        (b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: no\r\n\r\n", "does not speak MQTT"),
        (b"HTTP/1.1 101 Switching Protocols\r\nno colon\r\n\r\n", "does not speak MQTT"),
        (b"\xff\xfe: \r\n\r\n", "HTTP status 0"),
        (b"", "no whole answer"),
        (b"x" * 20_000, "no whole answer"),
    ],
)
def test_a_handshake_that_fails_says_why(answer: bytes, why: str) -> None:
    with pytest.raises(ConnectionError, match=why):
        shaken(answer)
