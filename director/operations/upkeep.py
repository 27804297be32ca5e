"""What a serving director does beside its work: it tells of crashes of others, and forgets what is old."""

import logging
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from director.durations import written
from director.errors import DirectorError
from director.strict import printable

LOOK = 10.0  # seconds between two looks for operations that nobody renews
DAY = 86_400.0  # seconds between two clean-ups
AT_ONCE, ROUNDS = 500, 20  # entries forgotten in one go, and in one clean-up that many times

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Retention:
    """`prune` forgets at most so many entries older than a moment, and says how many it were."""

    what: str
    keep: timedelta
    prune: Callable[[datetime, int], int]


class Upkeep:
    """A thread, from `start` to `close`."""

    def __init__(
        self,
        recover: Callable[[], object],
        retentions: Sequence[Retention],
        look: float = LOOK,
        day: float = DAY,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._recover = recover
        self._retentions = retentions
        self._look, self._day = look, day
        self._now = now
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)
        log.setLevel(logging.INFO)  # what is gone is told, however quiet the rest is

    def start(self) -> None:
        self._thread.start()

    def close(self, seconds: float = 5.0) -> None:
        self._over.set()
        self._thread.join(seconds)

    def clean_up(self) -> dict[str, int]:
        """How many entries of each were forgotten. What is left of very many goes the next day."""
        found = {}
        for retention in self._retentions:
            try:
                found[retention.what] = self._forgotten(retention)
            except DirectorError as error:
                log.warning("%s are not cleaned up: %s", retention.what, printable(str(error)))
        return found

    def _forgotten(self, retention: Retention) -> int:
        before, total, part = self._now() - retention.keep, 0, AT_ONCE
        for _ in range(ROUNDS):
            if part < AT_ONCE or self._over.is_set():
                break
            part = retention.prune(before, AT_ONCE)
            total += part
        if total:
            more = "; more are left for the next time" if part >= AT_ONCE else ""
            log.info("%s: %d older than %s forgotten%s", retention.what, total, written(retention.keep), more)
        return total

    def _run(self) -> None:
        until_clean_up = 0.0
        while True:
            if until_clean_up <= 0:
                self.clean_up()
                until_clean_up = self._day
            pause = self._look * random.uniform(0.5, 1.0)  # noqa: S311
            until_clean_up -= pause
            if self._over.wait(pause):
                return
            self._recovered()

    def _recovered(self) -> None:
        try:
            self._recover()
        except DirectorError as error:
            log.warning("operations that others left behind cannot be looked for now: %s", printable(str(error)))
