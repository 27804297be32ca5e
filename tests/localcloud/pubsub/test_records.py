"""What was written down leads back to the state that was; so does the compacted form of it."""

from collections.abc import Callable, Iterable
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud.clock import Clock
from localcloud.pubsub.compaction import records_of
from localcloud.pubsub.exchange import Exchange
from localcloud.pubsub.history import History
from localcloud.pubsub.lanes import Holder
from localcloud.pubsub.messages import Publication, PublishRequest
from localcloud.pubsub.records import Schema, Stored
from localcloud.pubsub.settings import Subscription, Topic

TOPICS = [f"projects/p/topics/topic-{number}" for number in range(2)]
SUBSCRIPTIONS = [f"projects/p/subscriptions/sub-{number}" for number in range(4)]
SNAPSHOT = "projects/p/snapshots/snap"
SCHEMA = Schema(type_=2, definition='{"type": "record", "name": "R", "fields": []}')


class Listing:
    """A ledger in memory."""

    def __init__(self) -> None:
        self.records: list[bytes] = []

    def keep(self, record: Callable[..., bytes], *args: Any, **kwargs: Any) -> None:
        self.records.append(record(*args, **kwargs))

    def compact_if_large(self, everything: Callable[[], Iterable[bytes]]) -> None: ...

    def close(self) -> None: ...


class World:
    """Two topics and four subscriptions, each of another kind, and what can be done to them."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.ledger = Listing()
        self.exchange = Exchange(self.clock, self.ledger, Stored())
        self.history = History(self.exchange, Stored())
        for name in TOPICS:
            self.exchange.create_topic(Topic(name=name, message_retention_duration=Duration(seconds=3600)))
        kinds: list[dict[str, Any]] = [
            {},
            {"filter": 'attributes.parity = "even"'},
            {"enable_message_ordering": True, "retain_acked_messages": True},
            {"dead_letter_policy": {"dead_letter_topic": TOPICS[1]}},
        ]
        for name, kind in zip(SUBSCRIPTIONS, kinds, strict=True):
            self.exchange.create_subscription(Subscription(name=name, topic=TOPICS[0], **kind))
        self.exchange.create_subscription(Subscription(name=SUBSCRIPTIONS[0] + "-dead", topic=TOPICS[1]))
        self._published = 0

    def publish(self, count: int) -> None:
        for _ in range(count):
            self._published += 1
            request = PublishRequest(topic=TOPICS[0])
            content = request.messages.add(data=b"%d" % self._published, ordering_key=str(self._published % 3))
            content.attributes["parity"] = "odd" if self._published % 2 else "even"
            self.exchange.publish(Publication(request.SerializeToString()))

    def acknowledge(self, count: int) -> None:
        for name in SUBSCRIPTIONS:
            subscription = self.exchange.subscription(name)
            taken = self.exchange.take(subscription, count, 1 << 60, Holder(), 600)
            self.exchange.acknowledge(subscription, [delivery.ack_id for delivery in taken[::2]])

    def refuse(self, count: int) -> None:
        for name in SUBSCRIPTIONS:
            subscription = self.exchange.subscription(name)
            for _ in range(5):
                taken = self.exchange.take(subscription, count, 1 << 60, Holder(), 600)
                self.exchange.extend(subscription, [delivery.ack_id for delivery in taken], 0)

    def wait(self, count: int) -> None:
        self.clock.advance(count)

    def seek(self, count: int) -> None:
        self.history.seek_to_time(self.exchange.subscription(SUBSCRIPTIONS[count % 4]), self.clock.time() - count)

    def snapshot(self, count: int) -> None:
        if SNAPSHOT in self.history.snapshots:
            self.history.seek_to_snapshot(self.exchange.subscription(SUBSCRIPTIONS[count % 4]), SNAPSHOT)
            self.history.delete(SNAPSHOT)
        else:
            self.history.create(SNAPSHOT, self.exchange.subscription(SUBSCRIPTIONS[count % 4]), {"a": "1"})

    def change(self, count: int) -> None:
        wanted = Subscription(name=SUBSCRIPTIONS[count % 4], ack_deadline_seconds=10 + count)
        self.exchange.update_subscription(wanted, FieldMask(paths=["ack_deadline_seconds"]))

    def schema(self, count: int) -> None:
        """Two schemas: one that comes and goes, one that a topic of its own uses until it is deleted."""
        schemas, kept, used = self.exchange.schemas, "projects/p/schemas/kept", "projects/p/schemas/used"
        names = {each[0].name for each in schemas}
        if kept not in names:
            schemas.create(kept, SCHEMA)
            schemas.create(used, SCHEMA)
            settings = {"schema": used, "encoding": 1}
            name = f"projects/p/topics/checked-{len(self.exchange.topics)}"
            self.exchange.create_topic(Topic(name=name, schema_settings=settings))
        elif used in names and count % 2:
            self.exchange.delete_schema(used)
        elif len(schemas.revisions(kept)) < 20:
            schemas.commit(kept, SCHEMA)

    def restarted(self, records: Iterable[bytes]) -> "World":
        world = World.__new__(World)
        stored = Stored(records)
        world.clock, world.ledger = self.clock, Listing()
        world.exchange = Exchange(self.clock, world.ledger, stored)
        world.history = History(world.exchange, stored)
        return world

    def state(self) -> list[bytes]:
        """Everything but the highest number, which only rises."""
        return list(records_of(self.exchange, self.history))[1:]


steps = st.lists(
    st.tuples(
        st.sampled_from(["publish", "acknowledge", "refuse", "wait", "seek", "snapshot", "change", "schema"]),
        st.integers(1, 6),
    ),
    max_size=12,
)


@given(steps)
@settings(max_examples=60, deadline=None)
def test_a_restart_changes_nothing(taken: list[tuple[str, int]]) -> None:
    world = World()
    for step, count in taken:
        getattr(world, step)(count)
    after_restart = world.restarted(world.ledger.records)
    assert after_restart.state() == world.state()
    after_compaction = world.restarted(records_of(after_restart.exchange, after_restart.history))
    assert after_compaction.state() == world.state()


def test_deletions_and_detachment_hold_after_a_restart() -> None:
    world = World()
    world.publish(4)
    world.snapshot(0)
    world.exchange.delete_subscription(SUBSCRIPTIONS[0])
    world.exchange.detach(SUBSCRIPTIONS[1])
    world.publish(2)
    world.exchange.delete_topic(TOPICS[0])
    world.exchange.create_topic(Topic(name=TOPICS[0]))
    world.publish(2)
    world.history.delete(SNAPSHOT)
    again = world.restarted(world.ledger.records)
    assert again.state() == world.state()
    assert set(again.exchange.subscriptions) == {*SUBSCRIPTIONS[1:], SUBSCRIPTIONS[0] + "-dead"}
    assert [len(again.exchange.subscription(name).backlog.messages()) for name in SUBSCRIPTIONS[1:]] == [0, 6, 6]
    assert again.history.snapshots == {}


def test_ids_rise_over_restarts_even_when_every_message_is_gone_and_the_clock_was_set_back() -> None:
    ahead = Clock()
    ahead.advance(1000)
    world = World(ahead)
    world.publish(1)
    for name in SUBSCRIPTIONS:
        world.exchange.rewind(world.exchange.subscription(name), ())
    world.exchange.topic(TOPICS[0]).log.clear()
    compacted = list(records_of(world.exchange, world.history))
    highest = world.exchange.next_number
    world.clock = Clock()
    assert world.restarted(compacted).exchange.next_number == highest
