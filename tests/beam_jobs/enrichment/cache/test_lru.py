"""The process layer keeps what was used last, within its bounds, and knows for what an old entry is still good."""

import random
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from beam_jobs.enrichment.cache.floors import Floors
from beam_jobs.enrichment.cache.layers import ABSENT, Change, Entry, Lifetimes
from beam_jobs.enrichment.cache.lru import OVERHEAD_BYTES, LruLayer
from tests.beam_jobs.enrichment.parts import Clock

TIMES = Lifetimes(seconds=100, absent_seconds=10, revalidate_seconds=20, stale_seconds=50)


def layer(
    clock: Clock, entries: int = 10, octets: int = 1_000_000, floors: Floors | None = None, spread: float = 0.5
) -> LruLayer:
    return LruLayer(entries, octets, TIMES, floors if floors is not None else Floors(), clock, lambda: spread)


def test_an_entry_is_fresh_then_ageing_then_stale_then_gone() -> None:
    clock = Clock()
    made, entry = layer(clock), Entry(b"A", 1)
    made.put({"a": entry})
    clock.now += 99
    assert (made.get(["a"]).entries, made.get(["a"]).ageing) == ({"a": entry}, set())
    clock.now += 1
    assert (made.get(["a"]).entries, made.get(["a"]).ageing) == ({"a": entry}, {"a"})
    clock.now += 20
    assert (made.get(["a"]).entries, made.get(["a"]).stale) == ({}, {"a": entry})
    clock.now += 30
    assert made.get(["a"]).stale == {}
    assert (len(made), made.octets) == (0, 0)


def test_an_absent_entry_has_its_own_time_and_nothing_after() -> None:
    clock = Clock()
    made = layer(clock)
    made.put({"a": Entry(ABSENT, 1)})
    clock.now += 9
    assert made.get(["a"]).entries.keys() == {"a"}
    clock.now += 1
    answer = made.get(["a"])
    assert (answer.entries, answer.stale) == ({}, {})


def test_lifetimes_are_spread_by_ten_percent() -> None:
    for spread, seconds in ((0.0, 90), (1.0, 110)):
        clock = Clock()
        made = layer(clock, spread=spread)
        made.put({"a": Entry(b"A", 1)})
        clock.now += seconds - 0.1
        assert not made.get(["a"]).ageing
        clock.now += 0.2
        assert made.get(["a"]).ageing


def test_what_was_used_last_is_kept() -> None:
    made = layer(Clock(), entries=100)
    dice = random.Random(7)
    model: list[str] = []
    for _ in range(5_000):
        key = str(dice.randrange(300))
        if dice.random() < 0.5:
            made.put({key: Entry(b"x", 1)})
        if made.get([key]).entries:
            model = [*[one for one in model if one != key], key][-100:]
    assert made.get(model).entries.keys() == set(model)
    assert len(made) == 100


@given(puts=st.lists(st.tuples(st.text(max_size=20), st.binary(max_size=3_000)), max_size=50))
def test_neither_bound_is_ever_exceeded(puts: list[tuple[str, bytes]]) -> None:
    made = layer(Clock(), entries=7, octets=9_000)
    for key, record in puts:
        made.put({key: Entry(record, 1)})
        assert len(made) <= 7
        assert made.octets <= 9_000
    kept = made.get([key for key, _ in puts]).entries
    assert made.octets == sum(len(key.encode()) + len(one.record) + OVERHEAD_BYTES for key, one in kept.items())


def test_the_bytes_counted_are_no_fewer_than_the_bytes_taken() -> None:
    made = layer(Clock(), entries=10_000, octets=100_000_000)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(5_000):
            made.put({f"device-{number}": Entry(b"r%0200d" % number, 1_800_000_000_000_000 + number)})
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert taken <= made.octets


def test_a_change_drops_what_was_read_before_and_refuses_it_from_then_on() -> None:
    floors = Floors()
    made = layer(Clock(), floors=floors)
    made.put({"a": Entry(b"old", 100), "b": Entry(b"B", 100)})
    made.change(floors.raise_to(Change({"a": 101, "b": 100})))
    assert made.get(["a", "b"]).entries.keys() == {"b"}
    assert made.put({"a": Entry(b"late", 100)}) == 1
    assert made.put({"a": Entry(b"new", 101)}) == 0
    assert made.get(["a"]).entries == {"a": Entry(b"new", 101)}


def test_what_was_read_earlier_does_not_replace_what_was_read_later() -> None:
    made = layer(Clock())
    made.put({"a": Entry(b"new", 101)})
    assert made.put({"a": Entry(b"old", 100)}) == 1
    assert made.get(["a"]).entries == {"a": Entry(b"new", 101)}


def test_changes_that_may_have_been_missed_make_stale_what_was_read_before() -> None:
    floors = Floors()
    made = layer(Clock(), floors=floors)
    made.put({"a": Entry(b"A", 100), "b": Entry(b"B", 200)})
    made.change(floors.raise_to(Change(unheard=150)))
    answer = made.get(["a", "b"])
    assert (answer.entries.keys(), answer.stale.keys()) == ({"b"}, {"a"})
