"""Calls are repeated only while their failure may pass, never for long and never in step."""

from collections.abc import Callable

import pytest
import requests
from google.api_core import exceptions
from google.auth.exceptions import TransportError

from director.retries import Retries

PASSING = [
    exceptions.ServiceUnavailable("x"),
    exceptions.DeadlineExceeded("x"),
    exceptions.ResourceExhausted("x"),
    exceptions.TooManyRequests("x"),
    exceptions.Aborted("x"),
    exceptions.InternalServerError("x"),
    exceptions.BadGateway("x"),
    exceptions.GatewayTimeout("x"),
    requests.ConnectionError("x"),
    requests.ReadTimeout("x"),
    TransportError("x"),
]
LASTING = [
    exceptions.NotFound("x"),
    exceptions.AlreadyExists("x"),
    exceptions.Conflict("x"),
    exceptions.InvalidArgument("x"),
    exceptions.PermissionDenied("x"),
    exceptions.Forbidden("x"),
    exceptions.FailedPrecondition("x"),
    exceptions.PreconditionFailed("x"),
    exceptions.MethodNotImplemented("x"),
    ValueError("x"),
]


class Flaky:
    """Fails `failures` times with `error`, then answers."""

    def __init__(self, error: Exception, failures: int) -> None:
        self.error, self.failures, self.calls = error, failures, 0

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error
        return "done"


def recorded(pauses: list[float], random: Callable[[], float] = lambda: 1.0, **settings: float) -> Retries:
    return Retries(sleep=pauses.append, random=random, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_what_may_pass_is_tried_again(error: Exception) -> None:
    action = Flaky(error, 3)
    assert recorded([]).call(action) == "done"
    assert action.calls == 4


@pytest.mark.parametrize("error", LASTING, ids=lambda error: type(error).__name__)
def test_what_will_not_pass_is_raised_at_once(error: Exception) -> None:
    action = Flaky(error, 1)
    with pytest.raises(type(error)):
        recorded([]).call(action)
    assert action.calls == 1


def test_attempts_are_bounded_and_the_last_error_is_raised() -> None:
    action, pauses = Flaky(exceptions.ServiceUnavailable("x"), 99), []
    with pytest.raises(exceptions.ServiceUnavailable):
        recorded(pauses).call(action)
    assert action.calls == 6
    assert pauses == [0.25, 0.5, 1.0, 2.0, 4.0]


def test_pauses_are_drawn_from_nothing_to_their_bound() -> None:
    pauses: list[float] = []
    draws = iter([0.0, 0.5, 1.0])
    recorded(pauses, lambda: next(draws)).call(Flaky(exceptions.ServiceUnavailable("x"), 3))
    assert pauses == [0.0, 0.25, 1.0]


def test_the_budget_of_time_ends_the_trying() -> None:
    now = [0.0]
    retries = Retries(
        attempts=1_000, budget=10.0, clock=lambda: now[0], random=lambda: 1.0,
        sleep=lambda seconds: now.__setitem__(0, now[0] + seconds),
    )  # fmt: skip
    with pytest.raises(exceptions.ServiceUnavailable):
        retries.call(Flaky(exceptions.ServiceUnavailable("x"), 10_000))
    assert now[0] <= 10.0
