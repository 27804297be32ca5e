"""Waiting for what Google does in its own time: a new account that IAM does not know yet, a policy to take effect."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Polling:
    """Looks `every` so many seconds, for at most `limit` seconds."""

    every: float = 5.0
    limit: float = 300.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def until(self, done: Callable[[], bool]) -> bool:
        """Whether it was done in time. Looks at once, and not again where there is no time left for that."""
        end = self.clock() + self.limit
        while not done():
            if self.clock() + self.every > end:
                return False
            self.sleep(self.every)
        return True
