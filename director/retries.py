"""Calls to Google, repeated while the reason they fail may pass."""

import itertools
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import requests
from google.api_core import exceptions
from google.api_core.retry import Retry
from google.auth.exceptions import TransportError

T = TypeVar("T")

TRANSIENT = (
    exceptions.ServiceUnavailable,
    exceptions.DeadlineExceeded,
    exceptions.GatewayTimeout,
    exceptions.BadGateway,
    exceptions.TooManyRequests,  # and ResourceExhausted
    exceptions.Aborted,
    exceptions.InternalServerError,
    exceptions.Cancelled,
    requests.exceptions.ConnectionError,
    requests.exceptions.Timeout,
    requests.exceptions.ChunkedEncodingError,
    TransportError,
)


ONCE = Retry(predicate=lambda error: False)  # Firestore's streams ask what they are given whether to go on: not None


def transient(error: Exception) -> bool:
    """Whether the same call may succeed later."""
    return isinstance(error, TRANSIENT)


@dataclass(frozen=True, slots=True)
class Retries:
    """At most `attempts` calls and `budget` seconds of them; pauses grow from `first` to `longest`, full jitter."""

    attempts: int = 6
    first: float = 0.25
    longest: float = 8.0
    budget: float = 60.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    random: Callable[[], float] = random.random
    passing: Callable[[Exception], bool] = transient

    def call(self, action: Callable[[], T]) -> T:
        """What `action` returns. Raises its error when that cannot pass, or did not in time."""
        end = self.clock() + self.budget
        for attempt in itertools.count():
            try:
                return action()
            except Exception as error:
                pause = self.pause(attempt)
                if not self.passing(error) or attempt + 1 >= self.attempts or self.clock() + pause > end:
                    raise
            self.sleep(pause)
        raise AssertionError("unreachable: the loop has no end of its own")

    def pause(self, attempt: int) -> float:
        """Seconds to wait after the attempt of this number, from 0."""
        return self.random() * min(self.longest, self.first * 2.0**attempt)

    def rest(self, attempt: int) -> None:
        self.sleep(self.pause(attempt))
