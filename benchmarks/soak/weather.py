"""The network between bridge and broker, made bad: RST every few seconds, before every third a blackhole."""

import random
import threading
from typing import Self

from localcloud.chaos import Chaos

BETWEEN_RESETS = 2.5  # seconds, on average
BLACKHOLE = 1.0  # seconds
BLACKHOLE_EVERY = 3


class Weather:
    """Bad while the `with` lasts, and calm after it."""

    def __init__(self, chaos: Chaos, seed: int) -> None:
        self._chaos = chaos
        self._dice = random.Random(seed)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="weather", daemon=True)
        self.resets = self.blackholes = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(BETWEEN_RESETS * self._dice.uniform(0.5, 1.5)):
            if self.resets % BLACKHOLE_EVERY == BLACKHOLE_EVERY - 1:
                self._chaos.blackhole()
                self._end.wait(BLACKHOLE)
                self.blackholes += 1
            self._chaos.reset()
            self._chaos.calm()
            self.resets += 1
