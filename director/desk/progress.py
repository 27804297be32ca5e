"""How far long work has come: one line on a terminal that is written over, nothing elsewhere."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Self, TextIO

from director.strict import printable

SECONDS = 0.2  # between two looks of the line


class Progress:
    """Counts outcomes by name; what is printed with `line` goes above the progress line."""

    def __init__(self, terminal: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._terminal = terminal
        self._clock = clock
        self._live = terminal.isatty()
        self._shown_at = clock()
        self._counts: Counter[str] = Counter()

    @property
    def refused(self) -> int:
        return self._counts["refused"]

    def count(self, what: str) -> None:
        self._counts[what] += 1
        if self._live and self._clock() - self._shown_at >= SECONDS:
            self._shown_at = self._clock()
            self._terminal.write(f"\r\x1b[K{self.summary()}")
            self._terminal.flush()

    def line(self, text: str) -> None:
        self._terminal.write(f"{self._cleared()}{printable(text)}\n")

    def summary(self) -> str:
        return ", ".join(f"{number:,} {what}" for what, number in sorted(self._counts.items())) or "no dead letters"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._terminal.write(self._cleared())
        self._terminal.flush()

    def _cleared(self) -> str:
        return "\r\x1b[K" if self._live else ""
