"""Drift looked for on a schedule: told always, put right only where the document says so of a resource."""

import logging
import random
import threading
from collections.abc import Callable, Sequence

from director.errors import DirectorError
from director.provisioning.drift import Drift
from director.service import Director

JITTER = 0.2  # of a pause, so that directors that start together do not look together
Tell = Callable[[str, Sequence[Drift]], None]
Enforce = Callable[[str, str], None]  # of a dataflow the resource KIND/NAME
log = logging.getLogger(__name__)


class Patrol:
    """Looks at every dataflow about `every` seconds, on a thread of its own.

    `tell` hears of each look, drift or none, and once of a dataflow that is no more, as of one without drift.
    `enforce` is asked to apply a resource; what it raises is logged, and tried again by the next look.
    """

    def __init__(
        self,
        director: Director,
        tell: Tell,
        enforce: Enforce,
        every: float,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._director = director
        self._tell = tell
        self._enforce = enforce
        self._every = every
        self._jitter = jitter
        self._told: set[str] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="patrol", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, seconds: float = 5.0) -> None:
        self._stopping.set()
        self._thread.join(seconds)

    def look(self) -> None:
        """Once, at all dataflows; what cannot be looked at is logged and does not keep it from the others."""
        dataflows = self._director.dataflows()
        for gone in self._told.difference(dataflows):
            self._tell(gone, ())  # what was told of it last holds no more
        self._told.intersection_update(dataflows)
        for dataflow in dataflows:
            try:
                found = self._director.drift(dataflow)
            except DirectorError as error:
                log.warning("dataflow %s could not be looked at for drift: %s", dataflow, error)
                continue
            self._tell(dataflow, found)
            self._told.add(dataflow)
            self._put_right(dataflow, found)

    def _put_right(self, dataflow: str, found: Sequence[Drift]) -> None:
        for resource in dict.fromkeys(f"{one.kind}/{one.name}" for one in found if one.enforced):
            try:
                self._enforce(dataflow, resource)
            except DirectorError as error:
                log.warning("dataflow %s: %s is to be enforced, and could not be: %s", dataflow, resource, error)

    def _run(self) -> None:
        while not self._stopping.wait(self._every * (1 + JITTER * (self._jitter() - 0.5))):
            try:
                self.look()
            except Exception:  # the next look must come whatever became of this one
                log.exception("a look for drift ended in an error")
