"""The platform's message: the device's bytes as `data`, everything known about them as attributes. PUBLIC, light.

An envelope travels as a serialised `google.pubsub.v1.PubsubMessage`. Serialised protobufs may be concatenated: they
merge, and the last entry of a map key wins (protobuf.dev, "Encoding: Last One Wins"). So a stage never parses and
writes a message again to add an attribute: it appends the attribute's encoded bytes. All such encoding is here.

    PublishRequest = field 1: topic,  field 2: PubsubMessage, repeated
    PubsubMessage  = field 1: data,   field 2: attribute entry, repeated,   field 4: publish time,
                     field 5: ordering key
    entry          = field 1: key,    field 2: value

Limits: https://cloud.google.com/pubsub/quotas#resource_limits
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.pubsub_v1.types import PubsubMessage

MAX_KEY_BYTES = 256
MAX_VALUE_BYTES = 1024
MAX_REQUEST_BYTES = 10_000_000
MAX_REQUEST_MESSAGES = 1_000
RESERVED_KEY_PREFIX = "goog"

# Attribute names; those of CloudEvents 1.0 follow its Pub/Sub binding.
SPEC_VERSION = "ce-specversion"
TYPE = "ce-type"
ID = "ce-id"
SOURCE = "ce-source"
SUBJECT = "ce-subject"
TIME = "ce-time"
CONTENT_TYPE = "content-type"
DROPPED = "mqtt.attrs_dropped"

_Message: Any = type(PubsubMessage.pb(PubsubMessage()))


def _keyed_message() -> Any:
    """PubsubMessage of which only the ordering key is known: reading it takes half the time."""
    file = descriptor_pb2.FileDescriptorProto(
        name="iot_dataflows/keyed.proto", package="iot_dataflows", syntax="proto3"
    )
    field = descriptor_pb2.FieldDescriptorProto
    file.message_type.add(name="KeyedMessage").field.add(
        name="ordering_key", number=5, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("iot_dataflows.KeyedMessage"))


_KeyedMessage = _keyed_message()


def parse(raw: bytes) -> Any:
    """The `PubsubMessage` protobuf in `raw`. Raises google.protobuf.message.DecodeError."""
    return _Message.FromString(raw)


def attribute(key: str, value: str) -> bytes:
    """One attribute, to be appended to a serialised message."""
    encoded = value.encode()
    entry = _entry_start(key) + length(len(encoded)) + encoded
    return b"\x12" + length(len(entry)) + entry


def attributes(pairs: Mapping[str, str]) -> bytes:
    """A block of attributes, to be appended to a serialised message."""
    return b"".join([attribute(key, value) for key, value in pairs.items()])


def data(payload: bytes) -> bytes:
    """The payload field of a message."""
    return data_start(len(payload)) + payload


def data_start(size: int) -> bytes:
    """What stands before a payload of so many bytes."""
    return _DATA_STARTS[size] if size < len(_DATA_STARTS) else b"\x0a" + _varint(size)


def ordering_key(key: str) -> bytes:
    return b"\x2a" + length(len(key.encode())) + key.encode()


def publish_time(moment: datetime) -> bytes:
    """When Pub/Sub took the message, as it writes it; whole seconds since 1970."""
    seconds = b"\x08" + length(int(moment.timestamp()))
    return b"\x22" + length(len(seconds)) + seconds


def ordering_key_of(message: bytes) -> str:
    """The ordering key of a serialised message, "" where it has none.

    Raises google.protobuf.message.DecodeError, but not for every message that is none.
    """
    # Without a byte that begins the field's tag (the second one begins it where it is written longer than need be),
    # there is no such field. With one there may be none: such a byte also stands in texts and lengths.
    if 0x2A not in message and 0xAA not in message:  # numbers are found ten times faster than bytes of length one
        return ""
    return _KeyedMessage.FromString(message).ordering_key  # type: ignore[no-any-return]


def publish_request(pubsub_topic: str, messages: Sequence[bytes]) -> bytes:
    """A serialised `PublishRequest` of serialised messages."""
    name = pubsub_topic.encode()
    starts, many = _MESSAGE_STARTS, len(_MESSAGE_STARTS)
    parts = [b""] * (2 * len(messages))
    parts[::2] = [starts[size] if (size := len(one)) < many else b"\x12" + _varint(size) for one in messages]
    parts[1::2] = messages
    return b"".join((b"\x0a", length(len(name)), name, *parts))


def request_overhead(message_bytes: int) -> int:
    """Bytes that a message of this size takes in a request beyond its own."""
    return 1 + len(length(message_bytes))


def moment(rfc3339: str) -> datetime:
    """A time in UTC, as `ce-time` holds it. Raises ValueError for text that is none, or that names no time zone."""
    parsed = datetime.fromisoformat(rfc3339)
    if parsed.tzinfo is None:
        raise ValueError(f"{rfc3339!r} names no time zone")
    try:
        return parsed.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{rfc3339!r} lies outside the years 1 to 9999") from error


def timestamp(moment: datetime) -> str:
    """RFC 3339 with microseconds, of a time in UTC."""
    return moment.isoformat(timespec="microseconds")[:26] + "Z"


def length(number: int) -> bytes:
    """A protobuf varint."""
    return _LENGTHS[number] if number < len(_LENGTHS) else _varint(number)


def truncated(value: str, limit: int = MAX_VALUE_BYTES) -> str:
    """The longest start of `value` that fits into `limit` bytes of UTF-8, whole characters only."""
    encoded = value.encode()
    return value if len(encoded) <= limit else encoded[:limit].decode(errors="ignore")


def fitted(pairs: Iterable[tuple[str, str]], room: int) -> tuple[dict[str, str], int]:
    """What of `pairs` Pub/Sub takes, at most `room` of them, and how many were dropped or cut.

    Too long values are cut; keys that are too long, empty or reserved are dropped, and so is what exceeds `room`.
    Repeated keys, legal in MQTT, are joined with commas.
    """
    kept: dict[str, str] = {}
    lost = 0
    for key, value in pairs:
        if not key or len(key.encode()) > MAX_KEY_BYTES or key.startswith(RESERVED_KEY_PREFIX):
            lost += 1
        elif key in kept:
            kept[key] = f"{kept[key]},{value}"
        elif len(kept) < room:
            kept[key] = value
        else:
            lost += 1
    cut = {key: truncated(value) for key, value in kept.items()}
    return cut, lost + sum(cut[key] != kept[key] for key in kept)


def fitted_topic(mqtt_topic: str) -> dict[str, str]:
    """`mqtt.topic`, and where it had to be cut, `mqtt.topic_sha256` of the whole."""
    kept = truncated(mqtt_topic)
    if kept == mqtt_topic:
        return {"mqtt.topic": mqtt_topic}
    return {"mqtt.topic": kept, "mqtt.topic_sha256": hashlib.sha256(mqtt_topic.encode()).hexdigest()}


def dead_letter(
    *,
    stage: str,
    reason: str,
    error: BaseException,
    original_topic: str,
    time: str,
    attempt: int = 1,
) -> bytes:
    """The block that turns a message into a dead letter; data and attributes stay as they were.

    `reason` is one of the stage's closed list, `error` is what happened, `original_topic` where the message came
    from or was bound for, `time` is RFC 3339.
    """
    return attributes(
        {
            "dead_letter.stage": stage,
            "dead_letter.reason": reason,
            "dead_letter.error_class": type(error).__name__,
            "dead_letter.message": truncated(str(error)),
            "dead_letter.attempt": str(attempt),
            "dead_letter.original_topic": truncated(original_topic),
            "dead_letter.time": time,
        }
    )


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


# Looked up rather than computed: most lengths are small.
_LENGTHS = [_varint(number) for number in range(1 << 14)]
_DATA_STARTS = [b"\x0a" + one for one in _LENGTHS]
_MESSAGE_STARTS = [b"\x12" + one for one in _LENGTHS]


@lru_cache(4_096)
def _entry_start(key: str) -> bytes:
    """An attribute's entry up to its value: few keys, written over and over."""
    encoded = key.encode()
    return b"\x0a" + length(len(encoded)) + encoded + b"\x12"
