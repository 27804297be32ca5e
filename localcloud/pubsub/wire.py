"""Protobuf bytes put together by hand where every message passes: encoded once, copied from then on.

Serialised protobufs may be concatenated: they merge, and the last value of a field or map key wins
(protobuf.dev/programming-guides/encoding, "Last One Wins").
"""

from collections.abc import Iterable, Mapping


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


_VARINTS = [_varint(number) for number in range(1 << 14)]


def varint(number: int) -> bytes:
    return _VARINTS[number] if number < len(_VARINTS) else _varint(number)


def framed(body: bytes) -> bytes:
    """A message as field 2, which is its place both in a PublishRequest and in a ReceivedMessage."""
    return b"\x12" + varint(len(body)) + body


def framed_as_published(body: bytes, number: int, publish_time: bytes) -> bytes:
    """`body`, a message as it came, with its id (16 digits) and publish time appended: they replace older ones."""
    length = len(body) + 18 + len(publish_time)
    return b"".join((b"\x12", varint(length), body, b"\x1a\x10%d" % number, publish_time))


def attributes(added: Mapping[str, str]) -> bytes:
    """Entries of a PubsubMessage's map, to be appended to one."""
    return b"".join(_entry(key.encode(), value.encode()) for key, value in added.items())


def _entry(key: bytes, value: bytes) -> bytes:
    entry = b"".join((b"\x0a", varint(len(key)), key, b"\x12", varint(len(value)), value))
    return b"".join((b"\x12", varint(len(entry)), entry))


def publish_time(nanoseconds: int) -> bytes:
    """The field of a PubsubMessage; zeros are written too, or the merge would keep older values."""
    seconds, nanos = divmod(nanoseconds, 1_000_000_000)
    timestamp = b"\x08" + varint(seconds) + b"\x10" + varint(nanos)
    return b"\x22" + varint(len(timestamp)) + timestamp


def publish_request(topic: str, fields: Iterable[bytes]) -> bytes:
    name = topic.encode()
    return b"".join((b"\x0a", varint(len(name)), name, *fields))


def publish_response(numbers: Iterable[int]) -> bytes:
    return b"".join([b"\x0a\x10%d" % number for number in numbers])


def received_message(ack_id: str, field: bytes, attempt: int) -> tuple[bytes, bytes, bytes]:
    """Field 1 of a PullResponse as of a StreamingPullResponse, in parts; attempt 0 is left out."""
    tail = b"\x18" + varint(attempt) if attempt else b""
    return b"\x0a%b\x0a\x11%b" % (varint(19 + len(field) + len(tail)), ack_id.encode()), field, tail
