"""The shortest sequence of records that leads to the present state."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from localcloud.pubsub import records
from localcloud.pubsub.exchange import Exchange
from localcloud.pubsub.history import History
from localcloud.pubsub.messages import Message

MESSAGES_A_RECORD = 1000


def records_of(exchange: Exchange, history: History) -> Iterator[bytes]:
    topics = list(exchange.topics.values())
    backlogs = [(each, each.backlog.messages()) for each in exchange.subscriptions.values()]
    snapshots = list(history.snapshots.values())
    yield records.reached(exchange.next_number - 1)
    yield from _messages(
        chain(
            chain.from_iterable(topic.log for topic in topics),
            chain.from_iterable(messages for _, messages in backlogs),
            chain.from_iterable(snapshot.messages for snapshot in snapshots),
        )
    )
    for revisions in exchange.schemas:
        yield records.schema(revisions)
    for topic in topics:
        yield records.topic(topic.config)
        yield records.log(topic.name, _numbers(topic.log))
    for subscription, messages in backlogs:
        yield records.subscription(subscription.config, subscription.first)
        yield records.backlog(subscription.name, _numbers(messages))
    for snapshot in snapshots:
        yield records.snapshot(snapshot.config, snapshot.position, _numbers(snapshot.messages))


def _messages(messages: Iterable[Message]) -> Iterator[bytes]:
    distinct = iter({message.number: message for message in messages}.values())
    while batch := list(islice(distinct, MESSAGES_A_RECORD)):
        yield records.kept(batch)


def _numbers(messages: Iterable[Message]) -> Sequence[int]:
    return [message.number for message in messages]
