"""Entries read anew in the background: each key once at a time, and all that wait in one go."""

import logging
import threading
from collections.abc import Callable, Collection

log = logging.getLogger(__name__)

Start = Callable[[Callable[[], None]], None]


def in_a_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="refresh", daemon=True).start()


class Refresher:
    """Calls `refresh` with keys asked for; `start` runs work beside the caller. At most one thread works."""

    def __init__(self, refresh: Callable[[set[str]], object], start: Start = in_a_thread) -> None:
        self._refresh = refresh
        self._start = start
        self._waiting: set[str] = set()
        self._under_way: set[str] = set()
        self._working = False
        self._lock = threading.Lock()

    def ask(self, keys: Collection[str]) -> None:
        with self._lock:
            self._waiting |= set(keys) - self._under_way
            if self._working or not self._waiting:
                return
            self._working = True
        self._start(self._work)

    def _work(self) -> None:
        while keys := self._next():
            try:
                self._refresh(keys)
            except Exception:  # whatever it is, the next refresh must not find a worker that is dead
                log.exception("cannot refresh %d records", len(keys))

    def _next(self) -> set[str]:
        with self._lock:
            self._under_way, self._waiting = self._waiting, set()
            self._working = bool(self._under_way)
            return self._under_way
