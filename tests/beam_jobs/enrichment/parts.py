"""Pieces that tests of the cache share: a clock that moves when told, and a register in memory."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from beam_jobs.enrichment.cache.layers import ABSENT, FOUND, Answer, Change, Entry, LayerUnavailable
from beam_jobs.enrichment.config import EnrichmentConfig
from bridge import envelope

EDGES = {"subscription": "projects/p/subscriptions/s", "dead_letter_topic": "projects/p/topics/d"}


class Clock:
    """Seconds that pass when told. Begins at a time like today's, for those who want to know the date."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    @property
    def micros(self) -> int:
        return int(self.now * 1e6)


class Register:
    """Documents in memory, read at the clock's time. `away` makes it fail, `meanwhile` happens during a fetch."""

    name = "register"

    def __init__(self, clock: Clock, records: Mapping[str, bytes] | None = None) -> None:
        self.records = dict(records or {})
        self.asked: list[set[str]] = []
        self.away = False
        self.meanwhile: Callable[[], object] = lambda: None
        self._clock = clock

    def fetch(self, keys: Collection[str]) -> dict[str, Entry]:
        self.asked.append(set(keys))
        if self.away:
            raise LayerUnavailable("the register is away")
        entries = {key: Entry(self.records.get(key, ABSENT), self._clock.micros) for key in keys}
        self.meanwhile()
        return entries


class Shared:
    """A layer in memory that keeps everything, and says what it was asked. `away` makes it fail."""

    name = "shared"

    def __init__(self, entries: Mapping[str, Entry] | None = None) -> None:
        self.entries = dict(entries or {})
        self.asked: list[set[str]] = []
        self.away = False

    def get(self, keys: Collection[str]) -> Answer:
        self._answer(keys)
        return Answer({key: self.entries[key] for key in keys if key in self.entries})

    def put(self, entries: Mapping[str, Entry]) -> int:
        self._answer(())
        self.entries |= entries
        return 0

    def change(self, change: Change) -> None:
        self._answer(())
        for key in change.keys:
            self.entries.pop(key, None)

    def _answer(self, keys: Collection[str]) -> None:
        self.asked.append(set(keys))
        if self.away:
            raise LayerUnavailable("away")


def record(location: str) -> bytes:
    return envelope.attribute("device.location", location) + FOUND


def attributes(block: bytes) -> dict[str, str]:
    return dict(envelope.parse(block).attributes)


def config(**settings: Any) -> EnrichmentConfig:
    given = {"topic": "projects/p/topics/t", "collection": "devices", "fields": {"location": "location"}}
    return EnrichmentConfig(**EDGES, **(given | settings))
