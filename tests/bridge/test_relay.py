"""The relay acknowledges only what Pub/Sub has, publishes what it received to the end, and twice only where it must."""

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from bridge import relay as relay_module
from bridge.config import Publishing, configuration
from bridge.errors import CannotSucceed
from bridge.later import Later
from bridge.metrics import Metrics
from bridge.mqtt.frames import DUP_FLAG, Delivery
from bridge.relay import Relay
from bridge.wrapper import Wrapped, Wrapper
from director.strict import parsed

DOCUMENT = {
    "broker": {"url": "mqtt://localhost:1883", "client_id": "b"},
    "destinations": {"in": "projects/p/topics/in"},
    "dead_letter_topic": "projects/p/topics/dead",
    "routes": {"up": {"filter": "up/{device}", "destination": "in", "event_type": "iot.test"}},
}
LIMITS = Publishing(maximum_messages=10)


class HeldPublisher:
    """Keeps publishes until the test ends them."""

    answers_at_once = False

    def __init__(self) -> None:
        self.open: list[tuple[str, Sequence[Wrapped], Any]] = []

    def publish(self, pubsub_topic: str, messages: Sequence[Any], ending: Any, ordering_key: str) -> None:
        if self.answers_at_once:
            ending.published(messages)
        else:
            self.open.append((pubsub_topic, messages, ending))


class Timer(Later):
    """What is put off happens when the test says so."""

    def __init__(self) -> None:
        self.put_off: list[Callable[[], None]] = []

    def call(self, seconds: float, action: Callable[[], None]) -> None:
        self.put_off.append(action)

    def happen(self) -> None:
        for action in [self.put_off.pop() for _ in self.put_off[:]]:
            action()


class Bench:
    """A relay with a publisher whose answers the test gives, and a record of acknowledgements."""

    def __init__(self, **changes: Any) -> None:
        self.publisher = HeldPublisher()
        self.metrics = Metrics()
        self.timer = Timer()
        self.acknowledged: list[bytes] = []
        self.connected = True
        wrapper = Wrapper(configuration(parsed(DOCUMENT | changes, "test")), "run")
        now = datetime(2026, 1, 1, tzinfo=UTC)
        publisher: Any = self.publisher
        self.relay = Relay(wrapper, publisher, LIMITS, 2, self.metrics, self.timer, lambda: now)
        self.relay.acknowledge = self._acknowledge
        self.relay.connected(1, resumed=False)

    def receive(self, *numbers: int, topic: bytes = b"up/d", again: bool = False, payload: bytes = b"") -> None:
        flags = 0x32 | (DUP_FLAG if again else 0)
        self.relay.received([Delivery(flags, b"%02d" % number, topic, b"", payload) for number in numbers])

    def disconnect(self) -> None:
        self.connected = False

    def reconnect(self, resumed: bool = True) -> None:
        self.connected = True
        self.relay.connected(2, resumed)

    def end(self, position: int) -> None:
        _, messages, ending = self.publisher.open.pop(position)
        ending.published(messages)

    def value(self, name: str) -> float:
        return self.metrics.registry.get_sample_value(f"bridge_{name}") or 0.0

    @property
    def sizes(self) -> list[int]:
        return [len(messages) for _, messages, _ in self.publisher.open]

    @property
    def balanced(self) -> bool:
        """Every message is accounted for."""
        ended = sum(self.value(f"{name}_total") for name in ("published", "dead_lettered", "joined", "ignored"))
        return self.value("received_total") + self.value("copies_total") == ended + self.relay.in_flight

    def _acknowledge(self, generation: int, packet_ids: Sequence[bytes]) -> bool:
        if self.connected:
            self.acknowledged += packet_ids
        return self.connected


def test_one_message_does_not_wait_and_the_next_ones_gather_behind_it() -> None:
    bench = Bench()
    bench.receive(1)
    bench.receive(2)
    bench.receive(3, 4)
    assert bench.sizes == [1]
    assert bench.acknowledged == []
    bench.end(0)
    assert bench.acknowledged == [b"01"]
    assert bench.sizes == [3]
    bench.end(0)
    assert bench.acknowledged == [b"01", b"02", b"03", b"04"]


