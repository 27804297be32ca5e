"""How often one caller may ask: a bucket of tokens for each, filled at a steady rate."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

PER_SECOND, BURST = 50.0, 200.0  # requests of one identity
REFUSALS_PER_SECOND, REFUSALS = 1.0, 30.0  # failed authentications of one address
MOST_CALLERS = 10_000


class Buckets:
    """Thread-safe. Of very many callers those not seen for longest start afresh."""

    def __init__(self, per_second: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._burst = per_second, burst
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, caller: Hashable) -> float:
        """0 where the call is within bounds, else how many seconds too early it is."""
        with self._lock:
            now = self._clock()
            tokens, then = self._buckets.get(caller, (self._burst, now))
            tokens = min(self._burst, tokens + (now - then) * self._per_second)
            wait = 0.0 if tokens >= 1 else (1 - tokens) / self._per_second
            self._buckets[caller] = (tokens - 1 if wait == 0 else tokens, now)
            self._buckets.move_to_end(caller)
            if len(self._buckets) > MOST_CALLERS:
                self._buckets.popitem(last=False)
            return wait
