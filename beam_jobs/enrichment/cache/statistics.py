"""What the cache counts of itself, from any thread, until a stage takes it to Beam's metrics."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

from apache_beam.metrics import Metrics

from beam_jobs.stages import DETAILS

MOST_TIMES = 10_000  # kept of one name between two reports


@dataclass(frozen=True, slots=True)
class Counted:
    """`counts` by name and outcome, and `milliseconds` of calls by name."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    milliseconds: dict[str, list[float]] = field(default_factory=dict)


class Statistics:
    """Counts since the last `taken`; names are those of layers and sources, outcomes stand in docs/enrichment.md."""

    def __init__(self) -> None:
        self._counted = Counted()
        self._lock = threading.Lock()

    def count(self, name: str, outcome: str, number: int = 1) -> None:
        if number:
            with self._lock:
                self._counted.counts[name, outcome] += number

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Measures a call, however it ends."""
        started = perf_counter()
        try:
            yield
        finally:
            taken = (perf_counter() - started) * 1e3
            with self._lock:
                times = self._counted.milliseconds.setdefault(name, [])
                if len(times) < MOST_TIMES:
                    times.append(taken)

    def taken(self) -> Counted:
        """What was counted since the last time."""
        with self._lock:
            counted, self._counted = self._counted, Counted()
        return counted


def report(statistics: Statistics) -> None:
    """Adds what was counted to the metrics of the bundle that this thread works on; outside of Beam to none."""
    counted = statistics.taken()
    for (name, outcome), number in counted.counts.items():
        Metrics.counter(DETAILS, f"{name}_{outcome}").inc(number)
    for name, times in counted.milliseconds.items():
        distribution = Metrics.distribution(DETAILS, f"{name}_ms")
        for one in times:
            distribution.update(round(one))
