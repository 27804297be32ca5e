"""The delivery state machine: leases, failures, order, dead letters, retention."""

import itertools
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from localcloud.pubsub.backlog import Backlog, Policy
from localcloud.pubsub.lanes import Delivery, Holder
from localcloud.pubsub.messages import OVERHEAD, Message

PLAIN = Policy()
ORDERED = Policy(ordered=True)
NO_LIMIT = 1 << 60


def messages(*keys: str, first: int = 1, published: float = 0.0, size: int = 10) -> list[Message]:
    """One message per key, numbered in a row."""
    return [Message(number, published, key, bytes(size)) for number, key in enumerate(keys, first)]


def backlog(policy: Policy = PLAIN, *offered: Message) -> Backlog:
    made = Backlog(policy, map("A{}".format, itertools.count()))
    made.offer(offered, 0.0)
    return made


def take(of: Backlog, most: int = 100, now: float = 0.0, seconds: float = 10.0) -> list[Delivery]:
    return of.take(most, NO_LIMIT, Holder(), seconds, now)


def numbers(deliveries: list[Delivery]) -> list[int]:
    return [delivery.message.number for delivery in deliveries]


def acknowledge(of: Backlog, *deliveries: Delivery, now: float = 0.0) -> list[int]:
    done, unknown = of.acknowledge([delivery.ack_id for delivery in deliveries], now)
    assert not unknown
    return done


def refuse(of: Backlog, *deliveries: Delivery, now: float = 0.0) -> None:
    assert not of.extend([delivery.ack_id for delivery in deliveries], 0, now)


def test_messages_are_delivered_in_the_order_of_publishing_and_once() -> None:
    lot = backlog(PLAIN, *messages(*[""] * 5))
    assert numbers(take(lot, most=3)) == [1, 2, 3]
    assert numbers(take(lot)) == [4, 5]
    assert take(lot) == []


def test_a_response_stays_below_its_size_unless_one_message_is_larger() -> None:
    lot = backlog(PLAIN, *messages("", "", "", size=100))
    two = 2 * (100 + OVERHEAD)
    assert numbers(lot.take(100, two, Holder(), 10, 0.0)) == [1, 2]
    assert numbers(lot.take(100, 1, Holder(), 10, 0.0)) == [3]


def test_an_acknowledged_message_is_done_and_its_ack_id_used_up() -> None:
    lot = backlog(PLAIN, *messages("", ""))
    [first, second] = take(lot)
    ack_id = first.ack_id
    assert lot.acknowledge([ack_id, "A99"], 0.0) == ([1], ["A99"])
    assert lot.acknowledge([ack_id], 0.0) == ([], [ack_id])
    assert take(lot, now=10.0) == [second]


def test_a_lease_ends_at_its_deadline_and_the_old_ack_id_counts_no_more() -> None:
    lot = backlog(PLAIN, *messages(""))
    [delivery] = take(lot, seconds=10.0)
    old = delivery.ack_id
    assert take(lot, now=9.9) == []
    assert lot.acknowledge([old], 10.0) == ([], [old])
    [again] = take(lot, now=10.0)
    assert (again.failures, again.ack_id != old) == (1, True)


def test_a_lease_can_be_made_longer_or_shorter() -> None:
    lot = backlog(PLAIN, *messages("", ""))
    [longer, shorter] = take(lot, seconds=10.0)
    assert lot.extend([longer.ack_id], 60, 5.0) == []
    assert lot.extend([shorter.ack_id, "A99"], 1, 5.0) == ["A99"]
    assert take(lot, now=6.0) == [shorter]
    assert take(lot, now=64.9) == [shorter]
    assert take(lot, now=65.0) == [longer]


def test_a_refused_message_comes_again_behind_the_others() -> None:
    lot = backlog(PLAIN, *messages("", ""))
    refuse(lot, *take(lot, most=1))
    assert numbers(take(lot)) == [2, 1]


