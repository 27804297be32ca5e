"""The times before which records must not have been read, by key: how changes are remembered."""

import threading
from collections import OrderedDict

from beam_jobs.enrichment.cache.layers import Change, Entry

MOST_KEYS = 100_000


class Floors:
    """What was read at the source before a key's floor is out of date. Safe for threads.

    At most `most` keys are remembered. The floor of one that is forgotten becomes the floor of all keys: then more is
    read anew than need be, and nothing old passes for fresh.
    """

    def __init__(self, most: int = MOST_KEYS) -> None:
        self._most = most
        self._floors: OrderedDict[str, int] = OrderedDict()
        self._of_all = 0
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """Keys remembered."""
        return len(self._floors)

    def raise_to(self, change: Change) -> Change:
        """Remembers `change`. Gives it with what has to be forgotten for it."""
        with self._lock:
            for key, floor in change.keys.items():
                self._floors[key] = max(floor, self._floors.get(key, 0))
                self._floors.move_to_end(key)
            of_all = max(self._of_all, change.unheard)
            while len(self._floors) > self._most:
                of_all = max(of_all, self._floors.popitem(last=False)[1])
            unheard, self._of_all = (of_all if of_all > self._of_all else 0), of_all
            return Change(change.keys, unheard)

    def superseded(self, key: str, entry: Entry) -> bool:
        """Whether the key is known to have changed since."""
        return entry.read_at < self._floors.get(key, 0)

    def outdated(self, key: str, entry: Entry) -> bool:
        """Whether the key has changed since, or may have."""
        return entry.read_at < self._of_all or self.superseded(key, entry)
