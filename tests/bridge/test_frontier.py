"""Nothing is acknowledged before it is done, nothing out of order, nothing on another connection."""

import struct
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bridge.frontier import Batch, Frontier


@dataclass(frozen=True)
class Sent:
    """A message as the broker knows it: which one, and the id it has in the session; at QoS 0 it has none."""

    number: int
    packet_id: bytes


class Broker(RuleBasedStateMachine):
    """One session: the broker sends again what was unacknowledged when a connection went, under the same ids first.

    An id is free for another message once its acknowledgement has arrived; those still on the wire when a connection
    goes are lost. Messages are done in any order. To acknowledge one that is not done would lose it.
    """

    @initialize()
    def first_connection(self) -> None:
        self.frontier: Frontier[Sent] = Frontier()
        self.generation = 0
        self.numbers = 0
        self.unacknowledged: list[Sent] = []  # at the broker, in order
        self.to_send_again: list[Sent] = []
        self.awaiting: list[bytes] = []  # this connection's, in receive order
        self.on_the_wire: list[Sent] = []  # acknowledgements
        self.acknowledged: set[int] = set()
        self.entered_in: dict[int, Batch[Sent]] = {}
        self.open: list[tuple[Batch[Sent], list[int]]] = []
        self.done: set[int] = set()
        self.connected = True
        self.reconnect(True)

    @rule(resumed=st.booleans())
    def reconnect(self, resumed: bool) -> None:
        self.generation += 1
        self.connected = True
        self.frontier.renew(self.generation, resumed)
        if not resumed:
            self.unacknowledged.clear()
        self.to_send_again = list(self.unacknowledged)
        self.awaiting, self.on_the_wire = [], []

    @precondition(lambda self: self.connected and self.on_the_wire)
    @rule(data=st.data())
    def acknowledgements_arrive(self, data: st.DataObject) -> None:
        for _ in range(data.draw(st.integers(1, len(self.on_the_wire)))):
            self.unacknowledged.remove(self.on_the_wire.pop(0))

    @rule()
    def disconnect(self) -> None:
        self.connected = False

    @precondition(lambda self: self.connected and not self.to_send_again)
    @rule(count=st.integers(1, 5), best_effort=st.integers(0, 2))
    def send(self, count: int, best_effort: int) -> None:
        free = self._free_ids(count)
        sent = [Sent(self.numbers + one, packet_id) for one, packet_id in enumerate(free + [b""] * best_effort)]
        self.numbers += len(sent)
        self.unacknowledged += [one for one in sent if one.packet_id]
        for one in sent:
            if one.packet_id:
                self.frontier.forget(one.packet_id)
        self._enter(sent)

    @precondition(lambda self: self.connected and self.to_send_again)
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        count = data.draw(st.integers(1, len(self.to_send_again)))
        again, self.to_send_again = self.to_send_again[:count], self.to_send_again[count:]
        for one in again:
            held = self.frontier.held(one.packet_id)
            if one.number in self.entered_in and one.number not in self.acknowledged:
                assert held == one, "published twice without need"
            if held == one:
                self.frontier.join([one.packet_id], 0.0)
                self.awaiting.append(one.packet_id)
                self._collect()
            else:
                self.frontier.forget(one.packet_id)
                self._enter([one])

    @precondition(lambda self: self.connected and not self.to_send_again)
    @rule(count=st.integers(1, 5))
    def send_in_vain(self, count: int) -> None:
        """What was on its way to us when the connection went."""
        free = self._free_ids(count)
        self.unacknowledged += [Sent(self.numbers + one, packet_id) for one, packet_id in enumerate(free)]
        self.numbers += count
        self.connected = False

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def some_are_done(self, data: st.DataObject) -> None:
        batch, numbers = data.draw(st.sampled_from(self.open))
        count = data.draw(st.integers(1, len(numbers)))
        self.done |= set(numbers[:count])
        del numbers[:count]
        self.open = [entry for entry in self.open if entry[1]]
        self.frontier.done(batch, count)
        self._collect()

    @invariant()
    def in_flight_is_what_is_not_done(self) -> None:
        assert self.frontier.in_flight == sum(len(numbers) for _, numbers in self.open)
        assert self.frontier.bytes_in_flight == sum(batch.size for batch, _ in self.open)
        assert self.frontier.owed == sum(len(batch.packet_ids) for batch, _ in self.open)

    @invariant()
    def nothing_done_at_the_front_waits(self) -> None:
        if self.connected and self.awaiting:
            (first,) = [one for one in self.unacknowledged if one.packet_id == self.awaiting[0]]
            assert self.entered_in[first.number].open

    @invariant()
    def nothing_is_held_that_will_not_come_again(self) -> None:
        if self.connected and not self.to_send_again and not self.awaiting:
            assert not self.frontier.holds

    def _enter(self, sent: list[Sent]) -> None:
        batch = self.frontier.enter(sent, len(sent), 10 * len(sent), 0.0)
        self.open.append((batch, [one.number for one in sent]))
        self.entered_in |= {one.number: batch for one in sent}
        self.awaiting += [one.packet_id for one in sent if one.packet_id]

    def _collect(self) -> None:
        ready = self.frontier.ready()
        if not self.connected:
            self.frontier.unacknowledged(ready)
            return
        self.frontier.acknowledged(ready)
        for batch in ready:
            assert batch.generation == self.generation
            for packet_id in batch.packet_ids:
                assert self.awaiting.pop(0) == packet_id, "out of receive order"
                (acknowledged,) = [one for one in self.unacknowledged if one.packet_id == packet_id]
                assert acknowledged.number in self.done, "acknowledged before it was done"
                self.on_the_wire.append(acknowledged)
                self.acknowledged.add(acknowledged.number)

    def _free_ids(self, count: int) -> list[bytes]:
        """The lowest ids that are free: the harder case."""
        taken = {one.packet_id for one in self.unacknowledged}
        every = (struct.pack(">H", number) for number in range(1, 65_536))
        free = (one for one in every if one not in taken)
        return [next(free) for _ in range(count)]


TestFrontier = Broker.TestCase
TestFrontier.settings = settings(max_examples=1_000, stateful_step_count=100, deadline=None)
