"""Requests keep order and limits; the relay acknowledges only what Pub/Sub has."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bridge.config import Publishing, configuration
from bridge.frames import Delivery
from bridge.metrics import Metrics
from bridge.relay import Relay, requests_of
from bridge.wrapper import Wrapped, Wrapper
from director.strict import parsed

DOCUMENT = {
    "broker": {"url": "mqtt://broker:1883", "client_id": "b"},
    "destinations": {"in": "projects/p/topics/in"},
    "dead_letter_topic": "projects/p/topics/dead",
    "routes": {"up": {"filter": "up/{device}", "destination": "in", "event_type": "iot.test"}},
}
LIMITS = Publishing(maximum_messages=10)


@given(
    sizes=st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 900)), max_size=60),
    messages=st.integers(1, 20),
    limit=st.integers(1_000, 3_000),
)
def test_requests_hold_every_message_once_in_order_and_within_limits(
    sizes: list[tuple[str, int]], messages: int, limit: int
) -> None:
    wrapped = [Wrapped(topic, b"x" * size, str(number).encode()) for number, (topic, size) in enumerate(sizes)]
    requests = requests_of(wrapped, Publishing(maximum_messages=messages, maximum_bytes=limit))
    for topic in "ab":
        sent = [one for name, part in requests if name == topic for one in part]
        assert sent == [one for one in wrapped if one.pubsub_topic == topic]
    for _, part in requests:
        assert 0 < len(part) <= messages
        assert len(part) == 1 or sum(len(one.message) for one in part) <= limit


class HeldPublisher:
    """Keeps publishes until the test ends them."""

    answers_at_once = False

    def __init__(self) -> None:
        self.open: list[tuple[str, Sequence[Wrapped], Any]] = []

    def publish(self, pubsub_topic: str, messages: Sequence[Any], ending: Any) -> None:
        if self.answers_at_once:
            ending.published(messages)
        else:
            self.open.append((pubsub_topic, messages, ending))


class Bench:
    """A relay with a publisher whose answers the test gives, and a record of acknowledgements."""

    def __init__(self) -> None:
        self.publisher = HeldPublisher()
        self.metrics = Metrics()
        self.acknowledged: list[bytes] = []
        wrapper = Wrapper(configuration(parsed(DOCUMENT, "test")), "run")
        now = datetime(2026, 1, 1, tzinfo=UTC)
        publisher: Any = self.publisher
        self.relay = Relay(wrapper, publisher, LIMITS, self.metrics, lambda: now)
        self.relay.acknowledge = self._acknowledge
        self.relay.connected(1)

    def receive(self, *numbers: int, generation: int = 1, topic: bytes = b"up/d") -> None:
        self.relay.received(generation, [Delivery(0x32, b"%02d" % number, topic, b"", b"") for number in numbers])

    def end(self, position: int) -> None:
        _, messages, ending = self.publisher.open.pop(position)
        ending.published(messages)

    def value(self, name: str) -> float:
        return self.metrics.registry.get_sample_value(name) or 0.0

    def _acknowledge(self, generation: int, packet_ids: Sequence[bytes]) -> bool:
        self.acknowledged += packet_ids
        return True


def test_one_message_does_not_wait_and_the_next_ones_gather_behind_it() -> None:
    bench = Bench()
    bench.receive(1)
    bench.receive(2)
    bench.receive(3, 4)
    assert [len(messages) for _, messages, _ in bench.publisher.open] == [1]
    assert bench.acknowledged == []
    bench.end(0)
    assert bench.acknowledged == [b"01"]
    assert [len(messages) for _, messages, _ in bench.publisher.open] == [3]
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
    assert ending.refused(messages[0], "INVALID_ARGUMENT: no")
    assert bench.acknowledged == []
    assert bench.publisher.open[0][0] == "projects/p/topics/dead"
    bench.end(0)
    assert bench.acknowledged == [b"01"]
    assert bench.value("bridge_dead_lettered_total") == 1
    assert bench.value("bridge_published_total") == 0


def test_nothing_takes_the_place_of_a_dead_letter() -> None:
    bench = Bench()
    bench.receive(1, topic=b"nowhere")
    _, messages, ending = bench.publisher.open.pop()
    assert not ending.refused(messages[0], "INVALID_ARGUMENT: no")
    assert bench.publisher.open == []
    assert bench.acknowledged == []


def test_a_publish_of_an_older_connection_is_not_wanted_any_more_and_ends_when_given_up() -> None:
    bench = Bench()
    bench.receive(1)
    _, messages, ending = bench.publisher.open.pop()
    assert ending.wanted
    bench.relay.connected(2)
    assert not ending.wanted
    ending.given_up(messages)
    assert bench.relay.in_flight == 0
    assert bench.acknowledged == []
    assert bench.value("bridge_superseded_total") == 1


def test_what_waited_when_the_connection_went_is_left_to_be_delivered_again() -> None:
    bench = Bench()
    bench.receive(1)
    bench.receive(2, 3)
    bench.relay.connected(2)
    bench.receive(4, generation=1)
    bench.end(0)
    assert bench.acknowledged == []
    assert bench.publisher.open == []
    assert bench.value("bridge_superseded_total") == 3
    assert bench.relay.in_flight == 0


def test_received_is_published_plus_dead_plus_in_flight_plus_superseded() -> None:
    bench = Bench()
    bench.receive(1)
    bench.receive(2, topic=b"nowhere")
    bench.end(0)
    bench.receive(3)
    bench.receive(4)
    bench.relay.connected(2)
    accounted = ("bridge_published_total", "bridge_dead_lettered_total", "bridge_superseded_total")
    assert bench.value("bridge_received_total") == bench.relay.in_flight + sum(map(bench.value, accounted))


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
