"""The topics and subscriptions of a machine, and the messages on their way between them."""

import datetime
import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from localcloud.clock import Clock
from localcloud.pubsub import names, records, settings, wire
from localcloud.pubsub.backlog import Backlog
from localcloud.pubsub.exports import settings as exports
from localcloud.pubsub.lanes import Delivery, Holder
from localcloud.pubsub.ledger import Ledger
from localcloud.pubsub.messages import Message, Publication, published
from localcloud.pubsub.resources import Subscription, Topic
from localcloud.pubsub.schemas.store import Schemas
from localcloud.rpc import failed_precondition

FIRST_NUMBER = 10**15  # ids have 16 digits: microseconds since 1970, or counted on from there


class Exchange:
    """What the doors call. Everything that changes here is in the ledger before a method returns."""

    def __init__(self, clock: Clock, ledger: Ledger, stored: records.Stored) -> None:
        self.clock = clock
        self.ledger = ledger
        start = max(FIRST_NUMBER, clock.time_ns() // 1000)
        self.next_number = max(start, stored.reached + 1)
        self._ack_ids = map("A{}".format, itertools.count(start))
        self.schemas = Schemas(clock, ledger, stored.schemas)
        self.topics = {name: Topic(topic.config, topic.log.values()) for name, topic in stored.topics.items()}
        self.subscriptions = {
            name: self._subscription(each.config, each.first, each.backlog.values())
            for name, each in stored.subscriptions.items()
        }
        for subscription in self.subscriptions.values():
            self._attach(subscription)

    # Topics

    def create_topic(self, wanted: Any) -> Any:
        config = settings.topic(wanted)
        self._check_schema(config)
        if config.name in self.topics:
            raise names.existing(config.name)
        self.ledger.keep(records.topic, config)
        self.topics[config.name] = Topic(config)
        return config

    def topic(self, name: str) -> Topic:
        names.check_name(name, "topics")
        if name not in self.topics:
            raise names.missing(name)
        return self.topics[name]

    def update_topic(self, wanted: Any, mask: Any) -> Any:
        topic = self.topic(wanted.name)
        config = settings.topic(settings.changed(topic.config, wanted, mask, settings.TOPIC_CHANGES))
        if config.schema_settings != topic.config.schema_settings:
            self._check_schema(config)
        self.ledger.keep(records.topic, config)
        topic.config = config
        return config

    def delete_topic(self, name: str) -> None:
        self.topic(name)
        self.ledger.keep(records.topic_deleted, name)
        del self.topics[name]
        for subscription in self.subscriptions.values():
            if subscription.config.topic == name:
                subscription.config.topic = names.DELETED_TOPIC

    def delete_schema(self, name: str) -> None:
        """Nothing can be published any more to the topics that use it."""
        self.schemas.delete(name)
        for topic in self.topics.values():
            if topic.config.schema_settings.schema == name:
                topic.config.schema_settings.schema = names.DELETED_SCHEMA

    # Subscriptions

    def create_subscription(self, wanted: Any) -> Any:
        config = settings.subscription(wanted)
        config.detached = False
        exports.set_state(config, "ACTIVE")
        self.topic(config.topic)
        self._check_dead_letter_topic(config)
        if config.name in self.subscriptions:
            raise names.existing(config.name)
        self.ledger.keep(records.subscription, config, self.next_number)
        subscription = self._subscription(config, self.next_number, ())
        self.subscriptions[config.name] = subscription
        self._attach(subscription)
        return config

    def subscription(self, name: str) -> Subscription:
        names.check_name(name, "subscriptions")
        if name not in self.subscriptions:
            raise names.missing(name)
        return self.subscriptions[name]

    def attached(self, name: str) -> Subscription:
        """The subscription, if it delivers. Raises FAILED_PRECONDITION when it is detached."""
        subscription = self.subscription(name)
        if subscription.config.detached:
            raise failed_precondition(f"The subscription is detached (resource={names.short(name)}).")
        return subscription

    def pulled(self, name: str) -> Subscription:
        """The subscription, if it delivers to those who pull. Raises FAILED_PRECONDITION for any other."""
        subscription = self.attached(name)
        exports.check_pulled(subscription.config)
        return subscription

    def update_subscription(self, wanted: Any, mask: Any) -> Any:
        subscription = self.subscription(wanted.name)
        config = self.changed_subscription(wanted, mask)
        if config.dead_letter_policy != subscription.config.dead_letter_policy:
            self._check_dead_letter_topic(config)
        self._configure(subscription, config)
        return config

    def changed_subscription(self, wanted: Any, mask: Any) -> Any:
        """What an update would make of the subscription. Raises as that does."""
        config = self.subscription(wanted.name).config
        changed = settings.subscription(settings.changed(config, wanted, mask, settings.SUBSCRIPTION_CHANGES))
        if exports.touched(mask):
            exports.set_state(changed, "ACTIVE")
        return changed

    def set_export_state(self, subscription: Subscription, state: str) -> None:
        """`state` is ACTIVE, or why nothing can be exported."""
        config = settings.Subscription()
        config.CopyFrom(subscription.config)
        exports.set_state(config, state)
        if config != subscription.config and self.subscriptions.get(subscription.name) is subscription:
            self._configure(subscription, config)

    def delete_subscription(self, name: str) -> None:
        subscription = self.subscription(name)
        self.ledger.keep(records.subscription_deleted, name)
        del self.subscriptions[name]
        self._detach(subscription)

    def detach(self, name: str) -> None:
        """No more messages, and those it has are gone; it can only be deleted."""
        subscription = self.subscription(name)
        config = settings.Subscription()
        config.CopyFrom(subscription.config)
        config.detached = True
        self._configure(subscription, config)
        self.rewind(subscription, ())
        self._detach(subscription)

    # Messages

    def publish(self, publication: Publication) -> list[Message]:
        """Raises INVALID_ARGUMENT or NOT_FOUND."""
        publication.check()
        topic, bodies = self.topic(publication.topic), publication.bodies()
        if topic.config.HasField("schema_settings"):
            bodies = self._checked(topic, publication.contents, bodies)
        return self._publish(topic, publication.contents, bodies)

    def take(self, subscription: Subscription, most: int, size: int, holder: Holder, seconds: float) -> list[Delivery]:
        """Leases messages for `seconds`; see Backlog.take."""
        now = subscription.used = self.clock.monotonic()
        self._drop_old(subscription, now)
        deliveries = subscription.backlog.take(most, size, holder, seconds, now)
        self._forward_dead_letters(subscription)
        return deliveries

    def acknowledge(self, subscription: Subscription, ack_ids: Iterable[str]) -> list[str]:
        """Answers with the ack ids that are not on lease."""
        now = subscription.used = self.clock.monotonic()
        done, unknown = subscription.backlog.acknowledge(ack_ids, now)
        self._keep_acknowledged(subscription, done)
        self._forward_dead_letters(subscription)
        subscription.bell.ring()
        return unknown

    def extend(self, subscription: Subscription, ack_ids: Iterable[str], seconds: float) -> list[str]:
        """Makes leases end in `seconds`, 0 for a refusal. Answers with the ack ids that are not on lease."""
        now = subscription.used = self.clock.monotonic()
        unknown = subscription.backlog.extend(ack_ids, seconds, now)
        self._forward_dead_letters(subscription)
        if not seconds:
            subscription.bell.ring()
        return unknown

    def rewind(self, subscription: Subscription, messages: Sequence[Message]) -> None:
        """These, and nothing else, are to be delivered."""
        self.ledger.keep(records.backlog, subscription.name, [message.number for message in messages])
        subscription.backlog.restart(messages, self.clock.monotonic())
        subscription.bell.ring()

    def tick(self) -> None:
        """What time brings: ended leases and back-offs, messages and subscriptions past their time."""
        now = self.clock.monotonic()
        for subscription in list(self.subscriptions.values()):
            self._drop_old(subscription, now)
            subscription.backlog.settle(now)
            self._forward_dead_letters(subscription)
            if subscription.backlog.has_ready():
                subscription.bell.ring()
            may_idle = subscription.may_idle()
            if may_idle is not None and now - subscription.idle_since(now) > may_idle:
                self.delete_subscription(subscription.name)

    def _subscription(self, config: Any, first: int, messages: Iterable[Message]) -> Subscription:
        backlog = Backlog(settings.policy(config), self._ack_ids, messages)
        return Subscription(config, first, backlog, self.clock.monotonic())

    def _attach(self, subscription: Subscription) -> None:
        if subscription.config.topic in self.topics and not subscription.config.detached:
            self.topics[subscription.config.topic].subscriptions[subscription.name] = subscription

    def _detach(self, subscription: Subscription) -> None:
        if subscription.config.topic in self.topics:
            self.topics[subscription.config.topic].subscriptions.pop(subscription.name, None)
        subscription.bell.ring()

    def _configure(self, subscription: Subscription, config: Any) -> None:
        self.ledger.keep(records.subscription, config, subscription.first)
        subscription.configure(config)

    def _check_schema(self, config: Any) -> None:
        if config.HasField("schema_settings"):
            self.schemas.check_settings(config.schema_settings)

    def _checked(self, topic: Topic, contents: Sequence[Any], bodies: Sequence[bytes]) -> list[bytes]:
        """The messages with what the schema adds to them: filters see it too."""
        added = self.schemas.attributes(topic.config.schema_settings, [content.data for content in contents])
        for content, attributes in zip(contents, added, strict=True):
            content.attributes.update(attributes)
        return [body + wire.attributes(each) for body, each in zip(bodies, added, strict=True)]

    def _check_dead_letter_topic(self, config: Any) -> None:
        if config.HasField("dead_letter_policy"):
            self.topic(config.dead_letter_policy.dead_letter_topic)

    def _publish(self, topic: Topic, contents: Sequence[Any], bodies: Sequence[bytes]) -> list[Message]:
        messages = published(contents, bodies, self.next_number, self.clock.time_ns())
        self.next_number += len(messages)
        self.ledger.keep(records.published, topic.name, messages)
        topic.log.extend(messages)
        now = self.clock.monotonic()
        for subscription in topic.subscriptions.values():
            subscription.backlog.offer(subscription.selected(messages, contents), now)
            subscription.bell.ring()
        return messages

    def _keep_acknowledged(self, subscription: Subscription, numbers: Sequence[int]) -> None:
        if numbers:
            self.ledger.keep(records.acknowledged, subscription.name, numbers)

    def _drop_old(self, subscription: Subscription, now: float) -> None:
        done = subscription.backlog.drop(self.clock.time() - subscription.retention, now)
        self._keep_acknowledged(subscription, done)

    def _forward_dead_letters(self, subscription: Subscription) -> None:
        for delivery in subscription.backlog.given_up():
            topic = self.topics.get(subscription.config.dead_letter_policy.dead_letter_topic)
            if topic is None:  # deleted since: start over rather than lose the message
                subscription.backlog.offer([delivery.message], self.clock.monotonic())
                continue
            content = _dead_letter(delivery, subscription.name)
            self._publish(topic, [content], [content.SerializeToString()])
            self._keep_acknowledged(subscription, [delivery.message.number])


def _dead_letter(delivery: Delivery, subscription: str) -> Any:
    """The message with what Pub/Sub adds: cloud.google.com/pubsub/docs/handling-failures#dead_letter_topic."""
    content = delivery.message.decoded()
    time = datetime.datetime.fromtimestamp(delivery.message.published, datetime.UTC)
    content.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] = str(delivery.failures)
    content.attributes["CloudPubSubDeadLetterSourceSubscription"] = names.short(subscription)
    content.attributes["CloudPubSubDeadLetterSourceSubscriptionProject"] = names.project_of(subscription)
    content.attributes["CloudPubSubDeadLetterSourceTopicPublishTime"] = time.isoformat(timespec="milliseconds")
    return content
