"""The clock runs as the machine's does, ahead of it by what it was told."""

import time

import pytest

from localcloud.clock import Clock


def test_it_shows_the_machine_s_time() -> None:
    before = time.time_ns()
    shown = Clock().time_ns()
    assert before <= shown <= time.time_ns()


def test_advancing_moves_every_reading() -> None:
    clock = Clock()
    wall, nanoseconds, monotonic = clock.time(), clock.time_ns(), clock.monotonic()
    clock.advance(3600)
    clock.advance(0.5)
    assert 3600.5 <= clock.time() - wall < 3660
    assert 3600.5e9 <= clock.time_ns() - nanoseconds < 3660e9
    assert 3600.5 <= clock.monotonic() - monotonic < 3660


def test_it_never_goes_back() -> None:
    with pytest.raises(ValueError, match="only moves forward"):
        Clock().advance(-1)
