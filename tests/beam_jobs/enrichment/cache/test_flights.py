"""Of many callers who want a key, one fetches it, and the others get what that one got."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from beam_jobs.enrichment.cache.flights import Flights


class Fetch:
    """Waits until let go; records what it was asked for."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked: list[set[str]] = []
        self.go = threading.Event()
        self._error = error

    def __call__(self, keys: set[str]) -> dict[str, bytes]:
        self.asked.append(keys)
        self.go.wait(30)
        if self._error:
            raise self._error
        return {key: key.encode() for key in keys}


def beside(call: Callable[[], dict[str, bytes]]) -> tuple[threading.Thread, list[dict[str, bytes]]]:
    answers: list[dict[str, bytes]] = []
    thread = threading.Thread(target=lambda: answers.append(call()))
    thread.start()
    return thread, answers


def test_a_key_under_way_is_waited_for_and_others_are_fetched(eventually: Any) -> None:
    flights, first, second = Flights(patience=30), Fetch(), Fetch()
    one, ones = beside(lambda: flights.share("ab", first))
    eventually(lambda: first.asked)
    two, twos = beside(lambda: flights.share("bc", second))
    eventually(lambda: second.asked)
    second.go.set()
    first.go.set()
    one.join()
    two.join()
    assert (first.asked, second.asked) == ([{"a", "b"}], [{"c"}])
    assert (ones, twos) == ([{"a": b"a", "b": b"b"}], [{"b": b"b", "c": b"c"}])


def test_a_key_is_fetched_again_once_its_fetch_is_over() -> None:
    flights, fetch = Flights(patience=30), Fetch()
    fetch.go.set()
    flights.share("a", fetch)
    flights.share("a", fetch)
    assert fetch.asked == [{"a"}, {"a"}]


def test_an_error_is_its_own_callers_and_others_lack_the_key(eventually: Any) -> None:
    flights, fetch = Flights(patience=30), Fetch(ZeroDivisionError())
    failed = threading.Event()

    def first() -> dict[str, bytes]:
        with pytest.raises(ZeroDivisionError):
            flights.share("a", fetch)
        failed.set()
        return {}

    one, _ = beside(first)
    eventually(lambda: fetch.asked)
    two, twos = beside(lambda: flights.share("a", Fetch()))
    fetch.go.set()
    one.join()
    two.join()
    assert failed.is_set()
    assert twos == [{}]


def test_patience_with_another_is_bounded(eventually: Any) -> None:
    flights, fetch = Flights(patience=0.05), Fetch()
    one, ones = beside(lambda: flights.share("a", fetch))
    eventually(lambda: fetch.asked)
    assert flights.share("a", fetch) == {}
    fetch.go.set()
    one.join()
    assert ones == [{"a": b"a"}]


def test_after_a_change_nobody_joins_a_fetch_from_before(eventually: Any) -> None:
    flights, old, new = Flights(patience=30), Fetch(), Fetch()
    one, _ = beside(lambda: flights.share("a", old))
    eventually(lambda: old.asked)
    flights.leave_behind("a")
    new.go.set()
    flights.share("a", new)
    assert new.asked == [{"a"}]
    old.go.set()
    one.join()


def test_two_that_wait_for_each_other_both_come_home(eventually: Any) -> None:
    flights, first, second = Flights(patience=30), Fetch(), Fetch()
    one, ones = beside(lambda: flights.share("a", lambda keys: first(keys) | flights.share("b", first)))
    eventually(lambda: first.asked)
    two, twos = beside(lambda: flights.share("ba", second))
    eventually(lambda: second.asked)
    second.go.set()
    first.go.set()
    one.join()
    two.join()
    assert twos == [{"a": b"a", "b": b"b"}]
    assert ones == [{"a": b"a", "b": b"b"}]
