"""Nothing is acknowledged before it has ended, nothing out of order, nothing on another connection."""

import struct

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bridge.frontier import Batch, Frontier


class FrontierModel(RuleBasedStateMachine):
    """A session as the specification sees it: received in order, ended in any, acknowledged in order again."""

    @initialize()
    def first_connection(self) -> None:
        self.frontier = Frontier()
        self.generation = 0
        self.batches: list[tuple[Batch, list[bytes], int]] = []
        self.received: list[bytes] = []
        self.ended: set[tuple[int, bytes]] = set()
        self.acknowledged: list[bytes] = []
        self.next_id = 0
        self.connect()

    @rule()
    def connect(self) -> None:
        self.generation += 1
        self.frontier.renew(self.generation)
        self.received, self.acknowledged = [], []

    @rule(count=st.integers(1, 5), best_effort=st.integers(0, 2))
    def receive(self, count: int, best_effort: int) -> None:
        ids = [struct.pack(">H", (self.next_id + i) % 65_535 + 1) for i in range(count)]
        self.next_id += count
        batch = self.frontier.enter(self.generation, ids, count + best_effort)
        self.batches.append((batch, ids, self.generation))
        self.received += ids

    @precondition(lambda self: any(batch.open for batch, _, _ in self.batches))
    @rule(data=st.data())
    def end_some(self, data: st.DataObject) -> None:
        open_ones = [entry for entry in self.batches if entry[0].open]
        batch, ids, generation = data.draw(st.sampled_from(open_ones))
        count = data.draw(st.integers(1, batch.open))
        ready = self.frontier.settle(batch, count)
        if not batch.open:
            self.ended |= {(generation, one) for one in ids}
        assert not ready or generation == self.generation
        assert all((self.generation, one) in self.ended for one in ready)
        self.acknowledged += ready

    @invariant()
    def acknowledged_in_receive_order(self) -> None:
        assert self.acknowledged == self.received[: len(self.acknowledged)]

    @invariant()
    def in_flight_is_what_has_not_ended(self) -> None:
        assert self.frontier.in_flight == sum(batch.open for batch, _, _ in self.batches)

    @invariant()
    def nothing_ended_at_the_front_waits(self) -> None:
        waiting = self.received[len(self.acknowledged) :]
        assert not waiting or (self.generation, waiting[0]) not in self.ended


TestFrontier = FrontierModel.TestCase
TestFrontier.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
