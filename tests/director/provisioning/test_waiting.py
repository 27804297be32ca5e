"""Waiting for what Google does in its own time."""

from typing import Any

import pytest
from google.api_core.exceptions import PermissionDenied, ServiceUnavailable
from google.longrunning.operations_pb2 import Operation

from director.errors import Rejected, Unavailable
from director.provisioning.waiting import OperationFailed, StillGoing, Waiting
from director.retries import Retries, transient


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Begun:
    """An operation as a client returns it, and the operations client: done after so many looks."""

    def __init__(self, looks: int, error: str = "", failing: int = 0) -> None:
        self.operation = Operation(name="operations/1")
        self.asked = 0
        self._looks, self._error, self._failing = looks, error, failing

    def get_operation(self, name: str, retry: None, timeout: float) -> Operation:
        self.asked += 1
        assert (name, retry) == ("operations/1", None)
        assert timeout > 0
        if self.asked <= self._failing:
            raise ServiceUnavailable("not now")
        answer = Operation(name=name, done=self.asked >= self._looks)
        if answer.done and self._error:
            answer.error.code, answer.error.message = 9, self._error
        return answer


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def waiting(clock: Clock) -> Waiting:
    return Waiting(60, Retries(first=1, longest=8, sleep=clock.sleep, clock=lambda: clock.now, random=lambda: 1.0))


def test_an_operation_is_asked_for_until_it_is_done_with_growing_pauses(waiting: Waiting, clock: Clock) -> None:
    begun = Begun(5)
    assert waiting.finished(begun, begun, "it").done
    assert begun.asked == 5
    assert clock.now == 1 + 2 + 4 + 8


def test_an_operation_that_was_done_at_once_is_not_asked_for(waiting: Waiting) -> None:
    begun = Begun(1)
    begun.operation.done = True
    waiting.finished(begun, begun, "it")
    assert begun.asked == 0


def test_an_operation_that_failed_is_told_with_googles_reason_and_is_not_tried_again(waiting: Waiting) -> None:
    begun = Begun(2, error="No such image.")
    with pytest.raises(OperationFailed, match=r"^making it failed: FailedPrecondition: No such image\.$") as raised:
        waiting.finished(begun, begun, "making it")
    assert isinstance(raised.value, Rejected)
    assert not transient(raised.value)


def test_what_outlasts_the_budget_is_told_with_what_to_do_and_is_not_tried_again(
    waiting: Waiting, clock: Clock
) -> None:
    begun = Begun(1_000)
    with pytest.raises(StillGoing, match="making it is not done after 1m, but goes on") as raised:
        waiting.finished(begun, begun, "making it")
    assert clock.now <= 60
    assert isinstance(raised.value, Unavailable)
    assert not transient(raised.value)


def test_a_look_that_fails_in_passing_is_a_look_in_vain(waiting: Waiting) -> None:
    begun = Begun(4, failing=3)
    assert waiting.finished(begun, begun, "it").done


def test_a_look_that_fails_for_good_is_the_end(waiting: Waiting) -> None:
    def look() -> bool:
        raise PermissionDenied("no")

    with pytest.raises(PermissionDenied):
        waiting.until(look, "it")


def test_a_state_is_waited_for_as_well(waiting: Waiting) -> None:
    seen: list[Any] = []

    def look() -> bool:
        seen.append(1)
        return len(seen) == 3

    waiting.until(look, "it")
    assert len(seen) == 3
