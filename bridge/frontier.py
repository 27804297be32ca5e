"""The acknowledgement frontier: what was received first is acknowledged first (MQTT 5.0, [MQTT-4.6.0-2]). Pure.

Messages enter as batches in receive order. A batch is done when every one of its messages is published or
dead-lettered, in any order; batches leave only from the front, to be acknowledged.

Packet ids belong to one connection: what an older one received is never acknowledged on a newer one. Where the broker
kept the session it delivers all of that again under the same ids, which it may not use for anything else meanwhile
[MQTT-4.4.0-1]; such a redelivery joins the batch it came in first, and is acknowledged when that is done.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar


class Message(Protocol):
    """What enters: its packet id, empty where nothing is to be acknowledged."""

    @property
    def packet_id(self) -> bytes: ...


M = TypeVar("M", bound=Message)


@dataclass(slots=True, eq=False)
class Batch(Generic[M]):
    """Messages received together by one connection at `since` seconds; `open` counts those that are not done."""

    generation: int
    since: float
    messages: Sequence[M]
    packet_ids: Sequence[bytes]
    open: int
    size: int = 0
    followers: list["Batch[M]"] = field(default_factory=list)


class Frontier(Generic[M]):
    """Batches in receive order. Not thread-safe: the relay's lock guards it.

    In flight is what is not done; `owed` counts the packet ids of batches in flight.
    """

    def __init__(self) -> None:
        self._batches: deque[Batch[M]] = deque()
        self._held: dict[bytes, tuple[Batch[M], M]] = {}
        self._generation = 0
        self.in_flight = 0
        self.bytes_in_flight = 0
        self.owed = 0

    def renew(self, generation: int, resumed: bool) -> None:
        """A new connection. Where it resumed the session, what is unacknowledged will be delivered again."""
        self._generation = generation
        if resumed:
            for batch in self._batches:
                self._hold(batch)
        else:
            self._held.clear()
        self._batches.clear()

    def enter(self, messages: Sequence[M], to_publish: int, size: int, since: float) -> Batch[M]:
        """Messages of the present connection, of which `to_publish`, of `size` bytes, must be done first."""
        packet_ids = [message.packet_id for message in messages if message.packet_id]
        batch = Batch(self._generation, since, messages, packet_ids, to_publish, size)
        self.in_flight += to_publish
        self.bytes_in_flight += size
        self.owed += len(packet_ids) if to_publish else 0
        self._batches.append(batch)
        return batch

    @property
    def holds(self) -> bool:
        """Whether anything waits to be delivered again."""
        return bool(self._held)

    def held(self, packet_id: bytes) -> M | None:
        """The message that came under this id, is unacknowledged, and whose connection is gone."""
        found = self._held.get(packet_id)
        return found[1] if found else None

    def forget(self, packet_id: bytes) -> None:
        """The broker uses the id for another message."""
        self._held.pop(packet_id, None)

    @property
    def awaited(self) -> set[bytes]:
        """The ids that the present connection brought and that are unacknowledged; gathered for each call."""
        return {packet_id for batch in self._batches for packet_id in batch.packet_ids}

    def join(self, packet_ids: Sequence[bytes], since: float) -> None:
        """Held messages that came again: their acknowledgement takes its place here, publishing goes on there."""
        batch: Batch[M] = Batch(self._generation, since, (), packet_ids, 0)
        for first in dict.fromkeys(self._held[packet_id][0] for packet_id in packet_ids):
            if first.open:
                first.followers = [one for one in first.followers if one.generation == self._generation]
                first.followers.append(batch)
                batch.open += 1
        self._batches.append(batch)

    def done(self, batch: Batch[M], messages: int) -> None:
        """So many messages of `batch` are published or dead letters."""
        batch.open -= messages
        self.in_flight -= messages
        if batch.open == 0:
            self.bytes_in_flight -= batch.size
            self.owed -= len(batch.packet_ids)
            for follower in batch.followers:
                follower.open -= 1

    def ready(self) -> list[Batch[M]]:
        """Batches to acknowledge now, in receive order; tell `acknowledged` or `unacknowledged` what became of it."""
        ready = []
        while self._batches and self._batches[0].open == 0:
            ready.append(self._batches.popleft())
        return ready

    def acknowledged(self, batches: Sequence[Batch[M]]) -> None:
        if self._held:
            for batch in batches:
                for packet_id in batch.packet_ids:
                    self._held.pop(packet_id, None)

    def unacknowledged(self, batches: Sequence[Batch[M]]) -> None:
        """Their connection is gone: they come again, and are acknowledged then."""
        for batch in batches:
            self._hold(batch)

    @property
    def oldest(self) -> float | None:
        """When the oldest batch of the present connection was received."""
        return self._batches[0].since if self._batches else None

    def _hold(self, batch: Batch[M]) -> None:
        for message in batch.messages:
            if message.packet_id:
                self._held[message.packet_id] = (batch, message)
