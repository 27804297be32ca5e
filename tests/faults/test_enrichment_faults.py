"""What becomes of the enrichment job's messages when Redis or Firestore misbehave, and when messages do.

Each test is named after its row of the fault table.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from beam_jobs.embedded import Graph
from beam_jobs.enrichment.cache.breaker import Breaker
from beam_jobs.enrichment.cache.chain import open_lookup
from beam_jobs.enrichment.cache.firestore import FirestoreSource
from beam_jobs.enrichment.cache.floors import Floors
from beam_jobs.enrichment.cache.guarded import GuardedSource
from beam_jobs.enrichment.cache.layers import ABSENT, Lifetimes
from beam_jobs.enrichment.cache.lookup import Lookup
from beam_jobs.enrichment.cache.lru import LruLayer
from beam_jobs.enrichment.cache.records import Records
from beam_jobs.enrichment.cache.statistics import Statistics
from beam_jobs.enrichment.config import EnrichmentConfig
from beam_jobs.enrichment.pipeline import build
from beam_jobs.enrichment.transforms import Enricher
from beam_jobs.errors import RetryLater
from bridge import envelope
from localcloud.cache import valkey
from localcloud.chaos import Chaos
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from localcloud.ports import free_port
from tests.beam_jobs.conftest import message, topics  # noqa: F401 - fixtures
from tests.beam_jobs.enrichment.parts import Clock, attributes

READ = "firestore.BatchGetDocuments"
DEVICES = 200


def config(**given: Any) -> EnrichmentConfig:
    edges = {"subscription": "projects/p/subscriptions/s", "dead_letter_topic": "projects/p/topics/d"}
    own = {"topic": "projects/p/topics/t", "collection": "fleet", "fields": {"location": "location"}}
    return EnrichmentConfig(**(edges | own | given))


def batch(numbers: Sequence[int], payload: bytes = b"{}") -> list[bytes]:
    facts = {"ce-specversion": "1.0", "ce-time": "2026-01-02T03:04:05Z"}
    return [
        envelope.data(payload) + envelope.attributes(facts | {"ce-id": str(one), "ce-subject": f"device-{one}"})
        for one in numbers
    ]


def statuses(stage: Enricher, numbers: Sequence[int]) -> set[str]:
    result = stage(batch(numbers))
    assert len(result.messages) == len(numbers)
    return {attributes(raw)["enrichment.status"] for raw in result.messages}


def names(numbers: Sequence[int]) -> list[str]:
    return [f"device-{number}" for number in numbers]


def found(lookup: Lookup, numbers: Sequence[int]) -> set[str]:
    """The statuses of these devices."""
    records = lookup.records(names(numbers))
    assert len(records) == len(numbers)
    return {attributes(one)["enrichment.status"] for one in records.values()}


@pytest.fixture
def register(cloud: LocalCloud) -> Iterator[firestore.Client]:
    """Knows device-0 to device-199."""
    client = firestore.Client(project="test-project", credentials=AnonymousCredentials())
    writes = client.batch()
    for number in range(DEVICES):
        writes.set(client.collection("fleet").document(f"device-{number}"), {"location": "hall"})
    writes.commit()
    yield client
    client.close()


@pytest.fixture
def redis(running: Any, tmp_path: Path) -> Iterator[tuple[Any, int]]:
    port = free_port()
    with running(valkey(port, tmp_path)) as child:
        yield child, port


def garbage(port: int) -> None:
    """Whatever was there, and whatever comes there first, is rubbish."""
    client = Redis(port=port)
    for name in client.keys("*"):
        client.set(name, os.urandom(40))
    client.close()


@pytest.mark.parametrize("trouble", ["refused", "blackholed", "slow", "cut"])
def test_b1_with_redis_in_trouble_messages_are_enriched_from_firestore_and_soon_without_waiting(
    trouble: str, redis: tuple[Any, int], register: firestore.Client
) -> None:
    with Chaos(redis[1]) as chaos:
        lookup = open_lookup(config(redis_url=f"redis://127.0.0.1:{chaos.port}"))
        assert found(lookup, [0]) == {"ok"}
        if trouble in ("refused", "cut"):
            chaos.refuse()
            chaos.reset() if trouble == "refused" else chaos.strand()
        else:
            chaos.blackhole() if trouble == "blackholed" else chaos.slow(5.0)
        _falls_through(lookup)
        connections = chaos.accepted
        assert found(lookup, range(100, 120)) == {"ok"}
        assert chaos.accepted == connections  # the breaker is open: nobody asks


@pytest.mark.parametrize("kill", [signal.SIGSTOP, signal.SIGKILL])
def test_b1_with_redis_stopped_or_killed_messages_are_enriched_from_firestore(
    kill: signal.Signals, redis: tuple[Any, int], register: firestore.Client
) -> None:
    child, port = redis
    stage = Enricher(open_lookup(config(redis_url=f"redis://127.0.0.1:{port}")), config())
    assert statuses(stage, [0]) == {"ok"}
    pid = child.pid
    os.kill(pid, kill)
    try:
        for number in range(1, 30):
            assert statuses(stage, [number]) == {"ok"}
    finally:
        if kill is signal.SIGSTOP:
            os.kill(pid, signal.SIGCONT)


def _falls_through(lookup: Lookup) -> None:
    """Every batch is answered; at most five wait for Redis, none of them for longer than its timeout."""
    for number in range(1, 60):
        started = time.perf_counter()
        assert found(lookup, [number]) == {"ok"}
        assert time.perf_counter() - started < 1.0  # 0.05 for Redis, Firestore's answer, and a busy machine
    assert 1 <= lookup.statistics.taken().counts["redis", "error"] <= 5 + 1  # a probe, should this take ten seconds


def test_b1_garbage_in_redis_is_a_miss_and_written_over(redis: tuple[Any, int], register: firestore.Client) -> None:
    settings_ = config(redis_url=f"redis://127.0.0.1:{redis[1]}")
    open_lookup(settings_).records(names(range(50)))
    garbage(redis[1])
    second = open_lookup(settings_)
    assert found(second, range(50)) == {"ok"}
    counts = second.statistics.taken().counts
    assert (counts["redis", "garbage"], counts["redis", "hit"], counts["firestore", "found"]) == (50, 0, 50)
    third = open_lookup(settings_)
    assert found(third, range(50)) == {"ok"}
    assert third.statistics.taken().counts["redis", "hit"] == 50


def bench(register: firestore.Client, clock: Clock, statistics: Statistics | None = None) -> Lookup:
    """Process layer and Firestore, with a clock of our own."""
    statistics, floors = statistics or Statistics(), Floors()
    lifetimes = Lifetimes(seconds=300, absent_seconds=30, revalidate_seconds=0, stale_seconds=3_600)
    memory = LruLayer(100_000, 64_000_000, lifetimes, floors, clock, lambda: 0.0)
    source = FirestoreSource(register, "fleet", Records({"location": "location"}, statistics))
    guarded = GuardedSource(source, Breaker("firestore", clock), statistics)
    return Lookup(guarded, (), memory, floors, statistics)


@pytest.mark.parametrize("fault", [Fault(method=READ, code="UNAVAILABLE"), Fault(method=READ, action="hang")])
def test_b2_with_firestore_away_too_messages_are_stale_then_unavailable_and_nothing_is_lost(
    fault: Fault, register: firestore.Client, cloud: LocalCloud
) -> None:
    clock = Clock()
    stage = Enricher(bench(register, clock), config())
    assert statuses(stage, range(10)) == {"ok"}
    number = cloud.faults.add(fault)
    clock.now += 301
    assert statuses(stage, range(10)) == {"stale"}
    assert statuses(stage, [50]) == {"unavailable"}
    clock.now += 3_600
    assert statuses(stage, range(10)) == {"unavailable"}
    cloud.faults.remove(number)
    clock.now += 10
    assert statuses(stage, range(10)) == {"ok"}


def test_b2_once_the_breaker_is_open_a_batch_does_not_wait_for_firestore(
    register: firestore.Client, cloud: LocalCloud
) -> None:
    clock = Clock()
    stage = Enricher(bench(register, clock), config())
    cloud.faults.add(Fault(method=READ))
    for _ in range(20):
        assert statuses(stage, [1]) == {"unavailable"}
    assert _reads(cloud) == 5
    clock.now += 10
    for _ in range(20):
        assert statuses(stage, [1]) == {"unavailable"}
    assert _reads(cloud) == 6


def test_b2_held_messages_wait_for_firestore_and_then_go_on(register: firestore.Client, cloud: LocalCloud) -> None:
    clock = Clock()
    stage = Enricher(bench(register, clock), config(on_unavailable="hold"))
    number = cloud.faults.add(Fault(method=READ))
    with pytest.raises(RetryLater):
        stage(batch([1]))
    cloud.faults.remove(number)
    assert statuses(stage, [1]) == {"ok"}


def _reads(cloud: LocalCloud) -> int:
    """Reads that met a fault since the test began."""
    reads = sum(decision.method == READ for decision in cloud.faults.log)
    return reads - _reads_before[0]


_reads_before = [0]


@pytest.fixture(autouse=True)
def _count_from_here(cloud: LocalCloud) -> None:
    _reads_before[0] = sum(decision.method == READ for decision in cloud.faults.log)


def test_b3_a_thousand_threads_on_one_cold_key_make_one_read(register: firestore.Client, cloud: LocalCloud) -> None:
    cloud.faults.add(Fault(method=READ, action="delay", seconds=1.0))  # also what lets us count
    lookup = bench(register, Clock())
    together = threading.Barrier(1_000)
    answers: list[dict[str, bytes]] = []

    def look() -> None:
        together.wait()
        answers.append(lookup.records(["device-7"]))

    threads = [threading.Thread(target=look) for _ in range(1_000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _reads(cloud) == 1
    assert len(answers) == 1_000
    assert {attributes(answer["device-7"])["device.location"] for answer in answers} == {"hall"}


def test_b4_ten_thousand_lookups_of_an_absent_key_in_thirty_seconds_make_at_most_two_reads(
    register: firestore.Client, cloud: LocalCloud
) -> None:
    cloud.faults.add(Fault(method=READ, action="delay"))
    clock = Clock()
    lookup = bench(register, clock)
    for _ in range(10_000):
        assert lookup.records(["nobody"]) == {"nobody": ABSENT}
        clock.now += 0.003
    assert 1 <= _reads(cloud) <= 2


def test_b5_a_bundle_retried_after_its_effect_has_the_same_effect(
    register: firestore.Client,
    cloud: LocalCloud,
    topics: Any,  # noqa: F811
) -> None:
    enriched, dead = topics(), topics()
    settings_ = config(topic=enriched.name, dead_letter_topic=dead.name, project="test-project")
    graph = Graph("b5", lambda pipeline, edges: build(pipeline, settings_, edges))
    messages = batch(range(20))
    cloud.faults.add(Fault(method="pubsub.Publish", resource=enriched.name, when="after", calls=1))
    with pytest.raises(RetryLater):
        graph.run(messages)
    graph.run(messages)
    copies: dict[str, list[Any]] = {}
    for one in enriched.take():
        copies.setdefault(one.attributes["ce-id"], []).append((one.data, dict(one.attributes)))
    assert len(copies) == 20
    assert all(first == second for first, second in copies.values())
    assert dead.take() == []


CONTENTS = st.one_of(
    st.binary(max_size=200),
    st.sampled_from(
        [b"", b"\xff\xfe", b"[" * 5_000, b'{"id": NaN}', b'{"id": "device-1"}', b"x" * 1_000_000, b'{"id": 1e999}']
    ),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payloads=st.lists(CONTENTS, max_size=8), pointer=st.sampled_from([None, "/id"]), dead=st.booleans())
def test_b11_whatever_a_payload_holds_good_and_bad_are_what_came_in_with_a_reason_on_each_bad(
    register: firestore.Client, payloads: list[bytes], pointer: str | None, dead: bool
) -> None:
    policy = config(key_pointer=pointer, on_missing="dead_letter" if dead else "forward")
    stage = Enricher(bench(register, Clock()), policy)
    raw = [batch([number], payload)[0] for number, payload in enumerate(payloads)]
    result = stage(raw)
    out = [envelope.parse(one) for one in result.messages + result.dead_letters]
    assert sorted(int(one.attributes["ce-id"]) for one in out) == list(range(len(payloads)))
    assert all(one.data == payloads[int(one.attributes["ce-id"])] for one in out)
    assert all(envelope.parse(one).attributes["dead_letter.reason"] == "device_unknown" for one in result.dead_letters)
    assert dead or not result.dead_letters
