"""The moments at which another version of the architecture comes into force, for those who wait for one."""

import threading

MOST_WAITERS = 8  # half of the server's threads: the others stay for those who do not wait


class Turns:
    """`number` counts them in this process. Whoever waits takes one of `waiters`, which are few."""

    def __init__(self) -> None:
        self._number = 0
        self._turned = threading.Condition()
        self.waiters = threading.BoundedSemaphore(MOST_WAITERS)

    @property
    def number(self) -> int:
        with self._turned:
            return self._number

    def turn(self) -> None:
        with self._turned:
            self._number += 1
            self._turned.notify_all()

    def after(self, number: int, seconds: float) -> int:
        """The number once it is another than this, or when the time is over."""
        with self._turned:
            self._turned.wait_for(lambda: self._number != number, seconds)
            return self._number
