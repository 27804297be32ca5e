"""Floors remember changes in bounded memory and forget to the safe side."""

from hypothesis import given
from hypothesis import strategies as st

from beam_jobs.enrichment.cache.floors import Floors
from beam_jobs.enrichment.cache.layers import Change, Entry


def test_a_floor_only_rises() -> None:
    floors = Floors()
    floors.raise_to(Change({"a": 10}))
    floors.raise_to(Change({"a": 5}))
    assert floors.superseded("a", Entry(b"", 9))
    assert not floors.superseded("a", Entry(b"", 10))
    assert not floors.outdated("b", Entry(b"", 0))


def test_what_is_forgotten_becomes_the_floor_of_all() -> None:
    floors = Floors(most=1)
    assert floors.raise_to(Change({"a": 10})).unheard == 0
    assert floors.raise_to(Change({"b": 20})).unheard == 10
    assert floors.outdated("a", Entry(b"", 9))
    assert floors.outdated("never heard of", Entry(b"", 9))
    assert not floors.superseded("never heard of", Entry(b"", 9))


@given(changes=st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 100)), max_size=30))
def test_nothing_out_of_date_passes_however_much_was_forgotten(changes: list[tuple[str, int]]) -> None:
    floors = Floors(most=2)
    latest: dict[str, int] = {}
    for key, at in changes:
        floors.raise_to(Change({key: at}))
        latest[key] = max(at, latest.get(key, 0))
        assert floors.size <= 2
    assert all(floors.outdated(key, Entry(b"", at - 1)) for key, at in latest.items())
