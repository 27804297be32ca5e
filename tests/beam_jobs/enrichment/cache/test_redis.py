"""The shared layer reads what it wrote and nothing else, keeps what was read later, and gives up in time."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from beam_jobs.enrichment.cache.layers import ABSENT, Answer, Change, Entry, LayerUnavailable, Lifetimes
from beam_jobs.enrichment.cache.redis import RedisLayer, redis_client
from beam_jobs.enrichment.cache.statistics import Statistics
from localcloud.cache import valkey
from localcloud.ports import free_port
from tests.beam_jobs.enrichment.parts import Clock

TIMES = Lifetimes(seconds=100, absent_seconds=10, stale_seconds=50)
AT = 1_800_000_000_000_000


def layer(client: Redis, clock: Clock | None = None, statistics: Statistics | None = None, prefix: str = "ns") -> Any:
    return RedisLayer(client, prefix, TIMES, statistics or Statistics(), clock or Clock(), lambda: 0.5)


@pytest.fixture
def redis(redis_port: int) -> Iterator[Redis]:
    client = redis_client(f"redis://127.0.0.1:{redis_port}")
    yield client
    client.close()


def test_what_is_put_is_there_for_its_time_then_stale_then_gone(redis: Redis) -> None:
    clock = Clock()
    made = layer(redis, clock)
    entries = {"a": Entry(b"A", AT), "b": Entry(ABSENT, AT + 1)}
    assert made.put(entries) == 0
    assert made.get(["a", "b", "c"]) == Answer(entries)
    assert 140 < redis.ttl("ns:a") <= 150
    assert 0 < redis.ttl("ns:b") <= 10
    clock.now += 101
    assert made.get(["a", "b"]) == Answer(stale={"a": Entry(b"A", AT)})


def test_garbage_is_a_miss_that_is_counted_and_written_over(redis: Redis) -> None:
    statistics = Statistics()
    made = layer(redis, statistics=statistics)
    garbage = [
        b"",
        b"\xff\x00",
        b"1:old",
        b"2:",
        b"2:" + b"9" * 31,
        b"2:" + b"x" * 40,
        b"2:-000000000000001" + b"0" * 20,
    ]
    keys = [str(number) for number in range(len(garbage))]
    for key, value in zip(keys, garbage, strict=True):
        redis.set(f"ns:{key}", value)
    redis.lpush("ns:list", "x")
    assert made.get([*keys, "list"]) == Answer()
    assert statistics.taken().counts["redis", "garbage"] == len(garbage)
    entries = {key: Entry(b"A", AT) for key in (*keys, "list")}
    assert made.put(entries) == 0
    assert made.get([*keys, "list"]) == Answer(entries)


def test_what_was_read_earlier_does_not_replace_what_was_read_later(redis: Redis) -> None:
    made = layer(redis)
    made.put({"a": Entry(b"new", AT + 1)})
    assert made.put({"a": Entry(b"old", AT), "b": Entry(b"B", AT)}) == 1
    assert made.get(["a", "b"]).entries == {"a": Entry(b"new", AT + 1), "b": Entry(b"B", AT)}


def test_a_change_removes_what_is_older_and_keeps_it_out(redis: Redis) -> None:
    made = layer(redis)
    made.put({"a": Entry(b"old", AT), "b": Entry(b"B", AT + 9)})
    made.change(Change({"a": AT + 1, "b": AT + 1}))
    assert made.get(["a", "b"]) == Answer({"b": Entry(b"B", AT + 9)})
    assert made.put({"a": Entry(b"late", AT)}) == 1
    assert made.put({"a": Entry(b"new", AT + 1)}) == 0
    assert made.get(["a"]).entries == {"a": Entry(b"new", AT + 1)}
    assert redis.ttl("ns:a") > 0


def test_more_entries_than_one_call_takes_are_written_in_several(redis: Redis) -> None:
    made = layer(redis)
    entries = {str(number): Entry(b"A", AT) for number in range(2_500)}
    made.put(entries)
    assert made.get(entries) == Answer(entries)


def test_namespaces_do_not_see_each_other(redis: Redis) -> None:
    layer(redis, prefix="one").put({"a": Entry(b"A", AT)})
    assert layer(redis, prefix="two").get(["a"]) == Answer()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(writes=st.lists(st.tuples(st.booleans(), st.integers(1, 5)), min_size=1, max_size=12))
def test_the_latest_of_entries_and_changes_wins_in_any_order(redis: Redis, writes: list[tuple[bool, int]]) -> None:
    redis.flushdb()
    made = layer(redis)
    expected: Entry | None = None
    floor = 0
    for is_change, at in writes:
        if is_change:
            made.change(Change({"a": AT + at}))
            if at >= floor:
                floor, expected = at, None
        else:
            entry = Entry(b"%d" % at, AT + at)
            refused = made.put({"a": entry})
            assert refused == (at < floor)
            if at >= floor:
                floor, expected = at, entry
    assert made.get(["a"]).entries == ({} if expected is None else {"a": expected})


def test_a_redis_that_is_gone_is_unavailable() -> None:
    made = layer(redis_client(f"redis://127.0.0.1:{free_port()}"))
    for call in (
        lambda: made.get(["a"]),
        lambda: made.put({"a": Entry(b"A", AT)}),
        lambda: made.change(Change({"a": 1})),
    ):
        with pytest.raises(LayerUnavailable):
            call()


def test_a_redis_that_is_stopped_is_unavailable_within_the_timeout(running: Any, tmp_path: Path) -> None:
    port = free_port()
    with running(valkey(port, tmp_path)) as child:
        made = layer(redis_client(f"redis://127.0.0.1:{port}"))
        made.put({"a": Entry(b"A", AT)})
        os.kill(child.pid, signal.SIGSTOP)
        try:
            started = time.perf_counter()
            with pytest.raises(LayerUnavailable):
                made.get(["a"])
            assert time.perf_counter() - started < 1.0  # 0.05 and what a busy machine adds
        finally:
            os.kill(child.pid, signal.SIGCONT)
