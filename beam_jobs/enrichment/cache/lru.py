"""The nearest layer: the entries of this process, least recently used out first."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from beam_jobs.enrichment.cache.floors import Floors
from beam_jobs.enrichment.cache.layers import Answer, Change, Entry, Lifetimes

OVERHEAD_BYTES = 500  # of an entry beside key and record: measured with tracemalloc, CPython 3.11


@dataclass(slots=True)
class _Held:
    entry: Entry
    fresh_until: float
    size: int


class LruLayer:
    """At most `entries` entries in at most `octets` bytes. Shared by threads; `spread` gives numbers from 0 to 1."""

    name = "process"

    def __init__(
        self,
        entries: int,
        octets: int,
        lifetimes: Lifetimes,
        floors: Floors,
        monotonic: Callable[[], float],
        spread: Callable[[], float],
    ) -> None:
        self._entries = entries
        self._octets = octets
        self._lifetimes = lifetimes
        self._floors = floors
        self._monotonic = monotonic
        self._spread = spread
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._lock = threading.Lock()
        self.octets = 0

    def __len__(self) -> int:
        return len(self._held)

    def get(self, keys: Collection[str]) -> Answer:
        answer = Answer()
        found, past = answer.entries, []
        now = self._monotonic()
        with self._lock:
            get, used = self._held.get, self._held.move_to_end
            for key in keys:
                held = get(key)
                if held is None:
                    continue
                if held.fresh_until > now:
                    used(key)
                    found[key] = held.entry
                else:
                    past.append((key, held))
            for key, held in past:
                self._past(key, held, now - held.fresh_until, answer)
        return answer

    def put(self, entries: Mapping[str, Entry]) -> int:
        now = self._monotonic()
        late = 0
        with self._lock:  # around the check too: a change told meanwhile finds the entry and drops it
            for key, entry in entries.items():
                if self._late(key, entry):
                    late += 1
                else:
                    self._store(key, entry, now)
            while len(self._held) > self._entries or self.octets > self._octets:
                self.octets -= self._held.popitem(last=False)[1].size
        return late

    def change(self, change: Change) -> None:
        with self._lock:
            for key, floor in change.keys.items():
                held = self._held.get(key)
                if held is not None and held.entry.read_at < floor:
                    self._drop(key)
            if change.unheard:
                self._distrust(change.unheard)

    def _past(self, key: str, held: _Held, seconds: float, answer: Answer) -> None:
        """What an entry is good for whose time is over since `seconds`."""
        if held.entry.absent or seconds >= max(self._lifetimes.stale_seconds, self._lifetimes.revalidate_seconds):
            self._drop(key)
        elif seconds < self._lifetimes.revalidate_seconds:
            answer.entries[key] = held.entry
            answer.ageing.add(key)
        else:
            answer.stale[key] = held.entry

    def _late(self, key: str, entry: Entry) -> bool:
        held = self._held.get(key)
        return self._floors.outdated(key, entry) or (held is not None and entry.read_at < held.entry.read_at)

    def _store(self, key: str, entry: Entry, now: float) -> None:
        if key in self._held:
            self._drop(key)
        size = len(key.encode()) + len(entry.record) + OVERHEAD_BYTES
        self._held[key] = _Held(entry, now + self._lifetimes.of(entry, self._spread()), size)
        self.octets += size

    def _drop(self, key: str) -> None:
        self.octets -= self._held.pop(key).size

    def _distrust(self, unheard: int) -> None:
        """What was read before is stale now, as if its time were over and not only just."""
        over = self._monotonic() - self._lifetimes.revalidate_seconds
        for held in self._held.values():
            if held.entry.read_at < unheard:
                held.fresh_until = min(held.fresh_until, over)