def test_back_off_doubles_up_to_its_longest() -> None:
    lot = backlog(Policy(shortest_backoff=2.0, longest_backoff=5.0), *messages(""))
    now = 0.0
    for wait in (2.0, 4.0, 5.0, 5.0):
        refuse(lot, *take(lot, now=now), now=now)
        assert take(lot, now=now + wait - 0.1) == []
        now += wait
    assert len(take(lot, now=now)) == 1
    assert Policy(shortest_backoff=2.0, longest_backoff=5.0).backoff(100_000) == 5.0


@pytest.mark.parametrize("policy", [Policy(attempts=3), Policy(ordered=True, attempts=3)])
def test_a_message_that_failed_too_often_is_given_up_and_the_next_goes_on(policy: Policy) -> None:
    lot = backlog(policy, *messages("k", "k"))
    for failures in range(3):
        [delivery] = take(lot, most=1) if policy.ordered else [d for d in take(lot) if d.message.number == 1]
        assert delivery.failures == failures
        assert lot.given_up() == []
        refuse(lot, delivery)
    assert numbers(lot.given_up()) == [1]
    assert lot.given_up() == []
    assert [message.number for message in lot.messages()] == [2]


def test_a_holder_counts_what_is_out_with_it() -> None:
    lot = backlog(PLAIN, *messages("", "", "", ""))
    holder = Holder()
    taken = lot.take(4, NO_LIMIT, holder, 10.0, 0.0)
    assert (holder.messages, holder.size) == (4, 4 * (10 + OVERHEAD))
    acknowledge(lot, taken[0])
    refuse(lot, taken[1])
    assert holder.messages == 2
    lot.settle(10.0)
    assert (holder.messages, holder.size) == (0, 0)


class TestOrder:
    """Messages with the same ordering key."""

    def test_one_key_waits_until_what_is_out_is_done_and_others_do_not(self) -> None:
        lot = backlog(ORDERED, *messages("a", "a", "b", "a", ""))
        [first] = take(lot, most=1)
        assert numbers(take(lot)) == [3, 5]
        assert acknowledge(lot, first) == [1]
        assert numbers(take(lot)) == [2, 4]

    def test_a_batch_of_a_key_goes_out_together_and_in_order(self) -> None:
        lot = backlog(ORDERED, *messages("a", "b", "a", "b", "a"))
        assert numbers(take(lot)) == [1, 3, 5, 2, 4]

    def test_messages_published_meanwhile_wait_for_the_batch(self) -> None:
        lot = backlog(ORDERED, *messages("a", "a"))
        batch = take(lot)
        lot.offer(messages("a", first=3), 0.0)
        assert take(lot) == []
        acknowledge(lot, *batch)
        assert numbers(take(lot)) == [3]

    def test_a_refusal_brings_back_everything_behind_it(self) -> None:
        lot = backlog(ORDERED, *messages("a", "a", "a", "a"))
        [first, second, third, fourth] = take(lot)
        late = third.ack_id
        refuse(lot, second)
        assert take(lot) == []
        assert lot.acknowledge([late], 0.0) == ([], [late])
        acknowledge(lot, first)
        again = take(lot)
        assert again == [second, third, fourth]
        assert [delivery.failures for delivery in again] == [1, 0, 0]

    def test_a_message_acknowledged_out_of_order_counts_when_those_before_it_do(self) -> None:
        lot = backlog(ORDERED, *messages("a", "a", "a"))
        [first, second, third] = take(lot)
        assert acknowledge(lot, second) == []
        assert acknowledge(lot, first) == [1, 2]
        assert acknowledge(lot, third) == [3]

    def test_a_message_acknowledged_out_of_order_comes_again_with_those_before_it(self) -> None:
        lot = backlog(ORDERED, *messages("a", "a"))
        [first, second] = take(lot)
        assert acknowledge(lot, second) == []
        refuse(lot, first)
        assert take(lot) == [first, second]

    def test_an_expired_batch_comes_again_in_order_and_counts_one_failure(self) -> None:
        lot = backlog(ORDERED, *messages("a", "a"))
        take(lot, seconds=10.0)
        again = take(lot, now=10.0)
        assert (numbers(again), [delivery.failures for delivery in again]) == ([1, 2], [1, 0])

    def test_back_off_holds_the_whole_key(self) -> None:
        lot = backlog(Policy(ordered=True, shortest_backoff=5.0, longest_backoff=5.0), *messages("a", "a", "b"))
        refuse(lot, take(lot)[0])
        lot.offer(messages("a", first=4), 1.0)
        assert take(lot, now=4.9) == []
        assert numbers(take(lot, now=5.0)) == [1, 2, 4]


