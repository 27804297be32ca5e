"""What the journal keeps: one record per change, and the state they add up to.

A record is a letter for its kind and a body of Google's own message types, wherever there is one. Messages stand in
the journal once, as PublishRequests; after that they are spoken of by number.
"""

import struct
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.pubsub_v1.types import pubsub as types
from google.pubsub_v1.types import schema as schema_types

from localcloud.pubsub import settings, wire
from localcloud.pubsub.filter import Matches
from localcloud.pubsub.messages import Message, republished
from localcloud.pubsub.names import DELETED_SCHEMA, DELETED_TOPIC
from localcloud.rpc import pb

Snapshot = pb(types.Snapshot)
Schema = pb(schema_types.Schema)
_Revisions = pb(schema_types.ListSchemaRevisionsResponse)

_NUMBER = struct.Struct("<Q")
_LENGTH = struct.Struct("<H")


def schema(revisions: Sequence[Any]) -> bytes:
    """All there are, the newest last."""
    encoded: bytes = _Revisions(schemas=revisions).SerializeToString()
    return b"C" + encoded


def schema_deleted(name: str) -> bytes:
    return b"c" + name.encode()


def topic(config: Any) -> bytes:
    encoded: bytes = config.SerializeToString()
    return b"T" + encoded


def topic_deleted(name: str) -> bytes:
    return b"t" + name.encode()


def subscription(config: Any, first: int) -> bytes:
    encoded: bytes = config.SerializeToString()
    return b"S" + _NUMBER.pack(first) + encoded


def subscription_deleted(name: str) -> bytes:
    return b"s" + name.encode()


def published(topic_name: str, messages: Iterable[Message]) -> bytes:
    return b"P" + wire.publish_request(topic_name, (message.field for message in messages))


def acknowledged(subscription_name: str, numbers: Sequence[int]) -> bytes:
    return b"A" + _named(subscription_name, numbers)


def backlog(subscription_name: str, numbers: Sequence[int]) -> bytes:
    """This and nothing else is unacknowledged."""
    return b"B" + _named(subscription_name, numbers)


def snapshot(config: Any, position: int, numbers: Sequence[int]) -> bytes:
    encoded: bytes = config.SerializeToString()
    return b"N" + _NUMBER.pack(position) + _named(config.name, numbers) + encoded


def snapshot_deleted(name: str) -> bytes:
    return b"n" + name.encode()


def kept(messages: Iterable[Message]) -> bytes:
    """Messages some of the next records speak of."""
    return b"M" + wire.publish_request("", (message.field for message in messages))


def log(topic_name: str, numbers: Sequence[int]) -> bytes:
    """The messages a topic keeps for seeks."""
    return b"L" + _named(topic_name, numbers)


def reached(number: int) -> bytes:
    """No message has a higher number."""
    return b"#" + _NUMBER.pack(number)


@dataclass(slots=True)
class StoredTopic:
    config: Any
    log: dict[int, Message] = field(default_factory=dict)


@dataclass(slots=True)
class StoredSubscription:
    """`first` is the number of the first message it may ever see."""

    config: Any
    first: int
    backlog: dict[int, Message] = field(default_factory=dict)


@dataclass(slots=True)
class StoredSnapshot:
    """What was unacknowledged, and the number of the first message after it."""

    config: Any
    position: int
    backlog: dict[int, Message]


