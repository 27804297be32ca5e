"""The one clock of all services; tests move it forward instead of waiting."""

import time


class Clock:
    """Wall and monotonic time in seconds, both ahead by what `advance` was told."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def time(self) -> float:
        return time.time() + self._ahead

    def time_ns(self) -> int:
        return time.time_ns() + int(self._ahead * 1e9)

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead

    def advance(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError(f"a clock only moves forward, not by {seconds} s")
        self._ahead += seconds
