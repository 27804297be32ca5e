"""Messages come as far apart as they happened, scaled; what is late is made up for."""

import pytest

from beam_jobs.archive.replay.merging import LATEST
from beam_jobs.archive.replay.pace import EARLY, MAX, Pace, speed, written


class Hours:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))
        self.now += seconds


def at(second: str) -> bytes:
    return f"2026-01-02T03:00:{second}Z".encode()


@pytest.mark.parametrize(("factor", "slept"), [(1.0, [2.0, 8.0]), (4.0, [0.5, 2.0])])
def test_gaps_are_kept_or_scaled(factor: float, slept: list[float]) -> None:
    clock = Hours()
    pace = Pace(factor, lambda: clock.now, clock.sleep)
    for second in ("00.000000", "02.000000", "10.000000"):
        pace.wait(at(second))
    assert clock.slept == slept


def test_what_is_due_follows_the_clock_a_moment_early() -> None:
    clock = Hours()
    pace = Pace(10.0, lambda: clock.now, clock.sleep)
    pace.wait(at("00.000000"))
    clock.now += 1
    assert pace.due() == at(f"{10 * (1 + EARLY):09.6f}")
    clock.now += 4
    pace.wait(at("30.000000"))  # late: no sleep
    assert clock.slept == []


def test_at_full_speed_everything_is_due() -> None:
    pace = Pace(MAX)
    assert not pace.waits
    assert pace.due() == LATEST


def test_a_time_beyond_the_last_year_is_due_with_all_before_it() -> None:
    clock = Hours()
    pace = Pace(1e12, lambda: clock.now, clock.sleep)
    pace.wait(at("00.000000"))
    clock.now += 1
    assert pace.due() == LATEST


@pytest.mark.parametrize(("text", "found"), [("max", MAX), ("1", 1.0), ("0.5", 0.5), ("1e3", 1000.0)])
def test_speeds_are_numbers_or_max(text: str, found: float) -> None:
    assert speed(text) == found
    assert speed(written(found)) == found


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "fast", ""])
def test_what_is_no_speed_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no speed; write 1"):
        speed(text)
