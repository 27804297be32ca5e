"""A circuit breaker: who failed several times in a row is left alone for a while, then tried by one caller."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from beam_jobs.enrichment.cache.layers import LayerUnavailable

log = logging.getLogger(__name__)

FAILURES = 5
OPEN_SECONDS = 10.0


class Breaker:
    """Around every call to one service. Safe for threads.

    Closed, calls pass. After `failures` in a row it opens: for `seconds` every attempt raises LayerUnavailable at
    once. Then one call is let through; its success closes the breaker, its failure opens it for as long again.
    """

    def __init__(
        self,
        name: str,
        monotonic: Callable[[], float],
        failures: int = FAILURES,
        seconds: float = OPEN_SECONDS,
    ) -> None:
        self._name = name
        self._monotonic = monotonic
        self._most = failures
        self._seconds = seconds
        self._failures = 0
        self._open_until: float | None = None
        self._lock = threading.Lock()

    @property
    def open(self) -> bool:
        return self._open_until is not None

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Raises LayerUnavailable while open. Whatever the block raises is a failure."""
        self._enter()
        try:
            yield
        except BaseException as error:
            self._failed(error)
            raise
        self._succeeded()

    def _enter(self) -> None:
        with self._lock:
            if self._open_until is not None:
                now = self._monotonic()
                if now < self._open_until:
                    raise LayerUnavailable(f"{self._name} failed and is left alone")
                self._open_until = now + self._seconds  # for everybody but this caller

    def _failed(self, error: BaseException) -> None:
        with self._lock:
            self._failures += 1
            if self._failures < self._most:
                log.warning("%s fails: %s", self._name, error)
                return
            if self._open_until is None:
                log.error("%s failed %d times and is left alone: %s", self._name, self._failures, error)
            self._open_until = self._monotonic() + self._seconds

    def _succeeded(self) -> None:
        with self._lock:
            if self._open_until is not None:
                log.warning("%s answers again", self._name)
            self._failures, self._open_until = 0, None
