"""Delivery -> envelope: the block of its MQTT topic, of its header flags, of its read, and what is its own.

Attributes have different lifetimes and are encoded no more often than they change: what follows from the MQTT topic
once per topic (cached), the header flags once for good, the time of receipt once per read, and only id, event time
and properties once per message. A message of which nothing is read is not looked at either: see `Wrapper._wrap`.
"""

import hashlib
import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from bridge import envelope
from bridge.config import BridgeConfig
from bridge.envelope import timestamp
from bridge.errors import CannotSucceed
from bridge.mqtt.frames import DUP_FLAG, QOS_MASK, RETAIN_FLAG, Delivery
from bridge.mqtt.properties import MalformedProperties
from bridge.routes.outlets import Outlet, Outlets, Plan
from bridge.routes.payload import Payload
from bridge.routes.told import Told, told

log = logging.getLogger(__name__)

STAGE = "bridge"
CACHED_TOPICS, LONGEST_CACHED = 50_000, 1_024  # how many, and bytes of each
SERIALS = [b"%03x" % number for number in range(1 << 12)]  # of minted ids: looked up rather than formatted


class Wrapped(NamedTuple):
    """An envelope on its way: its Pub/Sub topic, its bytes, and the packet id to acknowledge.

    The packet id is empty at QoS 0 and for all but the first of several copies. What is only to be acknowledged has
    neither Pub/Sub topic nor bytes. Dead letters have a reason.
    """

    pubsub_topic: str
    message: bytes
    packet_id: bytes
    dead_reason: str = ""
    ordering_key: str = ""

    @property
    def dead(self) -> bool:
        """Whether it is a dead letter."""
        return bool(self.dead_reason)