class Stored:
    """The state after a sequence of records."""

    def __init__(self, records: Iterable[bytes] = ()) -> None:
        self.schemas: dict[str, Sequence[Any]] = {}
        self.topics: dict[str, StoredTopic] = {}
        self.subscriptions: dict[str, StoredSubscription] = {}
        self.snapshots: dict[str, StoredSnapshot] = {}
        self.reached = 0
        self._messages: dict[int, Message] = {}
        self._matches: dict[str, Matches | None] = {}  # by text of the filter
        apply: dict[bytes, Callable[[bytes], None]] = {
            b"C": self._schema,
            b"c": self._schema_deleted,
            b"T": self._topic,
            b"t": self._topic_deleted,
            b"S": self._subscription,
            b"s": self._subscription_deleted,
            b"P": self._published,
            b"A": self._acknowledged,
            b"B": self._backlog,
            b"N": self._snapshot,
            b"n": self._snapshot_deleted,
            b"M": self._kept,
            b"L": self._log,
            b"#": self._reached,
        }
        for record in records:
            apply[record[:1]](record[1:])
        self._messages = {}

    def _schema(self, body: bytes) -> None:
        revisions = _Revisions.FromString(body).schemas
        self.schemas[revisions[0].name] = list(revisions)

    def _schema_deleted(self, body: bytes) -> None:
        name = body.decode()
        del self.schemas[name]
        for each in self.topics.values():
            if each.config.schema_settings.schema == name:
                each.config.schema_settings.schema = DELETED_SCHEMA

    def _topic(self, body: bytes) -> None:
        config = settings.Topic.FromString(body)
        if config.name in self.topics:
            self.topics[config.name].config = config
        else:
            self.topics[config.name] = StoredTopic(config)

    def _topic_deleted(self, body: bytes) -> None:
        name = body.decode()
        del self.topics[name]
        for each in self.subscriptions.values():
            if each.config.topic == name:
                each.config.topic = DELETED_TOPIC

    def _subscription(self, body: bytes) -> None:
        (first,) = _NUMBER.unpack_from(body)
        config = settings.Subscription.FromString(body[_NUMBER.size :])
        if config.name in self.subscriptions:
            self.subscriptions[config.name].config = config
        else:
            self.subscriptions[config.name] = StoredSubscription(config, first)

    def _subscription_deleted(self, body: bytes) -> None:
        del self.subscriptions[body.decode()]

    def _published(self, body: bytes) -> None:
        topic_name, messages = republished(body)
        self._remember(messages)
        self.topics[topic_name].log.update((message.number, message) for message in messages)
        for each in self.subscriptions.values():
            if each.config.topic == topic_name and not each.config.detached:
                each.backlog.update((message.number, message) for message in self._matching(each.config, messages))

    def _acknowledged(self, body: bytes) -> None:
        name, numbers, _ = _split_named(body)
        unacknowledged = self.subscriptions[name].backlog
        for number in numbers:
            unacknowledged.pop(number, None)

    def _backlog(self, body: bytes) -> None:
        name, numbers, _ = _split_named(body)
        self.subscriptions[name].backlog = self._numbered(numbers)

    def _snapshot(self, body: bytes) -> None:
        (position,) = _NUMBER.unpack_from(body)
        name, numbers, config = _split_named(body[_NUMBER.size :])
        self.snapshots[name] = StoredSnapshot(Snapshot.FromString(config), position, self._numbered(numbers))

    def _snapshot_deleted(self, body: bytes) -> None:
        del self.snapshots[body.decode()]

    def _kept(self, body: bytes) -> None:
        self._remember(republished(body)[1])

    def _log(self, body: bytes) -> None:
        name, numbers, _ = _split_named(body)
        self.topics[name].log = self._numbered(numbers)

    def _reached(self, body: bytes) -> None:
        (self.reached,) = _NUMBER.unpack(body)

    def _remember(self, messages: Sequence[Message]) -> None:
        self._messages.update((message.number, message) for message in messages)
        self.reached = max(self.reached, *(message.number for message in messages))

    def _numbered(self, numbers: Iterable[int]) -> dict[int, Message]:
        return {number: self._messages[number] for number in numbers}

    def _matching(self, config: Any, messages: Sequence[Message]) -> Iterator[Message]:
        if config.filter not in self._matches:
            self._matches[config.filter] = settings.matches(config.filter)
        matches = self._matches[config.filter]
        return (message for message in messages if matches is None or matches(message.decoded().attributes))


def _named(name: str, numbers: Sequence[int]) -> bytes:
    encoded = name.encode()
    return _LENGTH.pack(len(encoded)) + encoded + _NUMBER.pack(len(numbers)) + array("Q", numbers).tobytes()


def _split_named(body: bytes) -> tuple[str, Iterable[int], bytes]:
    (length,) = _LENGTH.unpack_from(body)
    name_end = _LENGTH.size + length
    (count,) = _NUMBER.unpack_from(body, name_end)
    start = name_end + _NUMBER.size
    end = start + count * _NUMBER.size
    return body[_LENGTH.size : name_end].decode(), array("Q", body[start:end]), body[end:]
