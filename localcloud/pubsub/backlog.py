"""What one subscription still has to deliver: ready, on lease, held back, in order, or given up. Pure."""

import heapq
import itertools
import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from localcloud.pubsub.lanes import Delivery, Holder, Lane
from localcloud.pubsub.messages import Message


@dataclass(frozen=True, slots=True)
class Policy:
    """How messages are delivered; times in seconds. `attempts` None means there is no dead-letter topic."""

    ordered: bool = False
    attempts: int | None = None
    shortest_backoff: float = 0.0
    longest_backoff: float = 0.0

    def backoff(self, failures: int) -> float:
        exponent = min(failures - 1, 64)  # beyond, a float would overflow long after the longest is reached
        return min(self.shortest_backoff * 2.0**exponent, self.longest_backoff)


class Backlog:
    """The unacknowledged messages of one subscription, each delivered until acknowledged.

    Every method takes `now`, in seconds on a clock that never goes back. An expired lease counts as a failure, as a
    refusal does. A message that failed goes behind the others, so that one nobody can handle does not block them.
    """

    def __init__(self, policy: Policy, ack_ids: Iterator[str], messages: Iterable[Message] = ()) -> None:
        self.policy = policy
        self._ack_ids = ack_ids
        self._order = itertools.count()
        self._leased: dict[str, Delivery] = {}
        self.restart(messages, 0.0)

    def restart(self, messages: Iterable[Message], now: float) -> None:
        """These are all there is to deliver, as if never delivered before; leases end."""
        for delivery in self._leased.values():
            _release(delivery)
        self._leased = {}
        self._next_expiry = math.inf  # no lease ends before
        self._ready: deque[Delivery] = deque()  # of a lane, only the first, while none of it is out
        self._held_back: list[tuple[float, int, Delivery]] = []
        self._lanes: dict[str, Lane] = {}
        self._given_up: list[Delivery] = []
        self._oldest = math.inf  # no message was published before
        self.offer(sorted(messages), now)

    def offer(self, messages: Sequence[Message], now: float) -> None:
        """Messages in the order of publishing, later than all before."""
        if not messages:
            return
        self._oldest = min(self._oldest, messages[0].published)
        if not self.policy.ordered:
            self._ready.extend([Delivery(message) for message in messages])
            return
        for message in messages:
            if message.ordering_key:
                self._offer_in_order(message, now)
            else:
                self._ready.append(Delivery(message))

    def take(self, most: int, size: int, holder: Holder, seconds: float, now: float) -> list[Delivery]:
        """Leases for `seconds` what is ready: up to `most` messages of `size` bytes in all, but at least one."""
        self.settle(now)
        taken: list[Delivery] = []
        ready = self._ready
        total = 0
        while ready and len(taken) < most:
            delivery = ready.popleft()
            if taken and total + delivery.size > size:
                ready.appendleft(delivery)
                break
            total += delivery.size
            taken.append(delivery)
            lane = delivery.lane
            if lane is not None:
                lane.send()
                if lane.waiting:
                    ready.appendleft(lane.waiting[0])
        if ready and (cut := ready[0].lane) is not None and cut.out:
            ready.popleft()  # its lane comes back when what is out of it is done
        self._lease(taken, holder, now + seconds)
        holder.messages += len(taken)
        holder.size += total
        return taken

    def acknowledge(self, ack_ids: Iterable[str], now: float) -> tuple[list[int], list[str]]:
        """Numbers of the messages that are done with for ever, and the ack ids that are not on lease."""
        self.settle(now)
        done: list[int] = []
        unknown: list[str] = []
        pop = self._leased.pop
        for ack_id in ack_ids:
            delivery = pop(ack_id, None)
            if delivery is None:
                unknown.append(ack_id)
                continue
            _release(delivery)
            if delivery.lane is None:
                done.append(delivery.message.number)
            else:
                done.extend(each.message.number for each in delivery.lane.finished())
                self._continue(delivery.lane, now)
        return done, unknown

    def extend(self, ack_ids: Iterable[str], seconds: float, now: float) -> list[str]:
        """The leases end in `seconds` from now, at once for 0. Answers with the ack ids that are not on lease."""
        self.settle(now)
        unknown = []
        for ack_id in ack_ids:
            delivery = self._leased.get(ack_id)
            if delivery is None:
                unknown.append(ack_id)
            elif seconds:
                delivery.deadline = now + seconds
            else:
                self._fail(delivery, now)
        if seconds:
            self._next_expiry = min(self._next_expiry, now + seconds)
        return unknown

    def settle(self, now: float) -> None:
        """Takes in what time brought: expired leases, ended back-offs."""
        if now >= self._next_expiry:
            for delivery in [delivery for delivery in self._leased.values() if delivery.deadline <= now]:
                if delivery.ack_id:  # else taken back with one before it
                    self._fail(delivery, now)
            self._next_expiry = min((delivery.deadline for delivery in self._leased.values()), default=math.inf)
        while self._held_back and self._held_back[0][0] <= now:
            self._ready.append(heapq.heappop(self._held_back)[2])

    def drop(self, published_before: float, now: float) -> list[int]:
        """Forgets older messages, leased or not. Answers with the numbers of those this leaves done with."""
        if published_before <= self._oldest:
            return []
        for delivery in [each for each in self._leased.values() if each.message.published < published_before]:
            del self._leased[delivery.ack_id]
            _release(delivery)
        self._ready = deque(
            each for each in self._ready if each.lane is None and each.message.published >= published_before
        )
        self._held_back = [
            held for held in self._held_back if held[2].lane is None and held[2].message.published >= published_before
        ]
        heapq.heapify(self._held_back)
        done = []
        for lane in list(self._lanes.values()):
            lane.drop(published_before)
            done += [delivery.message.number for delivery in lane.finished()]
            self._continue(lane, now)
        self._oldest = min((message.published for message in self.messages()), default=math.inf)
        return done

    def given_up(self) -> list[Delivery]:
        """Hands over, once, what failed too often: for the dead-letter topic."""
        given_up, self._given_up = self._given_up, []
        return given_up

    def has_ready(self) -> bool:
        return bool(self._ready)

    def messages(self) -> list[Message]:
        """Everything unacknowledged, in the order of publishing."""
        unordered = itertools.chain(self._leased.values(), self._ready, (held[2] for held in self._held_back))
        single = (delivery.message for delivery in unordered if delivery.lane is None)
        in_lanes = (delivery.message for lane in self._lanes.values() for delivery in lane)
        return sorted(itertools.chain(single, in_lanes))

    def _offer_in_order(self, message: Message, now: float) -> None:
        lane = self._lanes.get(message.ordering_key)
        if lane is None:
            lane = self._lanes[message.ordering_key] = Lane(message.ordering_key)
        lane.waiting.append(Delivery(message, lane))
        if len(lane.waiting) == 1:
            self._continue(lane, now)

    def _lease(self, taken: list[Delivery], holder: Holder, deadline: float) -> None:
        leased, ack_ids = self._leased, self._ack_ids
        for delivery in taken:
            delivery.ack_id = ack_id = next(ack_ids)
            delivery.deadline = deadline
            delivery.holder = holder
            leased[ack_id] = delivery
        if taken:
            self._next_expiry = min(self._next_expiry, deadline)

    def _fail(self, delivery: Delivery, now: float) -> None:
        del self._leased[delivery.ack_id]
        _release(delivery)
        delivery.failures += 1
        given_up = self.policy.attempts is not None and delivery.failures >= self.policy.attempts
        ready_at = now if given_up else now + self.policy.backoff(delivery.failures)
        if given_up:
            self._given_up.append(delivery)
        if delivery.lane is not None:
            self._fail_in_order(delivery, delivery.lane, given_up, ready_at)
            self._continue(delivery.lane, now)
        elif not given_up:
            self._put_back(delivery, ready_at, now)

    def _fail_in_order(self, delivery: Delivery, lane: Lane, given_up: bool, ready_at: float) -> None:
        for later in lane.take_back(delivery):
            if later.ack_id:
                del self._leased[later.ack_id]
                _release(later)
        if given_up:
            lane.waiting.popleft()
        lane.not_before = ready_at

    def _continue(self, lane: Lane, now: float) -> None:
        """The lane's next delivery gets ready, unless some are out."""
        if lane.out:
            return
        if lane.waiting:
            self._put_back(lane.waiting[0], lane.not_before, now)
        else:
            del self._lanes[lane.key]

    def _put_back(self, delivery: Delivery, ready_at: float, now: float) -> None:
        if ready_at <= now:
            self._ready.append(delivery)
        else:
            heapq.heappush(self._held_back, (ready_at, next(self._order), delivery))


def _release(delivery: Delivery) -> None:
    delivery.ack_id = ""
    delivery.holder.messages -= 1
    delivery.holder.size -= delivery.size