def test_an_answer_that_is_there_at_once_does_not_stop_the_bridge() -> None:
    bench = Bench()
    bench.publisher.answers_at_once = True
    bench.receive(1)
    bench.receive(2, 3)
    assert bench.acknowledged == [b"01", b"02", b"03"]


def test_a_full_request_leaves_at_once_and_acknowledgements_keep_their_order() -> None:
    bench = Bench()
    bench.receive(1)
    bench.receive(*range(2, 12))
    assert len(bench.publisher.open) == 2
    bench.end(1)
    assert bench.acknowledged == []
    bench.end(0)
    assert bench.acknowledged == [b"%02d" % number for number in range(1, 12)]


def test_a_refused_message_is_acknowledged_once_its_dead_letter_is_published() -> None:
    bench = Bench()
    bench.receive(1)
    _, messages, ending = bench.publisher.open.pop()
    assert ending.refused(messages[0], CannotSucceed("refused_by_pubsub", "INVALID_ARGUMENT: no"))
    assert bench.acknowledged == []
    assert bench.publisher.open[0][0] == "projects/p/topics/dead"
    bench.end(0)
    assert bench.acknowledged == [b"01"]
    assert bench.value("dead_lettered_total") == 1
    assert bench.metrics.registry.get_sample_value("bridge_dead_letters_total", {"reason": "refused_by_pubsub"}) == 1
    assert bench.value("published_total") == 0


def test_nothing_takes_the_place_of_a_dead_letter() -> None:
    bench = Bench()
    bench.receive(1, topic=b"nowhere")
    _, messages, ending = bench.publisher.open.pop()
    assert not ending.refused(messages[0], CannotSucceed("refused_by_pubsub", "INVALID_ARGUMENT: no"))
    assert bench.publisher.open == []
    assert bench.acknowledged == []