class Wrapper:
    """Makes envelopes of deliveries. `run` makes minted ids unique: one per process, 22 characters or so.

    `previous` is the wrapper that this one takes over from in the same process: its ids go on, and what matches no
    route any more is wrapped by its routes, for it was queued before the change.
    """

    def __init__(self, config: BridgeConfig, run: str, previous: "Wrapper | None" = None) -> None:
        self._dead_letter_topic = config.dead_letter_topic
        self._outlets: Outlets = Outlets(Plan(config), previous._outlets.plan if previous else None)
        self._by_topic: dict[bytes, tuple[Outlet, ...]] = {}
        self._plain: dict[bytes, tuple[str, bytes, str]] = {}
        self._run: str = previous._run if previous else run
        self._blocks_of_ids: Iterator[int] = previous._blocks_of_ids if previous else itertools.count(1)
        self._truncating: set[str] = set()
        self.truncated: int = previous.truncated if previous else 0

    def wrap(self, deliveries: Sequence[Delivery], received_at: datetime) -> list[Wrapped]:
        """The envelopes of each delivery, one at least: what cannot be wrapped is a dead letter with its bytes."""
        receipt = _receipt(timestamp(received_at))
        wrapped: list[Wrapped] = []
        for start in range(0, len(deliveries), len(SERIALS)):
            self._wrap(deliveries[start : start + len(SERIALS)], receipt, wrapped.append)
        return wrapped

    def _wrap(self, deliveries: Sequence[Delivery], receipt: "_Receipt", add: Callable[[Wrapped], None]) -> None:
        """The hot loop: a message of which nothing is read is put together from what is encoded already."""
        plain, new, join = self._plain, tuple.__new__, b"".join
        start_of_ids = self._minted_id()[: -len(SERIALS[0])]
        tails = [block + receipt.times + start_of_ids for block in FLAG_BLOCKS]
        for delivery, serial in zip(deliveries, SERIALS, strict=False):
            flags, packet_id, mqtt_topic, properties, payload = delivery
            ready = None if properties else plain.get(mqtt_topic)
            if ready is None:
                for copy in self._copies(delivery, receipt):
                    add(copy)
                continue
            pubsub_topic, block, key = ready
            message = join((envelope.data_start(len(payload)), payload, block, tails[flags & FLAGS], serial))
            add(new(Wrapped, (pubsub_topic, message, packet_id, "", key)))

    def dead_letter(self, wrapped: Wrapped, error: CannotSucceed, now: datetime) -> Wrapped:
        """The dead letter of an envelope that Pub/Sub refuses. It has no ordering key: order has ended for it."""
        block = envelope.dead_letter(
            stage=STAGE, reason=error.reason, error=error, original_topic=wrapped.pubsub_topic, time=timestamp(now)
        )
        if wrapped.ordering_key:
            block += envelope.ordering_key("")
        return Wrapped(self._dead_letter_topic, wrapped.message + block, wrapped.packet_id, error.reason)

    def _copies(self, delivery: Delivery, receipt: "_Receipt") -> list[Wrapped]:
        """One envelope for each route that takes the message; the first acknowledges it."""
        outlets = self._by_topic.get(delivery.mqtt_topic) or self._worked_out(delivery.mqtt_topic)
        if delivery.flags & RETAIN_FLAG:
            outlets = tuple(outlet for outlet in outlets if not outlet.reading.ignores_retained)
        if not outlets:
            return [Wrapped("", b"", delivery.packet_id)]
        first, *further = outlets
        copies = [self._copy(delivery, first, delivery.packet_id, receipt)]
        return copies + [self._copy(delivery, outlet, b"", receipt) for outlet in further]

    def _worked_out(self, mqtt_topic: bytes) -> tuple[Outlet, ...]:
        outlets = self._outlets.of(mqtt_topic)
        if len(mqtt_topic) > LONGEST_CACHED:
            return outlets
        if len(self._by_topic) >= CACHED_TOPICS:
            self._by_topic.clear()
            self._plain.clear()
        self._by_topic[mqtt_topic] = outlets
        first = outlets[0]
        if len(outlets) == 1 and first.plain:
            self._plain[mqtt_topic] = (first.pubsub_topic, first.block, first.ordering_key)
        return outlets

    def _copy(self, delivery: Delivery, outlet: Outlet, packet_id: bytes, receipt: "_Receipt") -> Wrapped:
        try:
            message = self._envelope(delivery, outlet, receipt)
        except CannotSucceed as error:
            message = self._dead(delivery, outlet, error, receipt)
            return Wrapped(self._dead_letter_topic, message, packet_id, error.reason)
        return Wrapped(outlet.pubsub_topic, message, packet_id, "", outlet.ordering_key)

    def _envelope(self, delivery: Delivery, outlet: Outlet, receipt: "_Receipt") -> bytes:
        """Raises CannotSucceed."""
        properties = _told(delivery)
        if outlet.fault:
            raise CannotSucceed(outlet.fault.reason, outlet.fault.message)
        reading, payload = outlet.reading, Payload(delivery.payload)
        reading.check(payload)
        own_id, own_time = reading.id(payload, properties.user), reading.time(payload, properties.user)
        parts = [outlet.block, FLAG_BLOCKS[delivery.flags & FLAGS], _block(properties, outlet)]
        parts.append(envelope.attribute(envelope.ID, own_id) if own_id else self._minted_id())
        parts.append(receipt.received + envelope.attribute(envelope.TIME, own_time) if own_time else receipt.times)
        if reading.most is None or len(payload.content) <= reading.most:
            return envelope.data(payload.content) + b"".join(parts)
        self._count_truncated(outlet.route)
        return envelope.data(payload.content[: reading.most]) + b"".join(parts) + _whole(payload.content)

    def _dead(self, delivery: Delivery, outlet: Outlet, error: CannotSucceed, receipt: "_Receipt") -> bytes:
        """The dead letter of a message with its original bytes, and all that could be found out about it."""
        parts = [envelope.data(delivery.payload), outlet.facts, FLAG_BLOCKS[delivery.flags & FLAGS], receipt.times]
        user: Sequence[tuple[str, str]] = ()
        try:
            properties = told(delivery.properties)
            user = properties.user
            parts.append(_block(properties, outlet))
        except MalformedProperties:
            parts.append(envelope.attribute("mqtt.properties_hex", delivery.properties[:500].hex()))
        parts.append(self._readable_id(delivery, outlet, user))
        block = envelope.dead_letter(
            stage=STAGE,
            reason=error.reason,
            error=error,
            original_topic=delivery.mqtt_topic.decode(errors="replace"),
            time=receipt.time,
        )
        return b"".join(parts) + block

    def _readable_id(self, delivery: Delivery, outlet: Outlet, user: Sequence[tuple[str, str]]) -> bytes:
        """The id a message that is dead gives itself, where that can be read all the same."""
        try:
            own_id = outlet.reading.id(Payload(delivery.payload), user)
        except CannotSucceed:
            own_id = None
        return envelope.attribute(envelope.ID, own_id) if own_id else self._minted_id()

    def _minted_id(self) -> bytes:
        """The first id of a block that is nobody else's; its serial stands at the end."""
        return envelope.attribute(envelope.ID, f"{self._run}-{next(self._blocks_of_ids):x}-{SERIALS[0].decode()}")

    def _count_truncated(self, route: str) -> None:
        self.truncated += 1
        if route not in self._truncating:
            self._truncating.add(route)
            log.warning("route %s truncates payloads above its max_payload_bytes", route)


class _Receipt(NamedTuple):
    """When a read was received, and that as attributes: `mqtt.received_at`, and the same with `ce-time`."""

    time: str
    received: bytes
    times: bytes


def _receipt(time: str) -> _Receipt:
    received = envelope.attribute("mqtt.received_at", time)
    return _Receipt(time, received, received + envelope.attribute(envelope.TIME, time))


def _told(delivery: Delivery) -> Told:
    try:
        properties = told(delivery.properties)
    except MalformedProperties as error:
        raise CannotSucceed("invalid_properties", str(error)) from error
    if properties.by_alias and not delivery.mqtt_topic:
        raise CannotSucceed("invalid_properties", "a topic alias in place of the topic; none was ever granted")
    return properties


def _block(properties: Told, outlet: Outlet) -> bytes:
    """What the properties say, and how much was lost of that and of what the outlet says."""
    if not properties.lost:
        return properties.block
    return properties.block + envelope.attribute(envelope.DROPPED, str(properties.lost + outlet.lost))


def _whole(payload: bytes) -> bytes:
    """What a truncated message tells of the payload it had."""
    sha256 = hashlib.sha256(payload).hexdigest()
    return envelope.attributes({"mqtt.payload_sha256": sha256, "mqtt.payload_bytes": str(len(payload))})


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
