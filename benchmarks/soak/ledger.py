"""What was sent, what arrived, and the verdict. Pure; safe to use from several threads through its lock."""

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

MOST_DUPLICATES = 15.0  # % of the messages
LONGEST_RECOVERY = 60.0  # seconds from the last fault until everything has arrived


def identity(device: int, serial: int) -> str:
    return f"d{device:02d}-{serial:07d}"


class Ledger:
    """Messages by id, `DEVICE-SERIAL`. Only what the broker acknowledged was promised to anybody."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._acknowledged: set[str] = set()
        self._copies: Counter[str] = Counter()
        self._dead: set[str] = set()
        self._latest: dict[str, int] = {}
        self._reordered = 0

    def acknowledged(self, ids: Iterable[str]) -> None:
        with self._lock:
            self._acknowledged.update(ids)

    def arrived(self, ids: Iterable[str]) -> bool:
        """In the order of arrival. Whether any came for the first time."""
        with self._lock:
            before = len(self._copies)
            for one in ids:
                if one not in self._copies:
                    self._first_copy(one)
                self._copies[one] += 1
            return len(self._copies) > before

    def _first_copy(self, one: str) -> None:
        device, _, serial = one.partition("-")
        latest = self._latest.get(device, -1)
        self._reordered += int(serial) < latest
        self._latest[device] = max(latest, int(serial))

    def dead_lettered(self, ids: Iterable[str]) -> None:
        with self._lock:
            self._dead.update(ids)

    @property
    def missing(self) -> int:
        """How many messages that were acknowledged to devices have not arrived, nor are dead letters."""
        with self._lock:
            return len(self._acknowledged - self._copies.keys() - self._dead)

    def count(self) -> "Count":
        with self._lock:
            lost = sorted(self._acknowledged - self._copies.keys() - self._dead)
            unique = len(self._copies)
            return Count(
                acknowledged=len(self._acknowledged),
                arrived=unique,
                dead_letters=len(self._dead),
                lost=len(lost),
                examples_lost=lost[:10],
                duplicates_percent=round(100 * (self._copies.total() - unique) / unique, 2) if unique else 0.0,
                reordered=self._reordered,
            )


@dataclass(frozen=True, slots=True)
class Count:
    """`arrived` counts ids; `reordered` first copies that came after a later message of their device."""

    acknowledged: int
    arrived: int
    dead_letters: int
    lost: int
    examples_lost: list[str]
    duplicates_percent: float
    reordered: int


def failures(count: Count, messages: int, recovery_seconds: float) -> list[str]:
    """Why a soak of so many messages has failed; empty where it has passed."""
    found = []
    if count.acknowledged < messages:
        found.append(f"only {count.acknowledged} of {messages} messages were sent")
    if count.lost:
        found.append(f"{count.lost} messages lost, such as {', '.join(count.examples_lost[:3])}")
    if count.duplicates_percent > MOST_DUPLICATES:
        found.append(f"{count.duplicates_percent} % duplicates, more than {MOST_DUPLICATES:.0f} %")
    if recovery_seconds > LONGEST_RECOVERY:
        found.append(f"done {recovery_seconds:.0f} s after the last fault, more than {LONGEST_RECOVERY:.0f} s")
    return found
