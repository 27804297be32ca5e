"""The fixed event-time window of a message, and whether the message came too late for it.

A message is late when Pub/Sub took it at the end of its window plus the allowed lateness, or after. That is Beam's
notion with the watermark of a job that keeps up: a message that Pub/Sub holds and nobody has acknowledged holds the
watermark back, so an outage of the job makes nothing late, and a message that comes twice is late both times or never.
The time of publishing travels in the message: every engine stamps the same. Only a message without one, which no
engine delivers, is measured by the clock.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from apache_beam.metrics import Metrics

from beam_jobs.enrichment.config import OnLate
from beam_jobs.errors import CannotSucceed
from beam_jobs.stages import NAMESPACE
from bridge import envelope

START, END, LATE = "window.start", "window.end", "window.late"
CACHED_WINDOWS = 10_000


class Windows:
    """Encoded `window.start`, `window.end` and, for what is late, `window.late`: two blocks for each window, kept.

    `clock` gives seconds since 1970.
    """

    late = Metrics.counter(NAMESPACE, "late")

    def __init__(
        self, seconds: int, allowed_lateness_seconds: int, on_late: OnLate, clock: Callable[[], float]
    ) -> None:
        self._seconds = seconds
        self._lateness = allowed_lateness_seconds
        self._forwards_late = on_late == "forward"
        self._clock = clock
        self._windows: dict[int, _Window] = {}

    def block(self, event_time: str, message: Any) -> bytes:
        """What to append to `message`, a `PubsubMessage`, whose event was at `event_time`.

        Raises CannotSucceed where that is no RFC 3339 time, and for what is late where this is not to go on.
        """
        try:
            number = int(envelope.moment(event_time).timestamp() // self._seconds)
            window = self._windows.get(number) or self._encoded(number)
        except ValueError as error:
            raise CannotSucceed(f"{envelope.TIME}: {error}", "invalid_event_time") from error
        published = message.publish_time.seconds or self._clock()
        return window.block if published < window.closes else self._late(window, published)

    def _late(self, window: "_Window", published: float) -> bytes:
        self.late.inc()
        if self._forwards_late:
            return window.late_block
        behind = f"published {published - window.closes:.0f} s after its window closed"
        raise CannotSucceed(f"{behind}, allowed lateness of {self._lateness} s included", "late")

    def _encoded(self, number: int) -> "_Window":
        """Raises ValueError where the window reaches outside the years 1 to 9999."""
        start, end = number * self._seconds, (number + 1) * self._seconds
        if len(self._windows) >= CACHED_WINDOWS:
            self._windows.clear()
        block = envelope.attributes({START: rfc3339(start), END: rfc3339(end)})
        window = _Window(end + self._lateness, block, block + envelope.attribute(LATE, "true"))
        self._windows[number] = window
        return window


class _Window(NamedTuple):
    """From `closes` on, in seconds since 1970, what is published is late."""

    closes: int
    block: bytes
    late_block: bytes


def rfc3339(seconds: int) -> str:
    """Raises ValueError outside the years 1 to 9999."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19] + "Z"
