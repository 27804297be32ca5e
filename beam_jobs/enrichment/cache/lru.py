"""The nearest layer: the records of this process, least recently used out first."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping

from beam_jobs.enrichment.cache.layers import ABSENT


class LruLayer:
    """At most `entries` records, each for `seconds` (absent ones for `absent_seconds`). Shared by threads."""

    name = "process"

    def __init__(self, entries: int, seconds: float, absent_seconds: float, monotonic: Callable[[], float]) -> None:
        self._entries = entries
        self._seconds = seconds
        self._absent_seconds = absent_seconds
        self._monotonic = monotonic
        self._records: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, keys: Collection[str]) -> dict[str, bytes]:
        now = self._monotonic()
        found: dict[str, bytes] = {}
        with self._lock:
            for key in keys:
                entry = self._records.get(key)
                if entry is None:
                    continue
                until, record = entry
                if until > now:
                    self._records.move_to_end(key)
                    found[key] = record
                else:
                    del self._records[key]
        return found

    def put(self, records: Mapping[str, bytes]) -> None:
        now = self._monotonic()
        with self._lock:
            for key, record in records.items():
                self._records[key] = (now + (self._absent_seconds if record == ABSENT else self._seconds), record)
                self._records.move_to_end(key)
            while len(self._records) > self._entries:
                self._records.popitem(last=False)