def test_nothing_gathers_for_long_behind_a_publish_that_hangs() -> None:
    bench = Bench()
    bench.receive(1)
    bench.receive(2)
    assert bench.sizes == [1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(relay_module, "GATHER_SECONDS", 0.0)
        bench.timer.happen()
    assert bench.sizes == [1, 1]
    bench.end(1)
    assert bench.acknowledged == []
    bench.end(0)
    assert bench.acknowledged == [b"01", b"02"]


def test_what_was_received_is_published_to_the_end_whatever_becomes_of_its_connection() -> None:
    bench = Bench()
    bench.receive(1)
    bench.receive(2, 3)
    bench.disconnect()
    bench.reconnect(resumed=False)
    assert bench.sizes == [1, 2]
    bench.end(0)
    bench.end(0)
    assert bench.acknowledged == []
    assert bench.value("published_total") == 3
    assert bench.balanced


def test_what_comes_again_while_it_is_being_published_is_not_published_twice_but_acknowledged() -> None:
    bench = Bench()
    bench.receive(1, 2)
    bench.disconnect()
    bench.reconnect()
    bench.receive(1, 2, again=True)
    bench.receive(3)
    assert bench.sizes == [2]
    bench.end(0)
    assert bench.acknowledged == [b"01", b"02"]
    bench.end(0)
    assert bench.acknowledged == [b"01", b"02", b"03"]
    assert bench.value("joined_total") == 2
    assert bench.balanced


def test_what_was_published_but_could_not_be_acknowledged_is_acknowledged_when_it_comes_again() -> None:
    bench = Bench()
    bench.receive(1, 2)
    bench.disconnect()
    bench.end(0)
    assert bench.acknowledged == []
    assert bench.value("stale_total") == 2
    bench.reconnect()
    bench.receive(1, 2, again=True)
    assert bench.publisher.open == []
    assert bench.acknowledged == [b"01", b"02"]
    assert bench.balanced


def test_an_id_that_names_another_message_now_is_published() -> None:
    bench = Bench()
    bench.receive(1, payload=b"first")
    bench.disconnect()
    bench.reconnect()
    bench.receive(1, payload=b"second", again=True)
    bench.end(0)
    assert bench.acknowledged == []
    bench.end(0)
    assert bench.acknowledged == [b"01"]
    assert bench.value("published_total") == 2


def test_after_a_lost_session_nothing_is_taken_for_something_that_came_before() -> None:
    bench = Bench()
    bench.receive(1)
    bench.disconnect()
    bench.reconnect(resumed=False)
    bench.receive(1, again=True)
    bench.end(0)
    assert bench.acknowledged == []
    bench.end(0)
    assert bench.acknowledged == [b"01"]


def test_a_broker_that_repeats_itself_on_one_connection_gets_one_acknowledgement() -> None:
    bench = Bench()
    bench.receive(1)
    bench.receive(1, again=True)
    bench.end(0)
    assert bench.acknowledged == [b"01"]
    assert bench.publisher.open == []
    assert bench.balanced


def test_it_gets_one_too_where_the_first_has_not_even_left_for_pubsub() -> None:
    bench = Bench()
    bench.receive(1)
    bench.receive(2)
    bench.receive(2, again=True)
    bench.end(0)
    bench.end(0)
    assert bench.acknowledged == [b"01", b"02"]
    assert bench.value("published_total") == 2
    assert bench.balanced


def test_every_message_is_accounted_for_at_any_moment() -> None:
    bench = Bench()
    bench.receive(1)
    bench.receive(2, topic=b"nowhere")
    assert bench.balanced
    bench.end(0)
    bench.receive(3)
    bench.disconnect()
    bench.reconnect()
    bench.receive(2, topic=b"nowhere", again=True)
    assert bench.balanced
    while bench.publisher.open:
        bench.end(0)
        assert bench.balanced
    assert bench.relay.in_flight == 0


def test_beyond_its_bounds_it_drops_what_is_best_effort_and_counts_it() -> None:
    bench = Bench()
    bench.receive(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(relay_module, "BEST_EFFORT_MESSAGES", 1)
        bench.relay.received([Delivery(0x30, b"", b"up/d", b"", b"")])
    assert bench.value("best_effort_dropped_total") == 1
    assert bench.balanced


@pytest.mark.parametrize(("bound", "dropped"), [("BEST_EFFORT_BYTES", 1), ("MOST_BYTES", 0)])
def test_bytes_in_flight_are_bounded_as_well(bound: str, dropped: int) -> None:
    bench = Bench()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(relay_module, bound, 1_000)
        bench.receive(1, payload=b"x" * 1_000)
        bench.relay.received([Delivery(0x30, b"", b"up/d", b"", b"")])
        assert bench.value("best_effort_dropped_total") == dropped
        assert bench.relay.full is (bound == "MOST_BYTES")


def test_it_is_full_while_it_owes_more_acknowledgements_than_the_broker_may_wait_for() -> None:
    bench = Bench()
    bench.receive(1, 2)
    bench.relay.received([Delivery(0x30, b"", b"up/d", b"", b"")] * 10)
    assert not bench.relay.full
    bench.disconnect()
    bench.reconnect(resumed=False)
    bench.receive(3)
    assert bench.relay.full
    bench.end(0)
    assert not bench.relay.full


def test_draining_takes_nothing_more_and_ends_with_what_was_taken(eventually: Any) -> None:
    bench = Bench()
    bench.receive(1)
    drained: list[bool] = []
    thread = threading.Thread(target=lambda: drained.append(bench.relay.drain(20)))
    thread.start()
    eventually(lambda: bench.relay.stopping)
    bench.receive(2)
    bench.end(0)
    thread.join(timeout=20)
    assert drained == [True]
    assert bench.acknowledged == [b"01"]


def test_draining_gives_up_in_time() -> None:
    bench = Bench()
    bench.receive(1)
    assert bench.relay.drain(0.01) is False