class TestRetention:
    """Messages that are too old."""

    @pytest.fixture
    def lot(self) -> Backlog:
        made = backlog(ORDERED, *messages("", "a", "a", "b", published=1.0))
        made.offer(messages("", "a", "c", first=5, published=2.0), 0.0)
        return made

    def test_they_are_dropped_from_wherever_they_are(self, lot: Backlog) -> None:
        holder = Holder()
        [_, leased] = lot.take(2, NO_LIMIT, holder, 10.0, 0.0)
        lot.drop(1.5, 0.0)
        assert lot.acknowledge([leased.ack_id or "gone"], 0.0)[0] == []
        assert holder.messages == 0
        assert numbers(sorted(take(lot), key=lambda each: each.message)) == [5, 6, 7]

    def test_a_key_goes_on_with_what_is_left(self, lot: Backlog) -> None:
        [_, second, third, *_] = take(lot)
        assert acknowledge(lot, third) == []
        assert second.ack_id
        assert lot.drop(1.5, 0.0) == []
        assert lot.messages() == messages("", "a", "c", first=5, published=2.0)

    def test_an_early_acknowledgement_counts_once_nothing_is_before_it(self) -> None:
        lot = backlog(ORDERED, *messages("a", published=1.0), *messages("a", first=2, published=2.0))
        [_, second] = take(lot)
        assert acknowledge(lot, second) == []
        assert lot.drop(1.5, 0.0) == [2]
        assert lot.messages() == []

    def test_nothing_old_means_nothing_to_do(self, lot: Backlog) -> None:
        before = lot.messages()
        assert lot.drop(1.0, 0.0) == []
        assert lot.messages() == before


def test_a_restart_forgets_leases_and_failures() -> None:
    lot = backlog(ORDERED, *messages("", "a"))
    holder = Holder()
    old = [delivery.ack_id for delivery in lot.take(9, NO_LIMIT, holder, 10.0, 0.0)]
    lot.restart(messages("a", "", first=3), 0.0)
    assert holder.messages == 0
    assert lot.acknowledge(old, 0.0) == ([], old)
    assert numbers(take(lot)) == [3, 4]


