"""Delivery -> envelope: the block of its MQTT topic, of its header flags, of its read, and what is its own.

Attributes have different lifetimes and are encoded no more often than they change: what follows from the MQTT topic
once per topic (cached), the header flags once for good, the time of receipt once per read, and only id, event time
and user properties once per message.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from jsonpointer import JsonPointer

from bridge import envelope
from bridge.config import BridgeConfig
from bridge.envelope import timestamp
from bridge.errors import CannotSucceed
from bridge.frames import DUP_FLAG, QOS_MASK, RETAIN_FLAG, Delivery, MalformedFrame, user_properties
from bridge.routes import IdSource, Route, TimeSource
from bridge.routing import Router, TopicFilter

STAGE = "bridge"
CACHED_TOPICS = 50_000
# Of Pub/Sub's 100 attributes, what devices may fill; the rest is for the bridge and the stages behind it.
USER_PROPERTIES = envelope.MAX_ATTRIBUTES // 2
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Wrapped:
    """An envelope on its way: its Pub/Sub topic, its bytes, and the packet id to acknowledge (empty at QoS 0)."""

    pubsub_topic: str
    message: bytes
    packet_id: bytes
    dead: bool = False


@dataclass(frozen=True, slots=True)
class _Topic:
    """What all messages of one MQTT topic share."""

    route: Route
    pubsub_topic: str
    block: bytes
    plain: bool
    id_pointer: JsonPointer | None
    time_pointer: JsonPointer | None


class Wrapper:
    """Makes envelopes of deliveries. `run` makes minted ids unique: one per process, 22 characters or so."""

    def __init__(self, config: BridgeConfig, run: str) -> None:
        self._config = config
        self._router = Router([(TopicFilter.parse(item[1].filter), item) for item in config.routes.items()])
        self._topics: dict[bytes, _Topic] = {}
        self._run = run
        self._serial = itertools.count(1)

    def wrap(self, deliveries: Sequence[Delivery], received_at: datetime) -> list[Wrapped]:
        """One envelope for each delivery: what cannot be wrapped becomes a dead letter with the original bytes."""
        received = timestamp(received_at)
        read_block = envelope.attribute("mqtt.received_at", received)
        plain_block = read_block + envelope.attribute(envelope.TIME, received)
        wrapped = []
        for delivery in deliveries:
            try:
                topic = self._topics.get(delivery.mqtt_topic) or self._topic(delivery.mqtt_topic)
                if topic.plain and not delivery.properties:
                    own = plain_block + envelope.attribute(envelope.ID, self._minted_id())
                else:
                    own = read_block + self._own_block(topic, delivery, received)
                message = envelope.data(delivery.payload) + topic.block + FLAG_BLOCKS[delivery.flags & FLAGS] + own
                wrapped.append(Wrapped(topic.pubsub_topic, message, delivery.packet_id))
            except CannotSucceed as error:
                wrapped.append(self._dead(delivery, error, received))
        return wrapped

    def dead_letter(self, wrapped: Wrapped, error: CannotSucceed, now: datetime) -> Wrapped:
        """The dead letter of an envelope that Pub/Sub refuses."""
        block = envelope.dead_letter(
            stage=STAGE, reason=error.reason, error=error, original_topic=wrapped.pubsub_topic, time=timestamp(now)
        )
        return Wrapped(self._config.dead_letter_topic, wrapped.message + block, wrapped.packet_id, dead=True)

    def _topic(self, mqtt_topic: bytes) -> _Topic:
        try:
            text = mqtt_topic.decode()
        except UnicodeDecodeError as error:
            raise CannotSucceed("invalid_topic_utf8", f"topic 0x{mqtt_topic[:200].hex()}: {error}") from error
        match = self._router.match(text)
        if match is None:
            raise CannotSucceed("no_route", f"no route matches {text!r}")
        name, route = match.route
        topic = _Topic(
            route,
            self._config.destinations[route.destination],
            self._topic_block(name, route, text, match.captures),
            route.id is None and route.event_time is None,
            _pointer(route.id),
            _pointer(route.event_time),
        )
        if len(self._topics) >= CACHED_TOPICS:
            self._topics.clear()
        self._topics[mqtt_topic] = topic
        return topic

    def _topic_block(self, name: str, route: Route, mqtt_topic: str, captures: dict[str, str]) -> bytes:
        facts = {
            envelope.SPEC_VERSION: "1.0",
            envelope.TYPE: route.event_type,
            envelope.SOURCE: f"{self._config.broker.url}/routes/{name}",
            envelope.CONTENT_TYPE: route.content_type,
            **envelope.fitted_topic(mqtt_topic),
        }
        if route.subject_capture:
            facts[envelope.SUBJECT] = captures[route.subject_capture]
        facts |= {f"capture.{capture}": value for capture, value in captures.items()}
        return envelope.attributes({key: envelope.truncated(value) for key, value in facts.items()})

    def _own_block(self, topic: _Topic, delivery: Delivery, received: str) -> bytes:
        properties = _properties(delivery)
        document = _document(delivery.payload) if topic.id_pointer or topic.time_pointer else _ABSENT
        own = property_attributes(properties) if properties else {}
        own[envelope.ID] = self._given_or_minted_id(topic, properties, document)
        own[envelope.TIME] = _event_time(topic, properties, document) or received
        return envelope.attributes(own)

    def _given_or_minted_id(self, topic: _Topic, properties: list[tuple[str, str]], document: Any) -> str:
        source = topic.route.id
        if source is None:
            return self._minted_id()
        given = _given(source, topic.id_pointer, properties, document)
        if isinstance(given, int | str) and given != "" and len(str(given)) <= 256:
            return str(given)
        if topic.route.on_invalid == "substitute":
            return self._minted_id()
        raise CannotSucceed("invalid_id", f"no usable id at {_place(source)}")

    def _readable_id(self, delivery: Delivery) -> str:
        """The id a message that is dead gives itself, where that can be read all the same."""
        topic = self._topics.get(delivery.mqtt_topic)
        try:
            if topic is None:
                return self._minted_id()
            return self._given_or_minted_id(topic, _properties(delivery), _document(delivery.payload))
        except CannotSucceed:
            return self._minted_id()

    def _minted_id(self) -> str:
        return f"{self._run}-{next(self._serial):x}"

    def _dead(self, delivery: Delivery, error: CannotSucceed, received: str) -> Wrapped:
        mqtt_topic = delivery.mqtt_topic.decode(errors="replace")
        facts = envelope.fitted_topic(mqtt_topic)
        facts |= {envelope.ID: self._readable_id(delivery), envelope.TIME: received, "mqtt.received_at": received}
        try:
            facts |= property_attributes(user_properties(delivery.properties))
        except MalformedFrame:
            facts["mqtt.properties_hex"] = delivery.properties[:500].hex()
        block = envelope.dead_letter(
            stage=STAGE, reason=error.reason, error=error, original_topic=mqtt_topic, time=received
        )
        flags = FLAG_BLOCKS[delivery.flags & FLAGS]
        message = envelope.data(delivery.payload) + flags + envelope.attributes(facts) + block
        return Wrapped(self._config.dead_letter_topic, message, delivery.packet_id, dead=True)


def _flag_block(flags: int) -> bytes:
    return envelope.attributes(
        {
            "mqtt.qos": str((flags & QOS_MASK) >> 1),
            "mqtt.retain": "true" if flags & RETAIN_FLAG else "false",
            "mqtt.dup": "true" if flags & DUP_FLAG else "false",
        }
    )


FLAGS = QOS_MASK | RETAIN_FLAG | DUP_FLAG
FLAG_BLOCKS = [_flag_block(flags) for flags in range(FLAGS + 1)]


def property_attributes(properties: list[tuple[str, str]]) -> dict[str, str]:
    """MQTT 5 user properties under `mqtt.up.`; device-chosen names never stand without it."""
    kept, lost = envelope.fitted(((f"mqtt.up.{name}", value) for name, value in properties), USER_PROPERTIES)
    if lost:
        kept[envelope.DROPPED] = str(lost)
    return kept


def _event_time(topic: _Topic, properties: list[tuple[str, str]], document: Any) -> str | None:
    """What the message says, None where time of receipt takes its place."""
    source = topic.route.event_time
    if source is None:
        return None
    try:
        return event_time(_given(source, topic.time_pointer, properties, document), source.format)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        if topic.route.on_invalid == "substitute":
            return None
        raise CannotSucceed("invalid_event_time", f"no time as {source.format} at {_place(source)}") from error


def event_time(given: Any, form: str) -> str:
    """RFC 3339 in UTC. Raises TypeError or ValueError for what is no time of that form."""
    if form == "rfc3339":
        return timestamp(envelope.moment(given))
    if isinstance(given, bool):
        raise TypeError("a truth value is no time")
    seconds = float(given) / (1_000 if form == "unix_ms" else 1)
    return timestamp(datetime.fromtimestamp(seconds, UTC))


def _properties(delivery: Delivery) -> list[tuple[str, str]]:
    try:
        return user_properties(delivery.properties)
    except MalformedFrame as error:
        raise CannotSucceed("invalid_properties", str(error)) from error


def _document(payload: bytes) -> Any:
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return _ABSENT


def _given(source: IdSource, pointer: JsonPointer | None, properties: list[tuple[str, str]], document: Any) -> Any:
    if pointer is None:
        return next((value for name, value in properties if name == source.property), None)
    return None if document is _ABSENT else pointer.resolve(document, None)


def _pointer(source: IdSource | TimeSource | None) -> JsonPointer | None:
    return JsonPointer(source.pointer) if source and source.pointer is not None else None


def _place(source: IdSource) -> str:
    return f"user property {source.property!r}" if source.pointer is None else f"payload {source.pointer}"
