"""What happens, as it happens: the newest events in a ring, for any number of readers at their own pace."""

import secrets
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

KEPT = 1_000  # events
MOST_READERS = 4  # each takes a thread of the server


@dataclass(frozen=True, slots=True)
class Event:
    """`number` counts from 1 in this process; `data` is JSON."""

    number: int
    kind: str
    dataflow: str
    data: Mapping[str, Any]


class Events:
    """`life` tells one process from the next, so that nobody goes on where another left off."""

    def __init__(self, kept: int = KEPT) -> None:
        self.life = secrets.token_hex(4)
        self._ring: deque[Event] = deque(maxlen=kept)
        self._told = 0
        self._news = threading.Condition()
        self.readers = threading.BoundedSemaphore(MOST_READERS)

    @property
    def newest(self) -> int:
        with self._news:
            return self._told

    def tell(self, kind: str, dataflow: str, data: Mapping[str, Any]) -> None:
        with self._news:
            self._told += 1
            self._ring.append(Event(self._told, kind, dataflow, data))
            self._news.notify_all()

    def after(self, number: int, seconds: float) -> tuple[Sequence[Event], bool]:
        """What came after `number`, waiting for it at most so long; and whether anything before it is lost."""
        with self._news:
            self._news.wait_for(lambda: self._told > number, seconds)
            found = [event for event in self._ring if event.number > number]
            lost = bool(found) and found[0].number > number + 1
            return found, lost
