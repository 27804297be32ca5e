"""Going back in time: the messages topics keep beyond their acknowledgement, snapshots, and seeks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from localcloud.pubsub import names, records, settings
from localcloud.pubsub.exchange import Exchange
from localcloud.pubsub.messages import Message
from localcloud.pubsub.resources import Subscription, Topic
from localcloud.rpc import failed_precondition

SNAPSHOT_LIFE = 7 * settings.DAY  # from the publishing of its oldest message
SHORTEST_SNAPSHOT_LIFE = 60 * settings.MINUTE


@dataclass(slots=True)
class Snapshot:
    """What was unacknowledged at one time; what came later has a number from `position` on."""

    config: Any
    position: int
    messages: Sequence[Message]


class History:
    """Snapshots and seeks on an exchange; keeps each topic's log no longer than someone may go back."""

    def __init__(self, exchange: Exchange, stored: records.Stored) -> None:
        self._exchange = exchange
        self._ledger = exchange.ledger
        self._clock = exchange.clock
        self.snapshots = {
            name: Snapshot(each.config, each.position, list(each.backlog.values()))
            for name, each in stored.snapshots.items()
        }

    def create(self, name: str, subscription: Subscription, labels: Mapping[str, str]) -> Any:
        """Raises ALREADY_EXISTS, INVALID_ARGUMENT, and FAILED_PRECONDITION for a backlog that is too old."""
        names.check_name(name, "snapshots")
        settings.check_labels(labels)
        if name in self.snapshots:
            raise names.existing(name)
        messages = subscription.backlog.messages()
        now = self._clock.time()
        expires = (messages[0].published if messages else now) + SNAPSHOT_LIFE
        if expires - now < SHORTEST_SNAPSHOT_LIFE:
            raise failed_precondition("The subscription's backlog is too old: the snapshot would expire within 1 hour.")
        config = records.Snapshot(name=name, topic=subscription.config.topic, labels=labels)
        config.expire_time.FromNanoseconds(int(expires * 1e9))
        snapshot = Snapshot(config, self._exchange.next_number, messages)
        self._keep(snapshot)
        self.snapshots[name] = snapshot
        return config

    def snapshot(self, name: str) -> Snapshot:
        names.check_name(name, "snapshots")
        if name not in self.snapshots:
            raise names.missing(name)
        return self.snapshots[name]

    def update(self, wanted: Any, mask: Any) -> Any:
        snapshot = self.snapshot(wanted.name)
        config = settings.changed(snapshot.config, wanted, mask, settings.SNAPSHOT_CHANGES)
        settings.check_labels(config.labels)
        snapshot.config = config
        self._keep(snapshot)
        return config

    def delete(self, name: str) -> None:
        self.snapshot(name)
        self._ledger.keep(records.snapshot_deleted, name)
        del self.snapshots[name]

    def seek_to_time(self, subscription: Subscription, seconds: float) -> None:
        """Messages published from then on (since 1970) are unacknowledged, older ones acknowledged."""
        known = {message.number: message for message in self._kept_for(subscription)}
        known |= {message.number: message for message in subscription.backlog.messages()}
        self._rewind(subscription, (message for message in known.values() if message.published >= seconds))

    def seek_to_snapshot(self, subscription: Subscription, name: str) -> None:
        snapshot = self.snapshot(name)
        if snapshot.config.topic != subscription.config.topic:
            raise failed_precondition(f"The snapshot is of another topic (resource={names.short(name)}).")
        topic = self._exchange.topics.get(subscription.config.topic)
        later = [message for message in topic.log if message.number >= snapshot.position] if topic else []
        self._rewind(subscription, [*snapshot.messages, *_selected(subscription, later)])

    def tick(self) -> None:
        """Lets go of expired snapshots, and of messages nobody can go back to any more."""
        now = self._clock.time()
        for name, snapshot in list(self.snapshots.items()):
            if snapshot.config.expire_time.ToNanoseconds() / 1e9 <= now:
                self.delete(name)
        with_snapshots = {snapshot.config.topic for snapshot in self.snapshots.values()}
        for topic in self._exchange.topics.values():
            retention = SNAPSHOT_LIFE if topic.name in with_snapshots else 0
            topic.trim(now - max(retention, topic.retention()))

    def _kept_for(self, subscription: Subscription) -> Sequence[Message]:
        topic = self._exchange.topics.get(subscription.config.topic)
        if topic is None:
            return []
        return _selected(
            subscription, [message for message in topic.log if self._may_see(subscription, topic, message)]
        )

    def _may_see(self, subscription: Subscription, topic: Topic, message: Message) -> bool:
        """A topic keeps messages for all its subscriptions, a subscription its own for itself."""
        age = self._clock.time() - message.published
        if age < settings.seconds_of(topic.config.message_retention_duration):
            return True
        own = subscription.config.retain_acked_messages and message.number >= subscription.first
        return own and age < subscription.retention

    def _rewind(self, subscription: Subscription, messages: Iterable[Message]) -> None:
        self._exchange.rewind(subscription, sorted(messages))

    def _keep(self, snapshot: Snapshot) -> None:
        numbers = [message.number for message in snapshot.messages]
        self._ledger.keep(records.snapshot, snapshot.config, snapshot.position, numbers)


def _selected(subscription: Subscription, messages: Sequence[Message]) -> Sequence[Message]:
    return subscription.selected(messages, (message.decoded() for message in messages))
