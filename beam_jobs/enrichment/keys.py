"""Which device each message is from: an attribute says it, or a place in the payload."""

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from director.fields import pointer_parts

KeysOf = Callable[[Sequence[Any], Sequence[Any]], list[str]]
"""Of `PubsubMessage`s and their attributes, fetched once for all who read them; "" where a message names none."""


def attribute_keys(name: str) -> KeysOf:
    return lambda _, attributes: [one[name] for one in attributes]  # protobuf gives "" for what is not there


def payload_keys(pointer: str) -> KeysOf:
    """Text or a whole number at `pointer` in JSON payloads."""
    parts = pointer_parts(pointer)
    return lambda messages, _: [_at(parts, message.data) for message in messages]


def _at(parts: Sequence[str], payload: bytes) -> str:
    try:
        found = orjson.loads(payload)
        for part in parts:
            found = found[int(part) if isinstance(found, list) else part]
    except (ValueError, LookupError, TypeError):
        return ""
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""
