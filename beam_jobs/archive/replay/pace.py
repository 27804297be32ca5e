"""When messages are due: as far apart as they happened, or a number of times closer, or at once."""

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from beam_jobs.archive.replay.merging import LATEST
from bridge import envelope

MAX = math.inf
EARLY = 0.02  # seconds by which a message may go before it is due, so that requests hold more than one


class Pace:
    """`speed` times as fast as it happened. Time runs from the first message asked about."""

    def __init__(
        self,
        speed: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._speed, self._clock, self._sleep = speed, clock, sleep
        self._zero: tuple[float, datetime] | None = None

    @property
    def waits(self) -> bool:
        return self._speed != MAX

    def wait(self, event_time: bytes) -> None:
        """Until a message of then is due."""
        happened = _moment(event_time)
        if self._zero is None:
            self._zero = self._clock(), happened
        began, first = self._zero
        left = (happened - first).total_seconds() / self._speed - (self._clock() - began)
        if left > 0:
            self._sleep(left)

    def due(self) -> bytes:
        """The event time up to which messages are due."""
        if self._zero is None:
            return LATEST
        began, first = self._zero
        passed = timedelta(seconds=(self._clock() - began + EARLY) * self._speed)
        try:
            return envelope.timestamp(first + passed).encode()
        except OverflowError:
            return LATEST


def speed(text: str) -> float:
    """`max`, or how many times as fast as it happened. Raises ValueError."""
    if text == "max":
        return MAX
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < MAX:
        raise ValueError(f"{text[:20]!r} is no speed; write 1 for the original one, 10 for ten times it, or max")
    return found


def written(found: float) -> str:
    return "max" if found == MAX else f"{found:g}"


def _moment(event_time: bytes) -> datetime:
    return datetime.fromisoformat(event_time.decode()).astimezone(UTC)
