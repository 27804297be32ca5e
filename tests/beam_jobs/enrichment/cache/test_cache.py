"""Layers answer for what they know, and the chain survives each of them."""

import random
from collections.abc import Collection, Iterator, Mapping

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from redis import Redis

from beam_jobs.enrichment.cache.firestore import FirestoreSource
from beam_jobs.enrichment.cache.layers import ABSENT, FOUND, LayerUnavailable, Lookup
from beam_jobs.enrichment.cache.lru import LruLayer
from beam_jobs.enrichment.cache.redis import RedisLayer, redis_client
from bridge import envelope
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from localcloud.ports import free_port


class Ticks:
    """A clock that moves when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Recorded:
    """A source, and a layer, in memory that says what it was asked."""

    name = "recorded"

    def __init__(self, records: Mapping[str, bytes]) -> None:
        self.records = dict(records)
        self.asked: list[set[str]] = []

    def get(self, keys: Collection[str]) -> dict[str, bytes]:
        self.asked.append(set(keys))
        return {key: self.records[key] for key in keys if key in self.records}

    def fetch(self, keys: Collection[str]) -> dict[str, bytes]:
        return dict.fromkeys(keys, ABSENT) | self.get(keys)

    def put(self, records: Mapping[str, bytes]) -> None:
        self.records |= records


class Away:
    """A layer and source that does not answer."""

    name = "away"

    def get(self, keys: Collection[str]) -> dict[str, bytes]:
        raise LayerUnavailable("away")

    fetch = get

    def put(self, records: Mapping[str, bytes]) -> None:
        raise LayerUnavailable("away")


def test_far_layers_are_asked_for_what_near_ones_lack_and_near_ones_told() -> None:
    near, far, source = Recorded({"a": b"A"}), Recorded({"b": b"B"}), Recorded({"c": b"C"})
    lookup = Lookup([near, far], source)
    assert lookup.records(["a", "b", "c", "d"]) == {"a": b"A", "b": b"B", "c": b"C", "d": ABSENT}
    assert (near.asked, far.asked, source.asked) == ([{"a", "b", "c", "d"}], [{"b", "c", "d"}], [{"c", "d"}])
    assert near.records == {"a": b"A", "b": b"B", "c": b"C", "d": ABSENT}
    assert far.records == {"b": b"B", "c": b"C", "d": ABSENT}


def test_a_layer_that_is_away_is_passed_over() -> None:
    near = Recorded({})
    assert Lookup([near, Away()], Recorded({"a": b"A"})).records(["a"]) == {"a": b"A"}
    assert near.records == {"a": b"A"}


def test_what_could_not_be_looked_up_is_missing_and_not_remembered() -> None:
    near = Recorded({"a": b"A"})
    assert Lookup([near], Away()).records(["a", "b"]) == {"a": b"A"}
    assert near.records == {"a": b"A"}


def test_the_process_layer_forgets_in_time_absent_ones_sooner() -> None:
    ticks = Ticks()
    layer = LruLayer(10, seconds=100, absent_seconds=10, monotonic=ticks)
    layer.put({"a": b"A", "b": ABSENT})
    ticks.now = 9
    assert layer.get(["a", "b", "c"]) == {"a": b"A", "b": ABSENT}
    ticks.now = 10
    assert layer.get(["a", "b"]) == {"a": b"A"}
    ticks.now = 100
    assert layer.get(["a"]) == {}


def test_the_process_layer_keeps_what_was_used_last() -> None:
    layer = LruLayer(100, seconds=100, absent_seconds=10, monotonic=Ticks())
    dice = random.Random(7)
    model: list[str] = []
    for _ in range(5_000):
        key = str(dice.randrange(300))
        layer.put({key: b"x"}) if dice.random() < 0.5 else layer.get([key])
        if key in layer.get([key]):
            model = [*[one for one in model if one != key], key][-100:]
    assert set(layer.get(model)) == set(model)
    assert len(layer.get([str(number) for number in range(300)])) == 100


@pytest.fixture
def register(cloud: LocalCloud) -> Iterator[firestore.Client]:
    client = firestore.Client(project="test-project", credentials=AnonymousCredentials())
    yield client
    client.close()


def test_the_register_gives_encoded_records_and_absent_for_the_rest(register: firestore.Client) -> None:
    collection = register.collection("register-a")
    collection.document("d1").set({"name": "N", "floor": 3, "on": True, "other": "x"})
    collection.document("d2").set({})
    source = FirestoreSource(register, "register-a", {"name": "label", "floor": "floor", "on": "on", "gone": "gone"})
    records = source.fetch(["d1", "d2", "d3", "", "a/b", "..", "__x__", "k" * 1_501])
    assert dict(envelope.parse(records["d1"]).attributes) == {
        "device.label": "N",
        "device.floor": "3",
        "device.on": "true",
        "enrichment.status": "ok",
    }
    assert records["d2"] == FOUND
    assert {records[key] for key in records if key not in ("d1", "d2")} == {ABSENT}


def test_more_devices_than_one_call_takes_are_fetched_in_several(register: firestore.Client) -> None:
    register.collection("register-b").document("d700").set({"name": "N"})
    records = FirestoreSource(register, "register-b", {"name": "name"}).fetch([f"d{n}" for n in range(1_200)])
    assert len(records) == 1_200
    assert [key for key, record in records.items() if record != ABSENT] == ["d700"]


def test_a_register_that_is_away_says_so(cloud: LocalCloud, register: firestore.Client) -> None:
    cloud.faults.add(Fault(method="firestore.BatchGetDocuments"))
    with pytest.raises(LayerUnavailable):
        FirestoreSource(register, "register-c", {}).fetch(["d"])


@pytest.fixture
def redis(redis_port: int) -> Iterator[Redis]:
    client = redis_client(f"redis://127.0.0.1:{redis_port}")
    yield client
    client.close()


def test_redis_keeps_records_for_a_time_and_garbage_is_a_miss(redis: Redis) -> None:
    layer = RedisLayer(redis, "ns", seconds=100, absent_seconds=10)
    layer.put({"a": b"A", "b": ABSENT})
    redis.set("ns:garbage", b"\xff\x00")
    assert layer.get(["a", "b", "c", "garbage"]) == {"a": b"A", "b": ABSENT}
    assert 90 < redis.ttl("ns:a") <= 100
    assert 0 < redis.ttl("ns:b") <= 10


def test_a_redis_that_is_gone_is_unavailable_within_the_timeout() -> None:
    layer = RedisLayer(redis_client(f"redis://127.0.0.1:{free_port()}"), "ns", 100, 10)
    with pytest.raises(LayerUnavailable):
        layer.get(["a"])
    with pytest.raises(LayerUnavailable):
        layer.put({"a": b"A"})
