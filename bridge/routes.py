"""Routes as a bridge is told of them: which MQTT topics, where to, and what of a message the envelope tells."""

from typing import Annotated, Literal, Self

from jsonpointer import JsonPointer, JsonPointerException
from pydantic import AfterValidator, Field, model_validator

from bridge.routing import TopicFilter
from director.strict import Strict


def _pointer(text: str) -> str:
    try:
        JsonPointer(text)
    except JsonPointerException as error:
        raise ValueError(f"{text!r} is no JSON pointer (RFC 6901), such as /data/temp: {error}") from error
    return text


def _topic_filter(text: str) -> str:
    TopicFilter.parse(text)
    return text


def _qos(level: int) -> int:
    if level == 2:
        raise ValueError("2 is not loss-safe with this client (acknowledged before processing); use 1")
    if level != 1:
        raise ValueError(f"{level} is best effort; use 1")
    return level


Pointer = Annotated[str, AfterValidator(_pointer)]


class IdSource(Strict):
    """Where a message says its own id: an MQTT 5 user property or a place in its JSON payload."""

    property: str | None = None
    pointer: Pointer | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.property is None) == (self.pointer is None):
            raise ValueError("give either property or pointer")
        return self


class TimeSource(IdSource):
    """Where a message says when its event happened; `unix` counts seconds, `unix_ms` milliseconds since 1970."""

    format: Literal["unix", "unix_ms", "rfc3339"] = "rfc3339"


class Route(Strict):
    """Which MQTT topics, where to, and what of it the envelope tells.

    `on_invalid` is what becomes of a message whose id or event time cannot be read: a dead letter, or an id of the
    bridge's own and the time of receipt.
    """

    filter: Annotated[str, AfterValidator(_topic_filter)]
    destination: str
    event_type: Annotated[str, Field(min_length=1, max_length=256)]
    content_type: str = "application/octet-stream"
    qos: Annotated[int, AfterValidator(_qos)] = 1
    subject: str | None = None
    id: IdSource | None = None
    event_time: TimeSource | None = None
    on_invalid: Literal["dead_letter", "substitute"] = "dead_letter"

    @property
    def subject_capture(self) -> str | None:
        """The capture that names the device: as given, else `device` where the filter has it."""
        if self.subject is None and "device" in TopicFilter.parse(self.filter).names:
            return "device"
        return self.subject
