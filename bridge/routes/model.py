"""Routes as a bridge is told of them: which MQTT topics, where to, and what of a message the envelope tells."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, GetPydanticSchema, model_validator
from pydantic_core import core_schema

from bridge import envelope
from bridge.routes.routing import TopicFilter
from bridge.routes.schemas import PayloadSchema
from bridge.routes.templates import Template
from director.fields import Pointer
from director.strict import Strict

# Attributes that the bridge or a stage behind it writes: what stands in them can be trusted.
RESERVED_PREFIXES = ("ce-", "mqtt.", "capture.", "device.", "enrichment.", "window.", "dead_letter.")
MAX_ORDERING_KEY_BYTES = 1_024


def _topic_filter(text: str) -> str:
    TopicFilter.parse(text)
    return text


def _qos(level: int) -> int:
    if level == 2:
        raise ValueError("2 is not loss-safe with this client (acknowledged before processing); use 1")
    if level != 1:
        raise ValueError(f"{level} is best effort; use 1")
    return level


def _attribute_name(name: str) -> str:
    reserved = next((prefix for prefix in RESERVED_PREFIXES if name.startswith(prefix)), None)
    if reserved:
        raise ValueError(f"names that begin with '{reserved}' are the platform's own; use another")
    if name == envelope.CONTENT_TYPE:
        raise ValueError("is the platform's own; set content_type instead")
    if name.startswith(envelope.RESERVED_KEY_PREFIX):
        raise ValueError("begins with 'goog', which Google keeps for itself; use another name")
    if not 0 < len(name.encode()) <= envelope.MAX_KEY_BYTES:
        raise ValueError(f"a name has 1 to {envelope.MAX_KEY_BYTES} bytes")
    return name


def _short_enough(template: Template) -> Template:
    if template.literal_bytes > envelope.MAX_VALUE_BYTES:
        raise ValueError(f"has {template.literal_bytes} bytes; Pub/Sub takes {envelope.MAX_VALUE_BYTES} at most")
    return template


def _ordering_key(template: Template) -> Template:
    if not template.literal_bytes and not template.captures:
        raise ValueError("is empty; write a key, such as '{device}', or leave it out")
    return _short_enough(template)


_TEMPLATE = core_schema.no_info_after_validator_function(Template.parse, core_schema.str_schema())
_SCHEMA = core_schema.no_info_after_validator_function(PayloadSchema.parse, core_schema.any_schema())
Text = Annotated[Template, GetPydanticSchema(lambda _source, _handler: _TEMPLATE)]
Attributes = dict[Annotated[str, AfterValidator(_attribute_name)], Annotated[Text, AfterValidator(_short_enough)]]
OrderingKey = Annotated[Text, AfterValidator(_ordering_key)]
JsonSchema = Annotated[PayloadSchema, GetPydanticSchema(lambda _source, _handler: _SCHEMA)]


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


class Treatment(Strict):
    """Where messages go, what of them is checked, and what their envelopes tell.

    `destination`, `attributes` and `ordering_key` are templates: captures of the filter in braces. `on_invalid` is what
    becomes of a message whose id or event time cannot be read: a dead letter, or an id of the bridge's own and the time
    of receipt. `content_type` holds for messages that do not say their own.
    """

    destination: Text
    event_type: Annotated[str, Field(min_length=1, max_length=256)]
    content_type: Annotated[str, Field(min_length=1, max_length=256)] = "application/octet-stream"
    attributes: dict[
        Annotated[str, AfterValidator(_attribute_name)], Annotated[Text, AfterValidator(_short_enough)]
    ] = Field(default_factory=dict)
    ordering_key: OrderingKey | None = None
    id: IdSource | None = None
    event_time: TimeSource | None = None
    on_invalid: Literal["dead_letter", "substitute"] = "dead_letter"
    json_schema: JsonSchema | None = None
    min_payload_bytes: Annotated[int, Field(ge=0)] = 0
    max_payload_bytes: Annotated[int, Field(ge=1)] | None = None
    on_oversize: Literal["dead_letter", "truncate"] = "dead_letter"
    on_retained: Literal["forward", "ignore"] = "forward"

    @model_validator(mode="after")
    def _sizes(self) -> Self:
        if self.max_payload_bytes is None and self.on_oversize == "truncate":
            raise ValueError("on_oversize: truncate needs max_payload_bytes; add it")
        if self.max_payload_bytes is not None and self.max_payload_bytes < self.min_payload_bytes:
            raise ValueError("max_payload_bytes is below min_payload_bytes; swap them")
        return self


class Route(Treatment):
    """The treatment of messages whose MQTT topic matches `filter`; `subject` names the capture that is the device."""

    filter: Annotated[str, AfterValidator(_topic_filter)]
    qos: Annotated[int, AfterValidator(_qos)] = 1
    subject: str | None = None

    @property
    def topic_filter(self) -> TopicFilter:
        return TopicFilter.parse(self.filter)

    @property
    def subject_capture(self) -> str | None:
        """The capture that names the device: as given, else `device` where the filter has it."""
        if self.subject is None and "device" in self.topic_filter.names:
            return "device"
        return self.subject
