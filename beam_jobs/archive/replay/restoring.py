"""A message to be published again, from its line: bytes and attributes as they were, with `replay.*` behind them.

Serialised protobufs merge when they are joined, and the last entry of an attribute wins: what a replay adds is one
block, encoded once. Pub/Sub's own id and time of the first publishing are left out; Pub/Sub gives new ones.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from beam_jobs.archive.lines import payload_of
from bridge import envelope
from director.addressing import RETRY_TO

REPLAY_ID, REPLAY_TIME = "replay.id", "replay.time"
_attribute = lru_cache(8_192)(envelope.attribute)  # most attributes of an archive are the same over and over
_TO_NOBODY = envelope.attribute(RETRY_TO, "")


class Restoring:
    """Makes messages of what lines say. `address` is what `retry.to` is to be, "" for everybody."""

    def __init__(self, replay_id: str, time: str, address: str = "") -> None:
        self._block = envelope.attributes({REPLAY_ID: replay_id, REPLAY_TIME: time})
        self._block += envelope.attribute(RETRY_TO, address) if address else b""
        self._neutral = b"" if address else _TO_NOBODY

    def __call__(self, document: Mapping[str, Any]) -> bytes:
        """The serialised message. Raises KeyError, TypeError or ValueError for what is no line's."""
        attributes = document["attributes"]
        message = envelope.data(payload_of(document))
        message += b"".join(map(_attribute, attributes, attributes.values())) + self._block
        if RETRY_TO in attributes:
            message += self._neutral
        key = document.get("ordering_key")
        return message + envelope.ordering_key(key) if key else message
