"""The whole chain against a model: two workers, each with a memory of its own, over one Redis and one register.

Versions of a device's document are numbers; what is served says which one it is, so the model knows how old it is.
"""

import itertools
import random
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from beam_jobs.enrichment.cache.breaker import Breaker
from beam_jobs.enrichment.cache.chain import open_lookup
from beam_jobs.enrichment.cache.floors import Floors
from beam_jobs.enrichment.cache.guarded import GuardedLayer
from beam_jobs.enrichment.cache.layers import ABSENT, FOUND, Answer, Change, Entry, LayerUnavailable, Lifetimes
from beam_jobs.enrichment.cache.lookup import Lookup
from beam_jobs.enrichment.cache.lru import LruLayer
from beam_jobs.enrichment.cache.redis import RedisLayer, redis_client
from beam_jobs.enrichment.cache.statistics import Statistics
from bridge import envelope
from localcloud.cloud import LocalCloud
from tests.beam_jobs.enrichment.parts import Clock, Register, attributes, config

KEYS = "abc"
ENTRIES, OCTETS, ABSENT_SECONDS = 2, 10_000, 30
NEAR = Lifetimes(seconds=300, absent_seconds=ABSENT_SECONDS, revalidate_seconds=30, stale_seconds=3_600)
FAR = Lifetimes(seconds=7_200, absent_seconds=ABSENT_SECONDS, stale_seconds=3_600)
_numbers = itertools.count()


class Switch:
    """A layer that can be away."""

    def __init__(self, layer: RedisLayer) -> None:
        self.name = layer.name
        self.away = False
        self._layer = layer

    def get(self, keys: Collection[str]) -> Answer:
        return self._there().get(keys)

    def put(self, entries: Mapping[str, Entry]) -> int:
        return self._there().put(entries)

    def change(self, change: Change) -> None:
        self._there().change(change)

    def _there(self) -> RedisLayer:
        if self.away:
            raise LayerUnavailable("switched off")
        return self._layer


@dataclass
class Worker:
    lookup: Lookup
    memory: LruLayer
    floors: Floors
    told: dict[str, int] = field(default_factory=dict)  # the version it last heard of, by key


class World:
    """What the actions act on, and what must hold after each."""

    def __init__(self, redis: Redis, most_floors: int) -> None:
        self.clock = Clock()
        self.register = Register(self.clock)
        self.versions = dict.fromkeys(KEYS, 0)
        self.absent_at: dict[str, list[tuple[float, float]]] = {key: [(self.clock.now, float("inf"))] for key in KEYS}
        self.forgetful = most_floors < len(KEYS)
        statistics = Statistics()
        dice = random.Random(7)
        layer = RedisLayer(redis, f"world-{next(_numbers)}", FAR, statistics, self.clock, dice.random)
        self.redis = Switch(layer)
        self.workers = [self._worker(most_floors, dice) for _ in range(2)]

    def _worker(self, most_floors: int, dice: random.Random) -> Worker:
        floors = Floors(most_floors)
        memory = LruLayer(ENTRIES, OCTETS, NEAR, floors, self.clock, dice.random)
        far = GuardedLayer(self.redis, Breaker("redis", self.clock), Statistics())
        return Worker(Lookup(self.register, [far], memory, floors, start=lambda work: work()), memory, floors)

    def act(self, action: tuple[Any, ...]) -> None:
        self.clock.now += 0.001
        name, *arguments = action
        getattr(self, name)(*arguments)
        for worker in self.workers:
            assert len(worker.memory) <= ENTRIES
            assert worker.memory.octets <= OCTETS

    def passes(self, seconds: int) -> None:
        self.clock.now += seconds

    def write(self, key: str, there: bool, tells: tuple[int, ...]) -> None:
        """A new version of a document, or its end; `tells` are the workers who hear of it."""
        self.clock.now += 0.001
        self.versions[key] += 1
        version = self.versions[key]
        if there:
            self.register.records[key] = envelope.attribute("device.version", str(version)) + FOUND
        else:
            self.register.records.pop(key, None)
        spans = self.absent_at[key]
        if spans and spans[-1][1] == float("inf"):
            spans[-1] = (spans[-1][0], self.clock.now)
        if not there:
            spans.append((self.clock.now, float("inf")))
        for index in tells:
            worker = self.workers[index]
            worker.lookup.change(Change({key: self.clock.micros}))
            worker.told[key] = version
        self.clock.now += 0.001

    def look(self, index: int, keys: list[str]) -> None:
        worker = self.workers[index]
        told = dict(worker.told)
        for key, record in worker.lookup.records(keys).items():
            self._check(key, record, told)

    def look_while(self, index: int, keys: list[str], writes: list[tuple[str, bool, tuple[int, ...]]]) -> None:
        """A lookup during whose fetch documents change."""

        def meanwhile() -> None:
            self.register.meanwhile = lambda: None
            for write in writes:
                self.write(*write)

        self.register.meanwhile = meanwhile
        self.look(index, keys)
        self.register.meanwhile = lambda: None

    def switch_redis(self, away: bool) -> None:
        self.redis.away = away

    def switch_register(self, away: bool) -> None:
        self.register.away = away

    def _check(self, key: str, record: bytes, told: dict[str, int]) -> None:
        if record == ABSENT:
            kept = 2 * 1.1 * ABSENT_SECONDS  # in Redis, and just before its end in the memory
            assert any(end >= self.clock.now - kept - 1 for _, end in self.absent_at[key])
            return
        facts = attributes(record)
        if facts["enrichment.status"] == "stale" and self.forgetful:
            return  # marked; which keys had changed is forgotten
        assert int(facts["device.version"]) >= told.get(key, 0)


