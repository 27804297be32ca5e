"""Waiting with a clock of its own."""

from director.iam.polling import Polling


class Time:
    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def polling(self) -> Polling:
        return Polling(every=5.0, limit=300.0, sleep=self.sleep, clock=lambda: self.now)


def test_what_is_done_at_once_is_not_waited_for() -> None:
    time = Time()
    assert time.polling().until(lambda: True)
    assert time.slept == []


def test_it_looks_every_five_seconds_until_it_is_done() -> None:
    time = Time()
    assert time.polling().until(lambda: time.now >= 12)
    assert time.slept == [5.0, 5.0, 5.0]


def test_it_gives_up_when_the_time_is_over() -> None:
    time = Time()
    assert not time.polling().until(lambda: False)
    assert time.now == 300.0
