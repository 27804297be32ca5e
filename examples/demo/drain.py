"""Waits until every message has reached every sink or is a dead letter, or until nothing moves any more."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import requests
from google.api_core.exceptions import GoogleAPIError

from examples.demo.progress import Progress, Snapshot
from examples.demo.readers import Archive, DeadLetterDesk, Warehouse
from examples.demo.reconcile import DeadLetter, Reconciliation, reconcile

log = logging.getLogger(__name__)

GLANCE_EVERY = 0.5  # seconds
LOOK_EVERY = 1.0


@dataclass(frozen=True, slots=True)
class Sinks:
    """Everything a message can end in."""

    warehouse: Warehouse
    archive: Archive
    desk: DeadLetterDesk


@dataclass(frozen=True, slots=True)
class Drained:
    """How it ended; `reconciliation.lost` is empty unless nothing moved for too long."""

    reconciliation: Reconciliation
    counted: Snapshot
    dead_letters: Sequence[DeadLetter]


class Drain:
    """`messages` are expected; `patience` is how long nothing may move, in seconds."""

    def __init__(self, progress: Progress, sinks: Sinks, messages: int, patience: float) -> None:
        self._progress = progress
        self._sinks = sinks
        self._messages = messages
        self._patience = patience

    def wait(self, show: Callable[[Snapshot], None]) -> Drained:
        """Shows a snapshot at every glance."""
        last_state, moved, next_look = None, time.monotonic(), 0.0
        arrived = 0
        while time.monotonic() - moved < self._patience:
            snapshot = self._progress.snapshot()
            show(snapshot)
            if snapshot.published >= self._messages and time.monotonic() >= next_look:
                arrived = self._arrived()
                if arrived >= 2 * self._messages:
                    found = self._compared(snapshot)
                    if not found.reconciliation.lost:
                        return found
                next_look = time.monotonic() + LOOK_EVERY
            if (snapshot, arrived) != last_state:
                last_state, moved = (snapshot, arrived), time.monotonic()
            time.sleep(GLANCE_EVERY)
        return self._compared(snapshot)

    def _arrived(self) -> int:
        """Messages in the sinks and dead letters, counted once for each sink; 0 while nobody answers."""
        sinks = self._sinks
        try:
            dead = len({letter.id for letter in sinks.desk.letters()})
            return sinks.warehouse.messages() + len(sinks.archive.arrivals()) + 2 * dead
        except (GoogleAPIError, requests.RequestException) as error:
            log.warning("the sinks cannot be read just now: %s", error)
            return 0

    def _compared(self, snapshot: Snapshot) -> Drained:
        sinks = self._sinks
        letters = sinks.desk.letters()
        found = reconcile(self._progress.sent, sinks.warehouse.arrivals(), sinks.archive.arrivals(), letters)
        return Drained(found, snapshot, letters)
