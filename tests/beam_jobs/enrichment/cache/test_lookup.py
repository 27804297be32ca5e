"""The chain asks the near before the far, tells the near what the far knew, and survives each of them."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from beam_jobs.enrichment.cache.floors import Floors
from beam_jobs.enrichment.cache.layers import ABSENT, STALE, Change, Entry, Lifetimes
from beam_jobs.enrichment.cache.lookup import Lookup
from beam_jobs.enrichment.cache.lru import LruLayer
from tests.beam_jobs.enrichment.parts import Clock, Register, Shared, attributes, record

TIMES = Lifetimes(seconds=100, absent_seconds=10, revalidate_seconds=20, stale_seconds=50)
A, B, C = record("a"), record("b"), record("c")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def register(clock: Clock) -> Register:
    return Register(clock, {"a": A})


class Bench:
    """A process layer before a shared one before a register, refreshes run when told."""

    def __init__(self, clock: Clock, register: Register) -> None:
        self.shared = Shared()
        self.work: list[Callable[[], None]] = []
        floors = Floors()
        self.memory = LruLayer(100, 1_000_000, TIMES, floors, clock, lambda: 0.5)
        self.lookup = Lookup(register, [self.shared], self.memory, floors, start=self.work.append)

    def counted(self) -> dict[str, int]:
        return {
            f"{name}_{outcome}": number for (name, outcome), number in self.lookup.statistics.taken().counts.items()
        }


@pytest.fixture
def bench(clock: Clock, register: Register) -> Bench:
    return Bench(clock, register)


def test_far_layers_are_asked_for_what_near_ones_lack_and_near_ones_told(
    bench: Bench, register: Register, clock: Clock
) -> None:
    bench.memory.put({"c": Entry(C, clock.micros)})
    bench.shared.entries = {"b": Entry(B, clock.micros)}
    found = {"a": A, "b": B, "c": C, "d": ABSENT}
    assert bench.lookup.records(["a", "b", "c", "d"]) == found
    assert bench.shared.asked[0] == {"a", "b", "d"}
    assert register.asked == [{"a", "d"}]
    assert bench.shared.entries.keys() == {"a", "b", "d"}
    assert bench.counted() == {
        "process_hit": 1,
        "process_miss": 3,
        "shared_hit": 1,
        "shared_miss": 2,
        "register_found": 1,
        "register_absent": 1,
    }
    assert bench.lookup.records(["a", "b", "c", "d"]) == found
    assert bench.counted() == {"process_hit": 4}


@pytest.mark.parametrize("layers", [0, 1, 2])
def test_any_chain_gives_the_same_records(layers: int, register: Register, clock: Clock) -> None:
    lookup = Lookup(register, [Shared() for _ in range(layers)])
    for _ in range(2):
        assert lookup.records(["a", "d"]) == {"a": A, "d": ABSENT}
    assert len(register.asked) == (1 if layers else 2)


def test_a_layer_that_is_away_is_passed_over_and_not_written_to(bench: Bench) -> None:
    bench.shared.away = True
    assert bench.lookup.records(["a"]) == {"a": A}
    assert bench.shared.asked == [{"a"}]


def test_what_could_not_be_looked_up_is_missing_and_not_remembered(
    bench: Bench, register: Register, clock: Clock
) -> None:
    register.away = True
    assert bench.lookup.records(["a"]) == {}
    register.away = False
    assert bench.lookup.records(["a"]) == {"a": A}


def test_an_ageing_record_is_served_at_once_and_read_anew_behind(
    bench: Bench, register: Register, clock: Clock
) -> None:
    bench.lookup.records(["a"])
    bench.shared.entries.clear()
    register.records["a"] = B
    clock.now += 101
    assert bench.lookup.records(["a"]) == {"a": A}
    assert bench.lookup.records(["a"]) == {"a": A}
    assert (len(bench.work), len(register.asked)) == (1, 1)
    bench.work.pop()()
    assert bench.lookup.records(["a"]) == {"a": B}
    assert len(register.asked) == 2


def test_a_stale_record_is_read_anew_first_and_served_marked_where_that_fails(
    bench: Bench, register: Register, clock: Clock
) -> None:
    bench.lookup.records(["a"])
    bench.shared.entries.clear()
    clock.now += 130
    register.away = True
    found = bench.lookup.records(["a"])
    assert found == {"a": A + STALE}
    assert attributes(found["a"]) == {"device.location": "a", "enrichment.status": "stale"}
    assert bench.counted()["process_stale"] == 1
    register.away = False
    assert bench.lookup.records(["a"]) == {"a": A}


def test_after_its_limit_a_stale_record_is_served_no_more(bench: Bench, register: Register, clock: Clock) -> None:
    bench.lookup.records(["a"])
    bench.shared.entries.clear()
    clock.now += 150
    register.away = True
    assert bench.lookup.records(["a"]) == {}


def test_a_device_that_was_absent_is_never_served_as_stale(bench: Bench, register: Register, clock: Clock) -> None:
    bench.lookup.records(["d"])
    bench.shared.entries.clear()
    clock.now += 11
    register.away = True
    assert bench.lookup.records(["d"]) == {}


def test_who_joins_a_refresh_that_fails_gets_the_old_record(bench: Bench, register: Register, clock: Clock) -> None:
    bench.lookup.records(["a"])
    bench.shared.entries.clear()
    clock.now += 101
    bench.lookup.records(["a"])
    register.away = True
    bench.work.pop()()
    clock.now += 20
    assert bench.lookup.records(["a"]) == {"a": A + STALE}


def test_a_change_is_seen_by_the_next_lookup(bench: Bench, register: Register, clock: Clock) -> None:
    bench.lookup.records(["a", "d"])
    clock.now += 1
    register.records |= {"a": B, "d": C}
    bench.lookup.change(Change({"a": clock.micros, "d": clock.micros}))
    assert bench.lookup.records(["a", "d"]) == {"a": B, "d": C}


def test_an_answer_on_its_way_during_a_change_is_kept_nowhere(bench: Bench, register: Register, clock: Clock) -> None:
    def changed() -> None:
        register.meanwhile = lambda: None
        clock.now += 1
        register.records["a"] = B
        bench.lookup.change(Change({"a": clock.micros}))

    register.meanwhile = changed
    assert bench.lookup.records(["a"]) == {"a": A}
    assert bench.counted()["process_late"] == 1
    bench.shared.entries.clear()  # this one takes everything; Redis does not
    assert bench.lookup.records(["a"]) == {"a": B}


def test_who_asks_after_a_change_does_not_wait_for_an_answer_from_before(
    bench: Bench, register: Register, clock: Clock, eventually: Any
) -> None:
    go = threading.Event()
    register.meanwhile = lambda: go.wait(30)
    before = threading.Thread(target=lambda: bench.lookup.records(["a"]))
    before.start()
    eventually(lambda: register.asked)
    register.meanwhile = lambda: None
    clock.now += 1
    register.records["a"] = B
    bench.lookup.change(Change({"a": clock.micros}))
    try:
        assert bench.lookup.records(["a"]) == {"a": B}
    finally:
        go.set()
        before.join()


def test_what_a_layer_still_has_after_a_change_it_did_not_hear_of_is_not_served(
    bench: Bench, register: Register, clock: Clock
) -> None:
    bench.lookup.records(["a"])
    bench.shared.away = True
    clock.now += 1
    register.records["a"] = B
    bench.lookup.change(Change({"a": clock.micros}))
    bench.shared.away = False
    assert bench.lookup.records(["a"]) == {"a": B}
    assert bench.counted()["shared_change_unheard"] == 1


def test_a_change_with_the_register_away_leaves_nothing_to_serve(
    bench: Bench, register: Register, clock: Clock
) -> None:
    bench.lookup.records(["a"])
    clock.now += 1
    bench.lookup.change(Change({"a": clock.micros}))
    register.away = True
    assert bench.lookup.records(["a"]) == {}


def test_where_changes_may_have_been_missed_everything_is_read_anew_or_served_marked(
    bench: Bench, register: Register, clock: Clock
) -> None:
    bench.lookup.records(["a"])
    clock.now += 1
    bench.lookup.change(Change(unheard=clock.micros))
    register.away = True
    assert bench.lookup.records(["a"]) == {"a": A + STALE}
    register.away, register.records["a"] = False, B
    assert bench.lookup.records(["a"]) == {"a": B}


def test_without_memory_lookups_go_to_the_layers(register: Register, clock: Clock) -> None:
    shared = Shared({"b": Entry(B, clock.micros)})
    assert Lookup(register, [shared]).records(["a", "b"]) == {"a": A, "b": B}
    assert shared.entries.keys() == {"a", "b"}


def test_a_thread_that_lost_the_race_finds_what_the_winner_brought(
    bench: Bench, register: Register, clock: Clock, monkeypatch: Any
) -> None:
    """Between its look into the memory and its claim the fetch of another may have ended."""
    real = bench.memory.get
    looks: list[Any] = []

    def get(keys: Any) -> Any:
        answer = real(keys)
        looks.append(keys)
        if len(looks) == 1:
            bench.memory.put({"a": Entry(A, clock.micros)})
        return answer

    monkeypatch.setattr(bench.memory, "get", get)
    assert bench.lookup.records(["a"]) == {"a": A}
    assert register.asked == []
