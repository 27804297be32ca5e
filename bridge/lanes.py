"""One at a time for each key, in order: what ordering keys ask of whoever publishes. Pure; not thread-safe."""

from collections import deque
from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Lanes(Generic[T]):
    """Queues by key, of which only the head may go."""

    def __init__(self) -> None:
        self._lanes: dict[Hashable, deque[T]] = {}

    def enter(self, key: Hashable, item: T) -> bool:
        """Whether `item` is the head and may go."""
        lane = self._lanes.setdefault(key, deque())
        lane.append(item)
        return len(lane) == 1

    def leave(self, key: Hashable) -> T | None:
        """The head is done: the next one that may go, if any."""
        lane = self._lanes[key]
        lane.popleft()
        if lane:
            return lane[0]
        del self._lanes[key]
        return None

    def split(self, key: Hashable, items: Sequence[T]) -> T:
        """`items` take the place of the head; the first of them may go."""
        lane = self._lanes[key]
        lane.popleft()
        lane.extendleft(reversed(items))
        return lane[0]

    def __len__(self) -> int:
        """How many keys have something under way."""
        return len(self._lanes)
