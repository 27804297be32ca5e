"""A fleet that starts together is answered from few looks, and never from an old one."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from director.errors import Unavailable
from director.provisioning.base import Wanted
from director.provisioning.plan import Change, Plan
from director.readiness import Readiness

Eventually = Callable[..., None]
TOPICS = [Wanted("topics", f"t{number}", None, None) for number in range(100)]


class Cloud:
    """What is there, and who looked at how much of it. A look waits while `open` is not set."""

    def __init__(self) -> None:
        self.missing = {"t7"}
        self.unseen: set[str] = set()
        self.looks: list[int] = []
        self.open = threading.Event()
        self.open.set()

    def look(self, wanted: Sequence[Wanted[Any]]) -> Plan:
        self.looks.append(len(wanted))
        self.open.wait(10)
        if self.unseen & {one.full_name for one in wanted}:
            raise Unavailable("this cannot be looked at")
        return tuple(Change("create" if one.full_name in self.missing else "none", *one.key) for one in wanted)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def readiness(cloud: Cloud, clock: Clock) -> Readiness:
    return Readiness(cloud.look, fresh=1.0, clock=clock)


def ask(readiness: Readiness, number: int) -> list[str]:
    return [change.action for change in readiness.missing("air", [TOPICS[number]], TOPICS)]


def burst(readiness: Readiness, cloud: Cloud, eventually: Eventually, services: int = 20) -> list[list[str]]:
    """All at once: none is answered before all have asked."""
    cloud.open.clear()
    with ThreadPoolExecutor(services) as pool:
        answers = [pool.submit(ask, readiness, number) for number in range(services)]
        flow = readiness._dataflows
        eventually(lambda: "air" in flow and flow["air"].asking == services)
        cloud.open.set()
        return [answer.result(timeout=10) for answer in answers]


def test_one_service_is_looked_up_alone(readiness: Readiness, cloud: Cloud) -> None:
    assert (ask(readiness, 7), ask(readiness, 8)) == (["create"], ["none"])
    assert cloud.looks == [1, 1]


def test_many_at_once_cost_two_looks_and_each_hears_of_its_own(
    readiness: Readiness, cloud: Cloud, eventually: Eventually
) -> None:
    answers = burst(readiness, cloud, eventually)
    assert [answer for number, answer in enumerate(answers) if number != 7] == [["none"]] * 19
    assert answers[7] == ["create"]
    assert cloud.looks == [1, 100]


def test_what_was_seen_serves_for_a_second(
    readiness: Readiness, cloud: Cloud, clock: Clock, eventually: Eventually
) -> None:
    burst(readiness, cloud, eventually)
    clock.now += 0.9
    assert ask(readiness, 50) == ["none"]
    assert cloud.looks == [1, 100]
    clock.now += 0.2
    assert ask(readiness, 50) == ["none"]
    assert cloud.looks == [1, 100, 1]


def test_after_a_change_nobody_hears_of_what_was_before(
    readiness: Readiness, cloud: Cloud, eventually: Eventually
) -> None:
    burst(readiness, cloud, eventually)
    cloud.missing.clear()
    readiness.forget("air")
    assert ask(readiness, 7) == ["none"]


def test_a_look_that_began_before_a_change_is_not_remembered_after_it(
    readiness: Readiness, cloud: Cloud, eventually: Eventually
) -> None:
    cloud.open.clear()
    with ThreadPoolExecutor(3) as pool:
        early = [pool.submit(ask, readiness, 7) for _ in range(2)]
        eventually(lambda: readiness._dataflows["air"].asking == 2)
        readiness.forget("air")
        cloud.missing.clear()
        late = pool.submit(ask, readiness, 7)
        cloud.open.set()
        assert late.result(timeout=10) == ["none"]
        for answer in early:
            answer.result(timeout=10)
    assert ask(readiness, 7) == ["none"]


def test_what_cannot_be_looked_at_fails_only_those_who_want_it(
    readiness: Readiness, cloud: Cloud, eventually: Eventually
) -> None:
    cloud.unseen = {"t99"}
    answers = burst(readiness, cloud, eventually)
    assert answers[7] == ["create"]
    assert sum(answer == ["none"] for answer in answers) == 19
    assert cloud.looks.count(100) == 1
    with pytest.raises(Unavailable):
        readiness.missing("air", [TOPICS[99]], TOPICS)
