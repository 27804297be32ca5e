"""What a bridge is told: broker, routes, destinations. Strict, every problem at once, parsed once at the door."""

from collections.abc import Iterable
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from jsonpointer import JsonPointer, JsonPointerException
from pydantic import AfterValidator, Field, model_validator

from bridge.routing import TopicFilter, overlapping
from director.strict import DocumentError, Source, Strict, check

LARGEST_PACKET = 9_000_000  # bytes; a Pub/Sub request takes 10 MB, attributes included


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


def _pubsub_topic(text: str) -> str:
    parts = text.split("/")
    if len(parts) != 4 or parts[0] != "projects" or parts[2] != "topics" or not parts[1] or not parts[3]:
        raise ValueError(f"{text!r} is no Pub/Sub topic: write projects/PROJECT/topics/TOPIC")
    return text


def _broker_url(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in ("mqtt", "mqtts") or not url.hostname:
        raise ValueError(f"{text!r} is no broker address: write mqtt://HOST:PORT, or mqtts:// for TLS")
    if url.username or url.password:
        raise ValueError("a user name and password do not belong into the address: use username and password_file")
    return text


Pointer = Annotated[str, AfterValidator(_pointer)]
PubsubTopic = Annotated[str, AfterValidator(_pubsub_topic)]


class Broker(Strict):
    """The MQTT broker and our session there. The client id owns the session: one running bridge for each.

    `maximum_packet_bytes` must lie above the broker's own limit for devices: what lies between vanishes at the broker.
    """

    url: Annotated[str, AfterValidator(_broker_url)]
    client_id: Annotated[str, Field(min_length=1, max_length=128)]
    username: str | None = None
    password_file: str | None = None
    ca_file: str | None = None
    session_expiry_seconds: Annotated[int, Field(ge=60, le=0xFFFFFFFF)] = 86_400
    keepalive_seconds: Annotated[int, Field(ge=2, le=65_535)] = 60
    receive_maximum: Annotated[int, Field(ge=1, le=65_535)] = 1_000
    maximum_packet_bytes: Annotated[int, Field(ge=1_024, le=LARGEST_PACKET)] = 1_200_000


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


class Publishing(Strict):
    """Requests to Pub/Sub: as many messages as wait, up to these."""

    maximum_messages: Annotated[int, Field(ge=1, le=1_000)] = 1_000
    maximum_bytes: Annotated[int, Field(ge=1_000, le=9_500_000)] = 4_000_000
    deadline_seconds: Annotated[float, Field(gt=0, le=600)] = 20.0


class BridgeConfig(Strict):
    """A whole bridge. `destinations` name Pub/Sub topics; routes refer to them by name."""

    broker: Broker
    destinations: dict[str, PubsubTopic]
    dead_letter_topic: PubsubTopic
    routes: Annotated[dict[str, Route], Field(min_length=1)]
    on_overlap: Literal["refuse", "first"] = "refuse"
    publishing: Publishing = Publishing()


def configuration(source: Source) -> BridgeConfig:
    """The bridge's configuration from a document. Raises DocumentError with every problem."""
    config, problems = check(source, BridgeConfig)
    if config is not None:
        problems += [source.problem(location, message) for location, message in inconsistencies(config)]
    if config is None or problems:
        raise DocumentError(problems)
    return config


def inconsistencies(config: BridgeConfig) -> list[tuple[tuple[str, ...], str]]:
    """Where parts of a configuration do not fit each other: location and what to do."""
    return [
        *_unknown_destinations(config),
        *_unused_destinations(config),
        *_uncaptured_subjects(config),
        *(_overlaps(config) if config.on_overlap == "refuse" else []),
    ]


def _unknown_destinations(config: BridgeConfig) -> list[tuple[tuple[str, ...], str]]:
    known = _listed(config.destinations)
    return [
        (("routes", name, "destination"), f"no destination is called {route.destination!r}; there are: {known}")
        for name, route in config.routes.items()
        if route.destination not in config.destinations
    ]


def _unused_destinations(config: BridgeConfig) -> list[tuple[tuple[str, ...], str]]:
    used = {route.destination for route in config.routes.values()}
    return [
        (("destinations", name), "no route leads here; remove it or add a route")
        for name in config.destinations
        if name not in used
    ]


def _uncaptured_subjects(config: BridgeConfig) -> list[tuple[tuple[str, ...], str]]:
    names = {name: TopicFilter.parse(route.filter).names for name, route in config.routes.items()}
    return [
        (("routes", name, "subject"), f"the filter captures no {route.subject!r}; it captures: {_listed(names[name])}")
        for name, route in config.routes.items()
        if route.subject is not None and route.subject not in names[name]
    ]


def _overlaps(config: BridgeConfig) -> list[tuple[tuple[str, ...], str]]:
    filters = [(name, TopicFilter.parse(route.filter)) for name, route in config.routes.items()]
    return [
        (
            ("routes", other, "filter"),
            f"a topic may match this and the filter of route {one!r}; narrow one, or set on_overlap: first",
        )
        for one, other in overlapping(filters)
    ]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