class Deliveries(RuleBasedStateMachine):
    """Whatever subscribers do: nothing is lost, nothing is out twice, every key stays in order."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.published: dict[int, str] = {}
        self.done: set[int] = set()
        self.given_up: set[int] = set()
        self.leased: dict[str, tuple[int, float]] = {}  # ack id -> number, deadline
        self.holder = Holder()
        self.lot = backlog(self.policy)

    policy = PLAIN

    @rule(keys=st.lists(st.sampled_from(["", "a", "b"]), min_size=1, max_size=5))
    def publish(self, keys: list[str]) -> None:
        new = messages(*keys, first=len(self.published) + 1, published=self.now)
        self.published.update({message.number: message.ordering_key for message in new})
        self.lot.offer(new, self.now)

    @rule(most=st.integers(1, 6), seconds=st.sampled_from([1.0, 5.0]))
    def take(self, most: int, seconds: float) -> None:
        deliveries = self.lot.take(most, NO_LIMIT, self.holder, seconds, self.now)
        assert len(deliveries) <= most
        out = {number for number, _ in self.leased.values()}
        assert not out & set(numbers(deliveries)), "delivered again while on lease"
        assert not (self.done | self.given_up) & set(numbers(deliveries)), "delivered again after it was done"
        if self.policy.ordered:
            for key in {"a", "b"} & {delivery.message.ordering_key for delivery in deliveries}:
                self.check_order(key, [each for each in deliveries if each.message.ordering_key == key])
        for delivery in deliveries:
            self.leased[delivery.ack_id] = (delivery.message.number, self.now + seconds)

    def check_order(self, key: str, deliveries: list[Delivery]) -> None:
        open_numbers = [
            number
            for number, its_key in self.published.items()
            if its_key == key and number not in self.done | self.given_up
        ]
        assert numbers(deliveries) == open_numbers[: len(deliveries)], "out of order"

    @precondition(lambda self: self.leased)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        ack_ids = self.chosen(data)
        done, unknown = self.lot.acknowledge(ack_ids, self.now)
        assert not self.done & set(done)
        self.done |= set(done)
        self.forget(ack_ids, unknown)

    @precondition(lambda self: self.leased)
    @rule(data=st.data(), seconds=st.sampled_from([0.0, 2.0, 8.0]))
    def extend(self, data: st.DataObject, seconds: float) -> None:
        ack_ids = self.chosen(data)
        unknown = self.lot.extend(ack_ids, seconds, self.now)
        for ack_id in set(ack_ids) - set(unknown):
            number, _ = self.leased[ack_id]
            self.leased[ack_id] = (number, self.now + seconds)
        self.forget(ack_ids if not seconds else [], unknown)

    @rule(seconds=st.sampled_from([0.5, 1.0, 5.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.lot.settle(self.now)
        self.collect()

    def chosen(self, data: st.DataObject) -> list[str]:
        return data.draw(st.lists(st.sampled_from(sorted(self.leased)), min_size=1, max_size=4, unique=True))

    def forget(self, ack_ids: list[str], unknown: list[str]) -> None:
        for ack_id in [*ack_ids, *unknown]:
            self.leased.pop(ack_id, None)
        self.collect()

    def collect(self) -> None:
        """Dead letters, and the leases that time or order ended."""
        self.given_up |= set(numbers(self.lot.given_up()))
        held = {delivery.ack_id for delivery in self.lot._leased.values()}
        if not self.policy.ordered:
            assert held == {ack_id for ack_id, (_, deadline) in self.leased.items() if deadline > self.now}
        self.leased = {ack_id: lease for ack_id, lease in self.leased.items() if ack_id in held}

    @invariant()
    def nothing_is_lost(self) -> None:
        waiting = {message.number for message in self.lot.messages()}
        assert waiting == set(self.published) - self.done - self.given_up

    @invariant()
    def the_holder_holds_what_is_leased(self) -> None:
        assert self.holder.messages == len(self.leased)

    def teardown(self) -> None:
        """Everything that is left can be delivered and acknowledged."""
        for _ in range(len(self.published) + 2):
            self.now += 10.0  # past every lease and back-off
            deliveries = self.lot.take(100, NO_LIMIT, self.holder, 1.0, self.now)
            self.given_up |= set(numbers(self.lot.given_up()))
            self.done |= set(acknowledge(self.lot, *deliveries, now=self.now))
        assert self.done | self.given_up == set(self.published)


def _tested(policy: Policy) -> Callable[[], None]:
    machine = type("Deliveries", (Deliveries,), {"policy": policy})
    case = machine.TestCase
    case.settings = settings(
        max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
    )
    return case  # type: ignore[no-any-return]


TestPlain = _tested(PLAIN)
TestPatient = _tested(Policy(attempts=3, shortest_backoff=1.0, longest_backoff=4.0))
TestOrdered = _tested(ORDERED)
TestOrderedPatient = _tested(Policy(ordered=True, attempts=3, shortest_backoff=1.0, longest_backoff=4.0))
