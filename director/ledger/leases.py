"""The right to change one dataflow: held by one director at a time, and only as long as it is renewed."""

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from director.errors import DirectorError, Rejected, Superseded, Unavailable
from director.ledger.ledger import Ledger

log = logging.getLogger(__name__)

SECONDS = 30.0  # a director that dies leaves its dataflow locked this long


def since_boot() -> float:
    """Seconds that go on while a process is stopped or its machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Lease:
    """Taken on entry, renewed at a third of its time by a thread, released on exit.

    The ledger decides whose it is: every write there carries the token. `check` is the faster half of that, without a
    call: it knows when the lease must have run out.
    """

    def __init__(
        self,
        ledger: Ledger,
        scope: str,
        holder: str,
        seconds: float = SECONDS,
        clock: Callable[[], float] = since_boot,
    ) -> None:
        self.scope = scope
        self.token = 0
        self._ledger = ledger
        self._holder = holder
        self._seconds = seconds
        self._clock = clock
        self._good_until = 0.0
        self._lost: DirectorError | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._renew_on_time, name=f"lease {scope}", daemon=True)

    def __enter__(self) -> Self:
        """Raises Busy, Unavailable or Rejected."""
        asked = self._clock()
        self.token = self._ledger.take(self.scope, self._holder, self._seconds).token
        self._good_until = asked + self._seconds
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        try:
            self._ledger.release(self.scope, self.token)
        except (Unavailable, Rejected) as problem:
            log.warning("the lease of %s could not be given back and runs out by itself: %s", self.scope, problem)

    def check(self) -> None:
        """Raises Superseded where the lease is lost, or not known to be held any more."""
        if self._lost:
            raise Superseded(str(self._lost)) from self._lost
        if self._clock() >= self._good_until:
            late = "was not renewed in time, so another may have it"
            raise Superseded(f"the lease of {self.scope} {late}; look at what there is and begin again")

    def _renew_on_time(self) -> None:
        while not self._over.wait(self._seconds / 3):
            asked = self._clock()
            try:
                self._ledger.renew(self.scope, self.token, self._seconds)
            except Superseded as error:
                self._lost = error
                return
            except (Unavailable, Rejected) as error:
                log.warning("the lease of %s could not be renewed yet: %s", self.scope, error)
            else:
                self._good_until = asked + self._seconds
