"""Being told of a new configuration, instead of asking now and then: one call to the director that is always waiting.

It is no more than a hint to look. Where nobody tells (a director that is away, or too old), looks at intervals go on.
"""

import logging
import random
import threading
from collections.abc import Callable, Iterator

from director.client import Configuration, DirectorError, DirectorRefused

log = logging.getLogger(__name__)

PAUSE, LONG_PAUSE = 8.0, 600.0  # seconds: after a call that failed; after one that the director does not know

Changes = Callable[[], Iterator[Configuration]]


class Watch:
    """Calls `look` whenever there may be another configuration. `changes` begins with the one there is."""

    def __init__(self, changes: Changes, look: Callable[[], None], rng: Callable[[], float] = random.random) -> None:
        self._changes = changes
        self._look = look
        self._random = rng
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Does not wait for a call that is waiting."""
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._stopping.wait(self._follow())

    def _follow(self) -> float:
        """How many seconds to leave the director alone after that."""
        try:
            for _ in self._changes():
                if self._stopping.is_set():
                    break
                self._look()
        except DirectorRefused as error:
            if error.code == "bad_request":
                log.info("the director does not tell of new configurations; it is asked at intervals")
                return LONG_PAUSE
        except DirectorError as error:
            log.debug("not told of new configurations: %s", error)  # who looks at intervals tells of it
        return PAUSE * self._random()
