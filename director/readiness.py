"""Whether services may start: one look at a dataflow for all that ask in the same moment.

A fleet that starts together asks together. The first looks at what it needs itself; where others wait by then, the
next looks at the whole dataflow, in few calls, and the rest are answered from that.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from director.errors import Rejected, Unavailable
from director.keys import Key
from director.provisioning.base import Wanted
from director.provisioning.plan import Change, Plan

log = logging.getLogger(__name__)

FRESH = 1.0  # seconds for which a look at a whole dataflow is good
Look = Callable[[Sequence[Wanted[Any]]], Plan]


@dataclass(slots=True, eq=False)
class _Dataflow:
    """`seen` of all of it in the look that began `at`; None where that failed."""

    looking: threading.Lock = field(default_factory=threading.Lock)
    asking: int = 0
    seen: Mapping[Key, Change] | None = None
    at: float = float("-inf")


class Readiness:
    """`look` gives the changes that resources need, and raises Unavailable or Rejected."""

    def __init__(self, look: Look, fresh: float = FRESH, clock: Callable[[], float] = time.monotonic) -> None:
        self._look = look
        self._fresh = fresh
        self._clock = clock
        self._dataflows: dict[str, _Dataflow] = {}
        self._counting = threading.Lock()

    def missing(self, dataflow: str, part: Sequence[Wanted[Any]], whole: Sequence[Wanted[Any]]) -> Plan:
        """The changes that `part` of the dataflow needs, at most `fresh` seconds old. Raises as `look`."""
        with self._counting:
            flow = self._dataflows.setdefault(dataflow, _Dataflow())
            flow.asking += 1
        try:
            with flow.looking:
                if self._clock() - flow.at > self._fresh:
                    if flow.asking == 1 or len(part) == len(whole):
                        return self._look(part)
                    flow.at, flow.seen = self._clock(), self._all(dataflow, whole)
                seen = flow.seen
        finally:
            with self._counting:
                flow.asking -= 1
        if seen is None:
            return self._look(part)
        return tuple(seen[one.key] for one in part)

    def forget(self, dataflow: str) -> None:
        """Whoever asks from now on is told of what is there now."""
        with self._counting:
            self._dataflows.pop(dataflow, None)

    def _all(self, dataflow: str, whole: Sequence[Wanted[Any]]) -> Mapping[Key, Change] | None:
        """None where something cannot be looked at: that need not be what a service wants."""
        try:
            return {change.key: change for change in self._look(whole)}
        except (Unavailable, Rejected) as error:
            log.warning("dataflow %s cannot be looked at as a whole, so each service is by itself: %s", dataflow, error)
            return None
