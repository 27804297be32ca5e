"""What a message's MQTT 5 properties say, as attributes of its envelope.

Names that devices choose stand under `mqtt.up.`, never without. What does not fit is dropped or cut, and counted in
`mqtt.attrs_dropped`.
"""

import base64
import re
from functools import lru_cache
from typing import Literal, NamedTuple

from bridge import envelope
from bridge.mqtt.properties import Single, decoded
from bridge.routes import tracing
from bridge.routes.tracing import trace_context

# Of Pub/Sub's 100 attributes: so many for what devices choose, so many for captures and attributes of a route. The
# bridge itself writes at most 22, a dead letter 7 more, and at least 15 are left for the stages behind.
USER_PROPERTIES, ROUTE_ATTRIBUTES = 40, 16
REMEMBERED, LARGEST_REMEMBERED = 1_024, 256  # equal properties come again and again: entries; bytes of each
SMALL = 5 * USER_PROPERTIES  # bytes: a property has five at least
LONGEST_CONTENT_TYPE = 256  # characters
TRACEPARENT = f"mqtt.up.{tracing.TRACEPARENT}"
_AS_TEXT: tuple[Literal["payload_format_indicator", "message_expiry_seconds", "response_topic"], ...]
_AS_TEXT = ("payload_format_indicator", "message_expiry_seconds", "response_topic")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}( ?;[ -~]*)?")


class Told(NamedTuple):
    """User properties as they came, and all properties as a block of attributes, `lost` of them dropped or cut."""

    user: list[tuple[str, str]]
    block: bytes
    lost: int
    by_alias: bool


def told(properties: bytes) -> Told:
    """Raises MalformedProperties."""
    return _remembered(properties) if len(properties) <= LARGEST_REMEMBERED else _told(properties)


def _told(encoded: bytes) -> Told:
    user, single = decoded(encoded)
    kept, lost = _named(user, len(encoded))
    if single:
        facts = _facts(single)
        fitting = {name: value for name, value in facts.items() if _fits(name, value)}
        kept |= fitting
        lost += len(facts) - len(fitting)
    if TRACEPARENT in kept:
        kept |= {f"ce-{name}": value for name, value in trace_context(user).items()}
    return Told(user, envelope.attributes(kept), lost, "topic_alias" in single)


_remembered = lru_cache(REMEMBERED)(_told)


def _named(user: list[tuple[str, str]], size: int) -> tuple[dict[str, str], int]:
    """User properties by their attributes' names, and how many were dropped or cut."""
    named = {f"mqtt.up.{name}": value for name, value in user}
    if size <= SMALL and len(named) == len(user):  # too little for anything to be too long or too many
        return named, 0
    return envelope.fitted(((f"mqtt.up.{name}", value) for name, value in user), USER_PROPERTIES)


def _facts(single: Single) -> dict[str, str]:
    facts = {f"mqtt.{name}": str(single[name]) for name in _AS_TEXT if name in single}
    if "correlation_data" in single:
        facts["mqtt.correlation_data"] = base64.b64encode(single["correlation_data"]).decode()
    if "content_type" in single:
        facts[envelope.CONTENT_TYPE] = single["content_type"]
    return facts


def _fits(name: str, value: str) -> bool:
    """Whether a fact can stand whole: what is cut would be of no use."""
    if name == envelope.CONTENT_TYPE:
        return len(value) <= LONGEST_CONTENT_TYPE and _MEDIA_TYPE.fullmatch(value) is not None
    return len(value.encode()) <= envelope.MAX_VALUE_BYTES