TELLS = st.sampled_from([(), (0,), (1,), (0, 1), (1, 0)])
WRITE = st.tuples(st.sampled_from(KEYS), st.booleans(), TELLS)
SOME = st.lists(st.sampled_from(KEYS), min_size=1, unique=True)
ACTIONS = st.one_of(
    st.tuples(st.just("look"), st.integers(0, 1), SOME),
    st.tuples(st.just("look"), st.integers(0, 1), SOME),
    st.tuples(st.just("look_while"), st.integers(0, 1), SOME, st.lists(WRITE, min_size=1, max_size=3)),
    st.tuples(st.just("look_while"), st.integers(0, 1), SOME, st.lists(WRITE, min_size=1, max_size=3)),
    WRITE.map(lambda write: ("write", *write)),
    st.tuples(st.just("passes"), st.sampled_from([1, 28, 290, 320, 8_000])),
    st.tuples(st.just("switch_redis"), st.booleans()),
    st.tuples(st.just("switch_register"), st.booleans()),
)


@pytest.fixture
def redis(redis_port: int) -> Iterator[Redis]:
    client = redis_client(f"redis://127.0.0.1:{redis_port}")
    client.connection_pool.connection_kwargs["socket_timeout"] = 10  # the machine may be busy, and time is our own
    yield client
    client.close()


@pytest.mark.parametrize("most_floors", [2, 100])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=150)
@given(actions=st.lists(ACTIONS, min_size=5, max_size=40))
def test_nothing_older_than_a_change_is_served_once_it_was_told(
    redis: Redis, most_floors: int, actions: list[tuple[Any, ...]]
) -> None:
    world = World(redis, most_floors)
    for action in actions:
        world.act(action)


@pytest.mark.parametrize(
    ("chain", "asked"),
    [
        ({}, {"process", "firestore"}),
        ({"redis_url": "redis://127.0.0.1:1"}, {"process", "redis", "firestore"}),
        ({"redis_url": "redis://127.0.0.1:1", "layers": ("redis",)}, {"redis", "firestore"}),
        ({"layers": ()}, {"firestore"}),
        ({"source": "bigquery", "collection": None, "source_table": "test-project.x.y"}, {"process", "bigquery"}),
        ({"source": "file", "collection": None, "source_file": "/nowhere/devices.yaml"}, {"process", "file"}),
    ],
)
def test_the_chain_is_the_configured_one(chain: dict[str, Any], asked: set[str], cloud: LocalCloud) -> None:
    lookup = open_lookup(config(**chain), seed=7)
    lookup.records(["device"])
    assert {name for name, _ in lookup.statistics.taken().counts} == asked
