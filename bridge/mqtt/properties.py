"""The MQTT 5 properties of a PUBLISH, decoded. Pure.

MQTT 5.0, section 3.3.2.3 and table 2-4: one byte for the kind, then a value encoded as that kind is.
"""

from collections.abc import Iterable
from typing import NamedTuple, TypedDict


class MalformedProperties(ValueError):
    """Properties that no MQTT broker sends."""


class Single(TypedDict, total=False):
    """What stands once at most, where it was told."""

    payload_format_indicator: int
    message_expiry_seconds: int
    content_type: str
    response_topic: str
    correlation_data: bytes
    topic_alias: int


class Properties(NamedTuple):
    """What a PUBLISH told beside its payload; user properties in order, repeated names included.

    Subscription identifiers are left out: they say which of our own subscriptions matched.
    """

    user: list[tuple[str, str]]
    single: Single


def decoded(encoded: bytes) -> Properties:
    """Raises MalformedProperties for lengths that do not fit, unknown kinds, repeated ones, and text not in UTF-8."""
    user: list[tuple[str, str]] = []
    single: Single = {}
    cursor, end = 0, len(encoded)
    try:
        while cursor < end:
            kind = encoded[cursor]
            if kind == USER_PROPERTY:  # in place, not by `_text`: most properties are these
                name = cursor + 3
                name_end = name + (encoded[cursor + 1] << 8 | encoded[cursor + 2])
                value = name_end + 2
                cursor = value + (encoded[name_end] << 8 | encoded[name_end + 1])
                user.append((encoded[name:name_end].decode(), encoded[value:cursor].decode()))
            elif kind == SUBSCRIPTION_IDENTIFIER:
                cursor = _varint_end(encoded, cursor + 1)
            else:
                cursor = _take(single, kind, encoded, cursor + 1)
    except (IndexError, UnicodeDecodeError) as error:
        raise MalformedProperties(f"properties that cannot be read: {error}") from error
    if cursor > end:
        raise MalformedProperties("properties shorter than their own lengths say")
    return Properties(user, single)


def encoded_properties(user: Iterable[tuple[str, str]], content_type: str | None = None) -> bytes:
    """Properties as a device might send them. Raises OverflowError for text of more than 65,535 bytes."""
    texts = [bytes((USER_PROPERTY,)) + _encoded(name) + _encoded(value) for name, value in user]
    if content_type is not None:
        texts.append(bytes((CONTENT_TYPE,)) + _encoded(content_type))
    return b"".join(texts)


USER_PROPERTY, SUBSCRIPTION_IDENTIFIER, CONTENT_TYPE = 0x26, 0x0B, 0x03
_RESPONSE_TOPIC, _CORRELATION_DATA, _TOPIC_ALIAS = 0x08, 0x09, 0x23
_PAYLOAD_FORMAT_INDICATOR, _MESSAGE_EXPIRY = 0x01, 0x02


def _take(single: Single, kind: int, encoded: bytes, cursor: int) -> int:
    """Takes a property that may stand once, and says where the next begins."""
    before = len(single)
    if kind == CONTENT_TYPE:
        single["content_type"], cursor = _text(encoded, cursor)
    elif kind == _RESPONSE_TOPIC:
        single["response_topic"], cursor = _text(encoded, cursor)
    elif kind == _CORRELATION_DATA:
        single["correlation_data"], cursor = _binary(encoded, cursor)
    elif kind == _MESSAGE_EXPIRY:
        single["message_expiry_seconds"], cursor = int.from_bytes(encoded[cursor : cursor + 4]), cursor + 4
    elif kind == _TOPIC_ALIAS:
        single["topic_alias"], cursor = int.from_bytes(encoded[cursor : cursor + 2]), cursor + 2
    elif kind == _PAYLOAD_FORMAT_INDICATOR:
        single["payload_format_indicator"], cursor = encoded[cursor], cursor + 1
    else:
        raise MalformedProperties(f"property 0x{kind:02x} has no place in a PUBLISH")
    if len(single) == before:
        raise MalformedProperties(f"property 0x{kind:02x} stands twice")
    return cursor


def _binary(encoded: bytes, cursor: int) -> tuple[bytes, int]:
    start = cursor + 2
    stop = start + (encoded[cursor] << 8 | encoded[cursor + 1])
    return encoded[start:stop], stop


def _text(encoded: bytes, cursor: int) -> tuple[str, int]:
    value, stop = _binary(encoded, cursor)
    return value.decode(), stop


def _varint_end(encoded: bytes, cursor: int) -> int:
    for length in range(1, 5):
        if encoded[cursor + length - 1] < 128:
            return cursor + length
    raise MalformedProperties("a subscription identifier of more than four bytes")


def _encoded(text: str) -> bytes:
    content = text.encode()
    return len(content).to_bytes(2) + content
