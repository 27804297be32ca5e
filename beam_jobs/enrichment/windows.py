"""The fixed event-time window of a message, and whether the message came too late for it.

A message is late when Pub/Sub took it at the end of its window plus the allowed lateness, or after. That is Beam's
notion with the watermark of a job that keeps up: a message that Pub/Sub holds and nobody has acknowledged holds the
watermark back, so an outage of the job makes nothing late, and a message that comes twice is late both times or never.
The time of publishing travels in the message: every engine stamps the same. Only a message without one, which no
engine delivers, is measured by the clock.
"""

from datetime import UTC, datetime
from typing import NamedTuple

from apache_beam.metrics import Metrics

from beam_jobs.enrichment.config import OnLate
from beam_jobs.errors import CannotSucceed
from beam_jobs.stages import NAMESPACE
from bridge import envelope

START, END, LATE = "window.start", "window.end", "window.late"
CACHED = 10_000
TO_THE_SECOND = len("2006-01-02T15:04:05")


class Windows:
    """Encoded `window.start`, `window.end` and, for what is late, `window.late`: two blocks for each window, kept."""

    late = Metrics.counter(NAMESPACE, "late")

    def __init__(self, seconds: int, allowed_lateness_seconds: int, on_late: OnLate) -> None:
        self._seconds = seconds
        self._lateness = allowed_lateness_seconds
        self._forwards_late = on_late == "forward"
        self._windows: dict[int, Window] = {}
        self._of_second: dict[str, Window] = {}

    def of(self, event_time: str) -> "Window":
        """The window of an event at `event_time`. Raises CannotSucceed where that is no RFC 3339 time."""
        try:
            # Most events share their second with others.
            window = self._of_second.get(event_time[:TO_THE_SECOND])
            if window is not None and datetime.fromisoformat(event_time).tzinfo is UTC:
                return window
            return self._window(event_time)
        except ValueError as error:
            raise CannotSucceed(f"{envelope.TIME}: {error}", "invalid_event_time") from error

    def block(self, window: "Window", published: float) -> bytes:
        """What to append to a message that Pub/Sub took at `published`, in seconds since 1970.

        Raises CannotSucceed for what is late where this is not to go on.
        """
        if published < window.closes:
            return window.block
        self.late.inc()
        if self._forwards_late:
            return window.late_block
        behind = f"published {published - window.closes:.0f} s after its window closed"
        raise CannotSucceed(f"{behind}, allowed lateness of {self._lateness} s included", "late")

    def _window(self, event_time: str) -> "Window":
        """Raises ValueError where that is no time, or its window reaches outside the years 1 to 9999."""
        if len(self._of_second) >= CACHED:
            self._of_second.clear()
            self._windows.clear()
        number = int(envelope.moment(event_time).timestamp() // self._seconds)
        window = self._windows.get(number)
        if window is None:
            window = self._windows[number] = self._encoded(number)
        if event_time.endswith(("Z", "+00:00")):
            self._of_second[event_time[:TO_THE_SECOND]] = window
        return window

    def _encoded(self, number: int) -> "Window":
        start, end = number * self._seconds, (number + 1) * self._seconds
        block = envelope.attributes({START: rfc3339(start), END: rfc3339(end)})
        return Window(end + self._lateness, block, block + envelope.attribute(LATE, "true"))


class Window(NamedTuple):
    """What is published at `closes` or after, in seconds since 1970, is late."""

    closes: int
    block: bytes
    late_block: bytes


def rfc3339(seconds: int) -> str:
    """Raises ValueError outside the years 1 to 9999."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19] + "Z"
