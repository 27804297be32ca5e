"""How that is which serves beside the REST door, for whoever asks whether the director is well."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Listening:
    """Whether commands come in. `quiet` is how many seconds ago one came last, None before the first."""

    subscribed: bool
    quiet: float | None


class Beside:
    """What else runs in the process: it says how it is while it serves, and is closed after the operations."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listening: Callable[[], Listening] | None = None
        self._closing = ExitStack()

    def listens(self, listening: Callable[[], Listening]) -> None:
        with self._lock:
            self._listening = listening

    @property
    def listening(self) -> Listening | None:
        """None where nothing listens for commands."""
        with self._lock:
            return self._listening() if self._listening else None

    def closes(self, close: Callable[[], object]) -> None:
        """The last one first."""
        self._closing.callback(close)

    def close(self) -> None:
        self._closing.close()
