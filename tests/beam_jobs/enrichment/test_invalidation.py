"""Changes told on a topic reach the cache, through outages, each worker by a subscription of its own."""

import itertools
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from google.api_core.exceptions import NotFound
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore

from beam_jobs.enrichment.cache.chain import open_lookup
from beam_jobs.enrichment.cache.layers import Change
from beam_jobs.enrichment.cache.statistics import Statistics
from beam_jobs.enrichment.invalidation import FUTURE_MICROS, RETENTION_SECONDS, Listener, listen
from director.endpoints import channel
from director.invalidation import COLLECTION, KEY, UPDATED_AT, Invalidations
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from tests.beam_jobs.enrichment.parts import attributes, config

AT = datetime(2026, 1, 2, 3, 4, 5, 678_901, UTC)
MICROS = 1_767_323_045_678_901
_numbers = itertools.count()


class Heard:
    """A listener, what it said, and a clock to move."""

    def __init__(self, pubsub_topic: str) -> None:
        self.changes: list[Change] = []
        self.statistics = Statistics()
        self.ahead = 0.0
        self.listener = Listener(
            channel("pubsub"),
            pubsub_topic,
            "devices",
            self.changes.append,
            self.statistics,
            monotonic=lambda: time.monotonic() + self.ahead,
        )

    @property
    def keys(self) -> dict[str, int]:
        return {key: at for change in self.changes for key, at in change.keys.items()}

    @property
    def distrusted(self) -> bool:
        return any(change.unheard for change in self.changes)


@pytest.fixture
def topic(topics: Any) -> Any:
    return topics()


@pytest.fixture
def heard(topic: Any) -> Iterator[Heard]:
    made = Heard(topic.name)
    yield made
    made.listener.close()


@pytest.fixture
def invalidations(topic: Any) -> Invalidations:
    return Invalidations(topic.publisher, topic.name)


def test_a_change_published_by_the_director_is_heard(
    heard: Heard, invalidations: Invalidations, eventually: Any
) -> None:
    heard.listener.start()
    invalidations.publish("devices", {"a": AT, "ü/b": AT})
    eventually(lambda: len(heard.keys) == 2)
    assert heard.keys == {"a": MICROS, "ü/b": MICROS}
    assert not heard.distrusted
    assert heard.statistics.taken().counts["changes", "heard"] == 2


def test_every_worker_hears_of_every_change(topic: Any, invalidations: Invalidations, eventually: Any) -> None:
    workers = [Heard(topic.name) for _ in range(3)]
    for worker in workers:
        worker.listener.start()
    invalidations.publish("devices", {"a": AT})
    for worker in workers:
        eventually(lambda worker=worker: worker.keys == {"a": MICROS})
        worker.listener.close()


def test_other_registers_and_messages_that_tell_nothing_are_passed_over(
    heard: Heard, topic: Any, invalidations: Invalidations, eventually: Any
) -> None:
    heard.listener.start()
    broken = [
        {},
        {COLLECTION: "devices"},
        {COLLECTION: "devices", KEY: "a"},
        {COLLECTION: "devices", KEY: "a", UPDATED_AT: "yesterday"},
    ]
    topic.publisher.publish(topic=topic.name, messages=[{"data": b"x", "attributes": one} for one in broken])
    invalidations.publish("sites", {"s": AT})
    invalidations.publish("devices", {"z": AT})
    eventually(lambda: "z" in heard.keys)
    assert heard.keys == {"z": MICROS}
    assert heard.statistics.taken().counts["changes", "malformed"] == 3


def test_a_change_from_the_future_does_not_forbid_caching_till_then(
    heard: Heard, invalidations: Invalidations, eventually: Any
) -> None:
    heard.listener.start()
    invalidations.publish("devices", {"a": datetime(2999, 1, 1, tzinfo=UTC)})
    eventually(lambda: heard.keys)
    assert heard.keys["a"] <= time.time() * 1e6 + FUTURE_MICROS


def test_an_outage_is_survived_and_what_was_told_meanwhile_is_heard(
    heard: Heard, invalidations: Invalidations, cloud: LocalCloud, eventually: Any
) -> None:
    heard.listener.start()
    fault = cloud.faults.add(Fault(method="pubsub.Pull", resource=heard.listener.subscription))
    invalidations.publish("devices", {"a": AT})
    invalidations.publish("devices", {"b": AT})
    eventually(lambda: "b" in heard.keys or heard.statistics.taken().counts["changes", "error"])
    cloud.faults.remove(fault)
    eventually(lambda: heard.keys == {"a": MICROS, "b": MICROS})
    assert not heard.distrusted


def test_what_was_cached_before_a_first_subscription_that_came_late_counts_as_stale(
    heard: Heard, invalidations: Invalidations, cloud: LocalCloud, eventually: Any
) -> None:
    fault = cloud.faults.add(Fault(method="pubsub.CreateSubscription"))
    heard.listener.start()
    assert not heard.changes
    cloud.faults.remove(fault)
    eventually(lambda: heard.distrusted)
    invalidations.publish("devices", {"a": AT})
    eventually(lambda: heard.keys == {"a": MICROS})


def test_a_subscription_that_is_gone_is_made_anew_and_what_is_cached_counts_as_stale(
    heard: Heard, topic: Any, invalidations: Invalidations, eventually: Any
) -> None:
    heard.listener.start()
    before = time.time() * 1e6
    topic.subscriber.delete_subscription(subscription=heard.listener.subscription)
    eventually(lambda: heard.distrusted)
    assert next(change.unheard for change in heard.changes if change.unheard) >= before
    invalidations.publish("devices", {"a": AT})
    eventually(lambda: heard.keys == {"a": MICROS})


def test_silence_longer_than_pubsub_retains_makes_stale_what_is_cached(
    heard: Heard, invalidations: Invalidations, eventually: Any
) -> None:
    heard.listener.start()
    heard.ahead = RETENTION_SECONDS + 1
    invalidations.publish("devices", {"a": AT})
    eventually(lambda: heard.keys == {"a": MICROS})
    assert heard.distrusted


def test_the_subscription_is_short_lived_and_ends_with_the_process(heard: Heard, topic: Any) -> None:
    heard.listener.start()
    made = topic.subscriber.get_subscription(subscription=heard.listener.subscription)
    assert made.topic == topic.name
    assert made.message_retention_duration.total_seconds() == 600
    assert made.expiration_policy.ttl.total_seconds() == 86_400
    heard.listener.close()
    with pytest.raises(NotFound):
        topic.subscriber.get_subscription(subscription=heard.listener.subscription)


def test_a_changed_device_is_seen_at_once_though_its_record_is_fresh(
    topic: Any, invalidations: Invalidations, eventually: Any
) -> None:
    client = firestore.Client(project="test-project", credentials=AnonymousCredentials())
    document = client.collection("changing").document("a")
    document.set({"location": "old"})
    lookup = open_lookup(config(collection="changing", project="test-project", invalidation_topic=topic.name))
    listener = listen(topic.name, "changing", lookup)

    def location() -> str:
        return attributes(lookup.records(["a"])["a"])["device.location"]

    try:
        assert location() == "old"
        changed_at = document.set({"location": "new"}).update_time
        assert location() == "old"
        invalidations.publish("changing", {"a": changed_at})
        eventually(lambda: location() == "new", 10)
    finally:
        listener.close()
        client.close()
