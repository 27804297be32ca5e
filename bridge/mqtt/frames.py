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
    add, new = found.append, tuple.__new__  # calling Delivery would add half of the rest
    end = len(buffer)
    while position + 1 < end:
        head = buffer[position]
        if head & 0xF0 != PUBLISH:
            break
        remaining, cursor = buffer[position + 1], position + 2
        if remaining > 127:
            if cursor < end and buffer[cursor] < 128:  # two bytes, as nearly always
                remaining += (buffer[cursor] << 7) - 128
                cursor += 1
            else:
                remaining, cursor = _length(buffer, position + 1)
                if cursor < 0:
                    break
        frame_end = cursor + remaining
        if frame_end > end:
            break
        if remaining < 2:
            raise MalformedFrame("a PUBLISH without a topic")
        topic_start = cursor + 2
        cursor = topic_start + (buffer[cursor] << 8 | buffer[cursor + 1])
        mqtt_topic = buffer[topic_start:cursor]
        packet_id = properties = b""
        if head & QOS_MASK:
            packet_id = buffer[cursor : cursor + 2]
            cursor += 2
        if mqtt5:
            if cursor >= frame_end:
                raise MalformedFrame("a PUBLISH that ends before its properties")
            size = buffer[cursor]
            cursor += 1
            if size:
                if size > 127:
                    size, cursor = _length(buffer, cursor - 1)
                    if cursor < 0:
                        raise MalformedFrame("a PUBLISH that ends within its property length")
                properties = buffer[cursor : cursor + size]
                cursor += size
        if cursor > frame_end:
            raise MalformedFrame("a PUBLISH shorter than its own lengths say")
        add(new(Delivery, (head, packet_id, mqtt_topic, properties, buffer[cursor:frame_end])))
        position = frame_end
    return found, position


def frame_end(buffer: bytes, position: int) -> int:
    """Where the frame at `position` ends, or -1 while it is incomplete."""
    if position + 1 >= len(buffer):
        return -1
    remaining, cursor = _length(buffer, position + 1)
    return cursor + remaining if cursor >= 0 and cursor + remaining <= len(buffer) else -1


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
