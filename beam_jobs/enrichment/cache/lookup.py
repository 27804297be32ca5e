"""The chain of layers: ask the near ones first, write back what the far ones knew.

    memory of this process -> layers further away -> source

One thread asks for a key from afar, others that want it meanwhile wait for that answer. A layer that fails is passed
over, for this lookup also when it comes to writing back. Where the source fails, records past their time are served,
marked `stale`.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from beam_jobs.enrichment.cache.flights import Flights
from beam_jobs.enrichment.cache.floors import Floors
from beam_jobs.enrichment.cache.layers import STALE, Answer, Change, Entry, Layer, LayerUnavailable, Source
from beam_jobs.enrichment.cache.lru import LruLayer
from beam_jobs.enrichment.cache.refresher import Refresher, Start, in_a_thread
from beam_jobs.enrichment.cache.statistics import Statistics

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 5.0  # for another thread's fetch: more than all timeouts on the way together


@dataclass(slots=True)
class _Search:
    """One search from afar: what is still wanted, what was found, and which layers are to be told of it."""

    wanted: set[str]
    found: dict[str, Entry] = field(default_factory=dict)
    stale: dict[str, Entry] = field(default_factory=dict)
    lacking: list[tuple[Layer, set[str]]] = field(default_factory=list)

    def take(self, answer: Answer) -> None:
        self.found |= answer.entries
        self.wanted -= answer.entries.keys()
        for key, entry in answer.stale.items():
            known = self.stale.get(key)
            if not entry.absent and (known is None or known.read_at < entry.read_at):
                self.stale[key] = entry


class Lookup:
    """Records by key, out of `memory` where there is one, `layers` from near to far, and `source`."""

    def __init__(
        self,
        source: Source,
        layers: Sequence[Layer] = (),
        memory: LruLayer | None = None,
        floors: Floors | None = None,
        statistics: Statistics | None = None,
        start: Start = in_a_thread,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._source = source
        self._layers = layers
        self._memory = memory
        self._floors = Floors() if floors is None else floors
        self.statistics = Statistics() if statistics is None else statistics
        self._flights = Flights(patience)
        self._refresher = Refresher(lambda keys: self._flights.share(keys, self._anew), start)

    def records(self, keys: Collection[str]) -> dict[str, bytes]:
        """What is known of `keys`; a key that is missing could not be looked up."""
        if self._memory is None:
            return self._flights.share(keys, self._from_afar)
        near = self._memory.get(keys)
        found = {key: entry.record for key, entry in near.entries.items()}
        self.statistics.count(self._memory.name, "hit", len(found) - len(near.ageing))
        if near.ageing:
            self.statistics.count(self._memory.name, "ageing", len(near.ageing))
            self._refresher.ask(near.ageing)
        if len(found) < len(keys):
            missing = [key for key in keys if key not in found]
            self.statistics.count(self._memory.name, "miss", len(missing))
            far = self._flights.share(missing, self._from_afar)
            self.statistics.count(self._memory.name, "stale", sum(one.endswith(STALE) for one in far.values()))
            found |= far
        return found

    def change(self, change: Change) -> None:
        """A lookup that begins after this serves nothing older than `change` says."""
        change = self._floors.raise_to(change)
        self._flights.leave_behind(change.keys)
        for layer in (self._memory, *self._layers):
            if layer is not None:
                try:
                    layer.change(change)
                except LayerUnavailable as error:  # our floors hold back what it still has
                    log.warning("the %s layer did not hear of %d changes: %s", layer.name, len(change.keys), error)
                    self.statistics.count(layer.name, "change_unheard", len(change.keys))

    def _from_afar(self, keys: Collection[str]) -> dict[str, bytes]:
        """First what another thread may have brought between our look into the memory and now."""
        search = _Search(set(keys))
        if self._memory is not None:
            search.take(self._memory.get(keys))
        return self._searched(search)

    def _anew(self, keys: Collection[str]) -> dict[str, bytes]:
        """What the memory has counts as stale: others may have joined, and are to get that rather than nothing."""
        search = _Search(set(keys))
        if self._memory is not None:
            near = self._memory.get(keys)
            search.take(Answer(stale=near.entries | near.stale))
        return self._searched(search)

    def _searched(self, search: _Search) -> dict[str, bytes]:
        if search.wanted and self._memory is not None:
            search.lacking.append((self._memory, set(search.wanted)))
        for layer in self._layers:
            if search.wanted:
                self._ask(layer, search)
        if search.wanted:
            self._fetch(search)
        for layer, lacked in search.lacking:
            self._write_back(layer, {key: search.found[key] for key in lacked if key in search.found})
        fresh = {key: entry.record for key, entry in search.found.items()}
        return fresh | {key: one.record + STALE for key, one in search.stale.items() if key in search.wanted}

    def _ask(self, layer: Layer, search: _Search) -> None:
        try:
            answer = layer.get(search.wanted)
        except LayerUnavailable:
            return  # counted and told by who guards it
        asked = len(search.wanted)
        search.take(self._permitted(answer))
        self.statistics.count(layer.name, "hit", asked - len(search.wanted))
        self.statistics.count(layer.name, "miss", len(search.wanted))
        search.lacking.append((layer, set(search.wanted)))

    def _permitted(self, answer: Answer) -> Answer:
        """Without what has changed since: a layer may not have been told."""
        floors = self._floors
        known = answer.entries | answer.stale
        entries = {key: entry for key, entry in answer.entries.items() if not floors.outdated(key, entry)}
        stale = {key: one for key, one in known.items() if key not in entries and not floors.superseded(key, one)}
        return Answer(entries, stale=stale)

    def _fetch(self, search: _Search) -> None:
        try:
            fetched = self._source.fetch(search.wanted)
        except LayerUnavailable:
            self.statistics.count(self._source.name, "unanswered", len(search.wanted))
            return
        absent = sum(entry.absent for entry in fetched.values())
        self.statistics.count(self._source.name, "found", len(fetched) - absent)
        self.statistics.count(self._source.name, "absent", absent)
        search.found |= fetched
        search.wanted -= fetched.keys()

    def _write_back(self, layer: Layer, entries: Mapping[str, Entry]) -> None:
        if not entries:
            return
        try:
            late = layer.put(entries)
        except LayerUnavailable:
            return
        self.statistics.count(layer.name, "late", late)
