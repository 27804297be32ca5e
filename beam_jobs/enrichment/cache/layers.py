"""What a layer of the cache is, and the chain of them: ask the near ones first, write back what the far ones knew.

Every layer works on many keys at once. A record is encoded as it will be appended to messages: the device's
attributes and `enrichment.status`. ABSENT says that there is no such device, and is kept for a shorter time.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from bridge import envelope

log = logging.getLogger(__name__)

STATUS = "enrichment.status"
FOUND = envelope.attribute(STATUS, "ok")
ABSENT = envelope.attribute(STATUS, "not_found")
UNAVAILABLE = envelope.attribute(STATUS, "unavailable")


class LayerUnavailable(Exception):
    """A layer that cannot answer now."""


class Layer(Protocol):
    """A cache of encoded records by key. Raises LayerUnavailable."""

    name: str

    def get(self, keys: Collection[str]) -> dict[str, bytes]: ...
    def put(self, records: Mapping[str, bytes]) -> None: ...


class Source(Protocol):
    """Where records come from in the end: every key is answered, if only by ABSENT. Raises LayerUnavailable."""

    def fetch(self, keys: Collection[str]) -> dict[str, bytes]: ...


class Lookup:
    """Layers from near to far, and the source behind them. A layer that fails is passed over."""

    def __init__(self, layers: Sequence[Layer], source: Source) -> None:
        self._layers = layers
        self._source = source

    def records(self, keys: Collection[str]) -> dict[str, bytes]:
        """What is known of `keys`; a key that is missing could not be looked up."""
        found: dict[str, bytes] = {}
        missed: list[tuple[Layer, set[str]]] = []
        for layer in self._layers:
            wanted = set(keys) - found.keys()
            if not wanted:
                break
            found |= _asked(layer, wanted)
            missed.append((layer, wanted - found.keys()))
        if len(found) < len(set(keys)):
            found |= self._fetched(set(keys) - found.keys())
        for layer, wanted in missed:
            _write_back(layer, {key: found[key] for key in wanted if key in found})
        return found

    def _fetched(self, keys: Collection[str]) -> dict[str, bytes]:
        try:
            return self._source.fetch(keys)
        except LayerUnavailable as error:
            log.warning("%d devices could not be looked up: %s", len(keys), error)
            return {}


def _asked(layer: Layer, keys: Collection[str]) -> dict[str, bytes]:
    try:
        return layer.get(keys)
    except LayerUnavailable as error:
        log.warning("passing over the %s layer: %s", layer.name, error)
        return {}


def _write_back(layer: Layer, records: Mapping[str, bytes]) -> None:
    if not records:
        return
    try:
        layer.put(records)
    except LayerUnavailable as error:
        log.warning("the %s layer did not take %d records: %s", layer.name, len(records), error)
