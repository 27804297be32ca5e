"""A breaker opens after failures in a row, lets one probe through in time, and closes on its success."""

import threading

import pytest

from beam_jobs.enrichment.cache.breaker import Breaker
from beam_jobs.enrichment.cache.layers import LayerUnavailable
from tests.beam_jobs.enrichment.parts import Clock


def fail(breaker: Breaker) -> None:
    with pytest.raises(LayerUnavailable, match="away"), breaker.attempt():
        raise LayerUnavailable("away")


def refused(breaker: Breaker) -> bool:
    try:
        with breaker.attempt():
            return False
    except LayerUnavailable:
        return True


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(clock: Clock) -> Breaker:
    breaker = Breaker("x", clock, failures=5, seconds=10)
    for _ in range(5):
        fail(breaker)
    return breaker


def test_a_success_in_between_keeps_it_closed(clock: Clock) -> None:
    breaker = Breaker("x", clock, failures=2)
    for _ in range(5):
        fail(breaker)
        assert not refused(breaker)
    assert not breaker.open


def test_open_it_refuses_at_once_until_its_time_is_over(opened: Breaker, clock: Clock) -> None:
    assert refused(opened)
    clock.now += 9.9
    assert refused(opened)
    clock.now += 0.1
    assert not refused(opened)
    assert not opened.open


def test_one_probe_goes_through_while_others_are_refused(opened: Breaker, clock: Clock) -> None:
    clock.now += 10
    with opened.attempt():
        assert refused(opened)
    assert not refused(opened)


def test_a_probe_that_fails_opens_it_for_as_long_again(opened: Breaker, clock: Clock) -> None:
    clock.now += 10
    fail(opened)
    clock.now += 9.9
    assert refused(opened)
    clock.now += 0.1
    assert not refused(opened)


def test_an_error_nobody_expected_counts_as_failure_too(clock: Clock) -> None:
    breaker = Breaker("x", clock, failures=1)
    with pytest.raises(ZeroDivisionError), breaker.attempt():
        raise ZeroDivisionError
    assert refused(breaker)


def test_of_many_threads_one_probes(opened: Breaker, clock: Clock) -> None:
    clock.now += 10
    together, done = threading.Barrier(20), threading.Event()
    outcomes: list[bool] = []

    def probe() -> None:
        together.wait()
        try:
            with opened.attempt():
                done.wait(10)
                outcomes.append(True)
        except LayerUnavailable:
            outcomes.append(False)
            if len(outcomes) == 19:
                done.set()

    threads = [threading.Thread(target=probe) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False] * 19 + [True]
