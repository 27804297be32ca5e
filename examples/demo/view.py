"""The demo while it runs: a table that changes on a terminal, a line now and then elsewhere."""

import time
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from examples.demo.progress import Snapshot

LINE_EVERY = 5.0  # seconds between two lines where there is no terminal
RATE_OVER = 3.0  # seconds


class View:
    """Shows snapshots from `__enter__` on; other lines printed to the console meanwhile stay above it."""

    def __init__(self, console: Console, messages: int) -> None:
        self._console = console
        self._messages = messages
        self._recent: deque[tuple[float, Snapshot]] = deque()
        self._live = Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None
        self._next_line = 0.0

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def show(self, snapshot: Snapshot, seconds: float, restarts: Mapping[str, int]) -> None:
        """`seconds` since the fleet started; negative before."""
        now = time.monotonic()
        self._recent.append((now, snapshot))
        while now - self._recent[0][0] > RATE_OVER:
            self._recent.popleft()
        if self._live:
            self._live.update(self._table(snapshot, seconds, restarts))
        elif now >= self._next_line:
            self._next_line = now + LINE_EVERY
            counts = "  ".join(f"{name} {count}" for name, count in snapshot.items())
            self._console.print(f"{max(0.0, seconds):6.1f} s  {counts}", soft_wrap=True, highlight=False)

    def _table(self, snapshot: Snapshot, seconds: float, restarts: Mapping[str, int]) -> Table:
        again = ", ".join(f"{name} {count} x" for name, count in restarts.items())
        table = Table(
            "stage",
            title=f"{max(0.0, seconds):.0f} s, {self._messages} messages",
            caption=f"started again: {again}" if again else None,
        )
        for column in ("messages", "a second"):
            table.add_column(column, justify="right")
        for (name, count), rate in zip(snapshot.items(), self._rates(snapshot), strict=True):
            table.add_row(name, f"{count}", f"{rate:.0f}")
        return table

    def _rates(self, snapshot: Snapshot) -> list[float]:
        then, earlier = self._recent[0]
        elapsed = max(0.5, self._recent[-1][0] - then)
        return [
            (count - before) / elapsed
            for (_, count), (_, before) in zip(snapshot.items(), earlier.items(), strict=True)
        ]
