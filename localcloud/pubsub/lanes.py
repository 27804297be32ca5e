"""Deliveries, and the lanes that keep those of one ordering key in order. Pure."""

from collections import deque
from collections.abc import Iterator

from localcloud.pubsub.messages import OVERHEAD, Message


class Holder:
    """Whoever has messages on lease, and how much that is: one stream, or all callers of Pull together."""

    __slots__ = ("messages", "size")

    def __init__(self) -> None:
        self.messages = 0
        self.size = 0


class Delivery:
    """One message on its way through one subscription. `ack_id` is empty when it is not on lease."""

    __slots__ = ("ack_id", "deadline", "failures", "holder", "lane", "message", "size")

    holder: Holder  # of the lease, as is `deadline`
    deadline: float

    def __init__(self, message: Message, lane: "Lane | None" = None) -> None:
        self.message = message
        self.size = len(message.field) + OVERHEAD
        self.lane = lane
        self.failures = 0
        self.ack_id = ""


class Lane:
    """The deliveries of one ordering key, in order.

    What is out is out as one batch: the next leaves when all of it is acknowledged. An acknowledgement out of order
    counts only once everything before it is acknowledged too; a failure takes back all that came after it.
    """

    __slots__ = ("key", "not_before", "out", "waiting")

    def __init__(self, key: str) -> None:
        self.key = key
        self.out: deque[Delivery] = deque()
        self.waiting: deque[Delivery] = deque()
        self.not_before = 0.0

    def __iter__(self) -> Iterator[Delivery]:
        yield from self.out
        yield from self.waiting

    def send(self) -> None:
        """The next waiting delivery goes out."""
        self.out.append(self.waiting.popleft())

    def finished(self) -> list[Delivery]:
        """Takes away what is acknowledged with nothing before it still on lease."""
        done = []
        while self.out and not self.out[0].ack_id:
            done.append(self.out.popleft())
        return done

    def take_back(self, failed: Delivery) -> list[Delivery]:
        """What was out after `failed` waits again; so does `failed`, before it. Answers with the later ones."""
        later = []
        while (last := self.out.pop()) is not failed:
            self.waiting.appendleft(last)
            later.append(last)
        self.waiting.appendleft(failed)
        return later

    def drop(self, published_before: float) -> None:
        self.out = deque(each for each in self.out if each.message.published >= published_before)
        self.waiting = deque(each for each in self.waiting if each.message.published >= published_before)
