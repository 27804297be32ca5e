"""What people expect of their routes: messages written beside them, and what should become of each.

cases:
  - name: a reading of hall 1
    mqtt_topic: devices/d-17/up
    payload_json: {temperature: 21.5}
    expect: {route: uplinks, subject: d-17, attributes: {capture.site: hall-1}}
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import AfterValidator, Field, model_validator

from bridge import envelope
from bridge.config import BridgeConfig
from bridge.mqtt.frames import PUBLISH, RETAIN_FLAG, Delivery
from bridge.mqtt.properties import encoded_properties
from bridge.routes.routing import MAX_TOPIC_BYTES
from bridge.wrapper import Wrapped, Wrapper
from director.strict import DocumentError, Problem, Source, Strict, check


def _hex(text: str) -> str:
    bytes.fromhex(text)
    return text


def _mqtt_text(text: str) -> str:
    if len(text.encode()) > MAX_TOPIC_BYTES:
        raise ValueError(f"has {len(text.encode())} bytes; a text in MQTT has {MAX_TOPIC_BYTES} at most")
    return text


def _mqtt_topic(text: str) -> str:
    if not text or "+" in text or "#" in text or "\0" in text:
        raise ValueError(f"{text!r} is no topic to publish to; it is not empty and has no wildcards")
    return text


MqttText = Annotated[str, AfterValidator(_mqtt_text)]


class Expectation(Strict):
    """What should become of a message; what is left out may be anything, except that it is no dead letter.

    `attributes` are some of the envelope's; an empty value says that there is none of that name.
    """

    route: str | None = None
    destination: str | None = None
    pubsub_topic: str | None = None
    subject: str | None = None
    ordering_key: str | None = None
    attributes: dict[str, str | None] = Field(default_factory=dict)
    dead_letter: str | None = None
    ignored: bool = False
    copies: Annotated[int, Field(ge=1)] | None = None


class Case(Strict):
    """A message as a device would publish it, and what is expected of it. Without any payload it has no bytes."""

    name: str = ""
    mqtt_topic: Annotated[MqttText, AfterValidator(_mqtt_topic)]
    payload: str | None = None
    payload_json: Any = None
    payload_hex: Annotated[str, AfterValidator(_hex)] | None = None
    properties: dict[MqttText, MqttText] = Field(default_factory=dict)
    content_type: MqttText | None = None
    qos: Literal[0, 1] = 1
    retain: bool = False
    expect: Expectation

    @model_validator(mode="after")
    def _one_payload(self) -> Self:
        if len(self.model_fields_set & {"payload", "payload_json", "payload_hex"}) > 1:
            raise ValueError("give one of payload, payload_json, payload_hex")
        return self

    @property
    def content(self) -> bytes:
        if "payload_json" in self.model_fields_set:
            return orjson.dumps(self.payload_json)
        return bytes.fromhex(self.payload_hex) if self.payload_hex is not None else (self.payload or "").encode()


def _some(cases: tuple[Case, ...]) -> tuple[Case, ...]:
    if not cases:
        raise ValueError("is empty, and would prove nothing; add a case")
    return cases


class CaseFile(Strict):
    cases: Annotated[tuple[Case, ...], AfterValidator(_some)]


@dataclass(frozen=True, slots=True)
class Copy:
    """What became of a message on one route, or without any, as people read it."""

    route: str | None
    pubsub_topic: str
    ordering_key: str
    dead_letter: str | None
    attributes: Mapping[str, str]
    data: bytes

    @classmethod
    def of(cls, wrapped: Wrapped) -> "Copy":
        message = envelope.parse(wrapped.message)
        attributes = dict(sorted(message.attributes.items()))
        _, routed, route = attributes.get(envelope.SOURCE, "").rpartition("/routes/")
        return cls(
            route=route if routed else None,
            pubsub_topic=wrapped.pubsub_topic,
            ordering_key=message.ordering_key,
            dead_letter=attributes.get("dead_letter.reason"),
            attributes=attributes,
            data=message.data,
        )


def delivery(
    mqtt_topic: str, content: bytes, properties: Mapping[str, str], content_type: str | None, qos: int, retain: bool
) -> Delivery:
    """A message as the broker would deliver it."""
    flags = PUBLISH | qos << 1 | (RETAIN_FLAG if retain else 0)
    encoded = encoded_properties(properties.items(), content_type)
    return Delivery(flags, b"\x00\x01" if qos else b"", mqtt_topic.encode(), encoded, content)


def copies(wrapper: Wrapper, one: Delivery) -> list[Copy]:
    """What becomes of a delivery that arrives now; nothing where it is only acknowledged."""
    return [Copy.of(wrapped) for wrapped in wrapper.wrap([one], datetime.now(UTC)) if wrapped.pubsub_topic]


def failures(config: BridgeConfig, source: Source) -> tuple[int, list[Problem]]:
    """How many cases there are, and each expectation that does not hold. Raises DocumentError."""
    file, problems = check(source, CaseFile)
    if file is None or problems:
        raise DocumentError(problems)
    wrapper = Wrapper(config, "test")
    return len(file.cases), [
        source.problem(("cases", number, "expect", *place), f"{case.name}: {found}" if case.name else found)
        for number, case in enumerate(file.cases)
        for place, found in _unmet(config, case, _copies_of(wrapper, case))
    ]


def _copies_of(wrapper: Wrapper, case: Case) -> list[Copy]:
    return copies(
        wrapper,
        delivery(case.mqtt_topic, case.content, case.properties, case.content_type, case.qos, case.retain),
    )


def _unmet(config: BridgeConfig, case: Case, made: Sequence[Copy]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each expectation that does not hold: where it stands, what was wanted and what came."""
    wanted = case.expect
    if wanted.ignored != (not made):
        yield ("ignored",), _difference(wanted.ignored, not made)
    if wanted.copies is not None and wanted.copies != len(made):
        yield ("copies",), _difference(wanted.copies, len(made))
    if not made:
        return
    copy = next((one for one in made if one.route == wanted.route), made[0])
    if wanted.dead_letter != copy.dead_letter:
        said = copy.attributes.get("dead_letter.message")
        yield ("dead_letter",), _difference(wanted.dead_letter, copy.dead_letter) + (f": {said}" if said else "")
    for name, expected, got in _facts(config, wanted, copy):
        if expected is not None and expected != got:
            yield (name,), _difference(expected, got)
    for name, value in wanted.attributes.items():
        if copy.attributes.get(name) != value:
            yield ("attributes", name), _difference(value, copy.attributes.get(name))


def _facts(config: BridgeConfig, wanted: Expectation, copy: Copy) -> Iterator[tuple[str, Any, Any]]:
    leads_to = [name for name, pubsub_topic in config.destinations.items() if pubsub_topic == copy.pubsub_topic]
    destination = wanted.destination if wanted.destination in leads_to else next(iter(leads_to), None)
    yield "route", wanted.route, copy.route
    yield "destination", wanted.destination, destination
    yield "pubsub_topic", wanted.pubsub_topic, copy.pubsub_topic
    yield "subject", wanted.subject, copy.attributes.get(envelope.SUBJECT)
    yield "ordering_key", wanted.ordering_key, copy.ordering_key


def _difference(wanted: object, got: object) -> str:
    return f"wanted {_spelled(wanted)}, got {_spelled(got)}"


def _spelled(value: object) -> str:
    return "none" if value is None else orjson.dumps(value).decode()
