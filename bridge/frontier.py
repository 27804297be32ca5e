"""The acknowledgement frontier: what was received first is acknowledged first (MQTT 5.0, [MQTT-4.6.0-2]). Pure.

Messages enter as batches in receive order. A batch settles when every one of its messages is published or
dead-lettered, in any order; packet ids leave only from the front. Packet ids belong to one connection: after a
reconnect the same id names another message, so what an older connection received is never acknowledged on a newer
one.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(slots=True)
class Batch:
    """Messages received together, and how many of them have not settled."""

    generation: int
    packet_ids: Sequence[bytes]
    open: int


class Frontier:
    """Batches in receive order. Not thread-safe: the relay's lock guards it."""

    def __init__(self) -> None:
        self._batches: deque[Batch] = deque()
        self._generation = 0
        self.in_flight = 0

    def renew(self, generation: int) -> None:
        """A new connection: everything older stays unacknowledged, the broker will deliver it again."""
        self._generation = generation
        self._batches.clear()

    def enter(self, generation: int, packet_ids: Sequence[bytes], messages: int) -> Batch:
        """`packet_ids` are those to acknowledge (QoS 1), `messages` counts all, at least one."""
        batch = Batch(generation, packet_ids, messages)
        self.in_flight += messages
        if generation == self._generation:
            self._batches.append(batch)
        return batch

    def settle(self, batch: Batch, messages: int) -> list[bytes]:
        """So many messages of `batch` have ended: the packet ids that may now be acknowledged, in receive order."""
        batch.open -= messages
        self.in_flight -= messages
        ready: list[bytes] = []
        if batch.generation == self._generation:
            while self._batches and self._batches[0].open == 0:
                ready.extend(self._batches.popleft().packet_ids)
        return ready
