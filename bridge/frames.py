"""PUBLISH frames decoded in bulk from large reads. Pure; the one clever file of the way in.

    frame   = fixed header (type and flags), remaining length (varint of 1 to 4 bytes), body
    PUBLISH = topic length (2), topic, packet id (2, QoS above 0),
              MQTT 5: property length (varint), properties; payload

Decoding stays in one loop on purpose: a call per field would cost more than the field. MQTT 5.0, sections 2.1 and 3.3.
"""

from typing import NamedTuple

PUBLISH = 0x30
QOS_MASK, RETAIN_FLAG, DUP_FLAG = 0x06, 0x01, 0x08


class Delivery(NamedTuple):
    """One PUBLISH as it came: header flags, packet id (empty at QoS 0), MQTT 5 properties still encoded."""

    flags: int
    packet_id: bytes
    mqtt_topic: bytes
    properties: bytes
    payload: bytes


class MalformedFrame(Exception):
    """Bytes that no MQTT broker sends; the connection cannot be followed any further."""


def deliveries(buffer: bytes, position: int, mqtt5: bool) -> tuple[list[Delivery], int]:
    """The PUBLISH frames from `position` on, and where the first other or incomplete frame begins."""
    found: list[Delivery] = []
    add = found.append
    end = len(buffer)
    while position + 1 < end:
        head = buffer[position]
        if head & 0xF0 != PUBLISH:
            break
        remaining, cursor = buffer[position + 1], position + 2
        if remaining > 127:
            remaining, cursor = _length(buffer, position + 1)
            if cursor < 0:
                break
        frame_end = cursor + remaining
        if frame_end > end:
            break
        if remaining < 2:
            raise MalformedFrame("a PUBLISH without a topic")
        topic_end = cursor + 2 + (buffer[cursor] << 8 | buffer[cursor + 1])
        mqtt_topic = buffer[cursor + 2 : topic_end]
        cursor = topic_end
        packet_id = b""
        if head & QOS_MASK:
            packet_id = buffer[cursor : cursor + 2]
            cursor += 2
        properties = b""
        if mqtt5:
            if cursor >= frame_end:
                raise MalformedFrame("a PUBLISH that ends before its properties")
            size = buffer[cursor]
            if size > 127:
                size, cursor = _length(buffer, cursor)
                if cursor < 0:
                    raise MalformedFrame("a PUBLISH that ends within its property length")
            else:
                cursor += 1
            if size:
                properties = buffer[cursor : cursor + size]
                cursor += size
        if cursor > frame_end:
            raise MalformedFrame("a PUBLISH shorter than its own lengths say")
        add(Delivery(head, packet_id, mqtt_topic, properties, buffer[cursor:frame_end]))
        position = frame_end
    return found, position


def frame_end(buffer: bytes, position: int) -> int:
    """Where the frame at `position` ends, or -1 while it is incomplete."""
    if position + 1 >= len(buffer):
        return -1
    remaining, cursor = _length(buffer, position + 1)
    return cursor + remaining if cursor >= 0 and cursor + remaining <= len(buffer) else -1


def user_properties(properties: bytes) -> list[tuple[str, str]]:
    """The user properties of a PUBLISH, in order, repeated names included. Others are skipped by their type.

    Raises MalformedFrame for lengths that do not fit, and for names and values that are not UTF-8.
    """
    found: list[tuple[str, str]] = []
    cursor, end = 0, len(properties)
    try:
        while cursor < end:
            kind = properties[cursor]
            cursor += 1
            if kind == 0x26:
                name, cursor = _text(properties, cursor)
                value, cursor = _text(properties, cursor)
                found.append((name, value))
            elif kind in _BINARY:
                cursor += 2 + (properties[cursor] << 8 | properties[cursor + 1])
            elif kind == 0x0B:
                _, cursor = _length(properties, cursor)
                if cursor < 0:
                    raise MalformedFrame("properties end within a subscription identifier")
            elif kind in _FIXED:
                cursor += _FIXED[kind]
            else:
                raise MalformedFrame(f"property 0x{kind:02x} has no place in a PUBLISH")
    except (IndexError, UnicodeDecodeError) as error:
        raise MalformedFrame(f"properties that cannot be read: {error}") from error
    if cursor > end:
        raise MalformedFrame("properties shorter than their own lengths say")
    return found


# Property types of a PUBLISH (MQTT 5.0, table 2-4) by how they are encoded.
_BINARY = frozenset((0x03, 0x08, 0x09))  # content type, response topic, correlation data
_FIXED = {0x01: 1, 0x02: 4, 0x23: 2}  # payload format, message expiry, topic alias


def _text(buffer: bytes, cursor: int) -> tuple[str, int]:
    start = cursor + 2
    stop = start + (buffer[cursor] << 8 | buffer[cursor + 1])
    if stop > len(buffer):
        raise MalformedFrame("properties end within a text")
    return buffer[start:stop].decode(), stop


def _length(buffer: bytes, cursor: int) -> tuple[int, int]:
    """A variable byte integer and where it ends; -1 as the end where the buffer is too short."""
    value = shift = 0
    while cursor < len(buffer):
        byte = buffer[cursor]
        cursor += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, cursor
        shift += 7
        if shift > 21:
            raise MalformedFrame("a length of more than four bytes")
    return 0, -1
