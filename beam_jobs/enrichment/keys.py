"""Which device each message is from: an attribute says it, or a place in the payload."""

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from director.fields import pointer_parts

KeyOf = Callable[[Any, Any], str]
"""Of a `PubsubMessage` and its attributes, fetched once for all who read them; "" where the message names none."""


def attribute_key(name: str) -> KeyOf:
    return lambda _, attributes: attributes[name]  # protobuf gives "" for none


def payload_key(pointer: str) -> KeyOf:
    """Text or a whole number at `pointer` in JSON payloads."""
    parts = pointer_parts(pointer)
    return lambda message, _: _at(parts, message.data)


def _at(parts: Sequence[str], payload: bytes) -> str:
    try:
        found = orjson.loads(payload)
        for part in parts:
            found = found[int(part) if isinstance(found, list) else part]
    except (ValueError, LookupError, TypeError):
        return ""
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""
