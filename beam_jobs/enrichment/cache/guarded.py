"""A layer or source behind a circuit breaker, its calls counted and timed."""

from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from beam_jobs.enrichment.cache.breaker import Breaker
from beam_jobs.enrichment.cache.layers import Answer, Change, Entry, Layer, LayerUnavailable, Source
from beam_jobs.enrichment.cache.statistics import Statistics

T = TypeVar("T")


class GuardedLayer:
    """`layer`, asked only while it seems to be there. Raises LayerUnavailable."""

    def __init__(self, layer: Layer, breaker: Breaker, statistics: Statistics) -> None:
        self.name = layer.name
        self._layer = layer
        self._guard = _Guard(layer.name, breaker, statistics)

    def get(self, keys: Collection[str]) -> Answer:
        return self._guard.called(lambda: self._layer.get(keys))

    def put(self, entries: Mapping[str, Entry]) -> int:
        return self._guard.called(lambda: self._layer.put(entries))

    def change(self, change: Change) -> None:
        self._guard.called(lambda: self._layer.change(change))


class GuardedSource:
    """`source`, asked only while it seems to be there. Raises LayerUnavailable."""

    def __init__(self, source: Source, breaker: Breaker, statistics: Statistics) -> None:
        self.name = source.name
        self._source = source
        self._guard = _Guard(source.name, breaker, statistics)

    def fetch(self, keys: Collection[str]) -> dict[str, Entry]:
        return self._guard.called(lambda: self._source.fetch(keys))


class _Guard:
    def __init__(self, name: str, breaker: Breaker, statistics: Statistics) -> None:
        self._name = name
        self._breaker = breaker
        self._statistics = statistics

    def called(self, call: Callable[[], T]) -> T:
        with self._breaker.attempt(), self._statistics.timed(self._name):
            try:
                return call()
            except LayerUnavailable:
                self._statistics.count(self._name, "error")
                raise
