"""Whether a bridge is alive, and whether it is ready: what its parts say, put together. Pure.

Alive: its threads run, and no try to publish outlasts its deadline. Ready: alive, connected, subscribed, and Pub/Sub
takes what it is given. A bridge that waits for its broker or for Pub/Sub is alive, however long that takes.
"""

from typing import Protocol

# A try that lasts so long beyond its deadline will not end. It must look so for some looks on end: after the process
# was suspended everything is late for a moment.
SLACK_SECONDS, STUCK_LOOKS = 10.0, 10
SILENT_SECONDS = 10.0  # without success while there is something to publish


class Session(Protocol):
    """The bridge at its broker."""

    @property
    def alive(self) -> bool: ...
    @property
    def problem(self) -> str | None: ...


class Publishing(Protocol):
    """The bridge at Pub/Sub. Ages in seconds, 0 where there is nothing to be old."""

    @property
    def broken(self) -> bool: ...
    @property
    def fault(self) -> str | None: ...
    @property
    def failing_for(self) -> float: ...
    @property
    def oldest_attempt_age(self) -> float: ...


class Running(Protocol):
    """A thread."""

    @property
    def alive(self) -> bool: ...


class Vitals:
    """Asked at any time, from any thread; `gone` by one thread at regular looks."""

    def __init__(self, session: Session, publishing: Publishing, reload: Running, deadline_seconds: float) -> None:
        self._session = session
        self._publishing = publishing
        self._reload = reload
        self._longest_attempt = deadline_seconds + SLACK_SECONDS
        self._stuck_looks = 0
        self.stopping = False

    def not_live(self) -> str | None:
        """While stopping it is alive: its threads end, and so does it, within seconds."""
        return None if self.stopping else self._dead() or self._stuck()

    def not_ready(self) -> str | None:
        if self.stopping:
            return "stopping"
        return self.not_live() or self._session.problem or self._publishing.fault or self._silent()

    def gone(self) -> str | None:
        """Why nothing but a new start can help, or None."""
        stuck = self._stuck()
        self._stuck_looks = self._stuck_looks + 1 if stuck else 0
        return self._dead() or (stuck if self._stuck_looks >= STUCK_LOOKS else None)

    def _dead(self) -> str | None:
        if not self._session.alive:
            return "the network thread is dead"
        if not self._reload.alive:
            return "the reload thread is dead"
        return "lost track of a publish, see the log" if self._publishing.broken else None

    def _stuck(self) -> str | None:
        """By the age of one try, not of a message: or else every long outage of Pub/Sub were a restart loop."""
        age = self._publishing.oldest_attempt_age
        return f"a publish goes on for {age:.0f} s, far beyond its deadline" if age > self._longest_attempt else None

    def _silent(self) -> str | None:
        seconds = max(self._publishing.failing_for, self._publishing.oldest_attempt_age)
        return f"Pub/Sub has taken nothing for {seconds:.0f} s" if seconds > SILENT_SECONDS else None
