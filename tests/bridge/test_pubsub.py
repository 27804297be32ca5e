"""Every publish ends in published or refused, or goes on being tried."""

import itertools
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from bridge import envelope, pubsub
from bridge.errors import CannotSucceed
from bridge.later import Later
from bridge.metrics import Metrics
from bridge.pubsub import Publisher
from bridge.wrapper import Wrapped
from director.endpoints import channel
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from localcloud.ports import HOST

_numbers = itertools.count()


@dataclass
class Endings:
    """Hears how publishes end; takes dead letters for what is refused unless told otherwise."""

    replaces: bool = True
    done: list[bytes] = field(default_factory=list)
    refusals: list[bytes] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def published(self, messages: Sequence[Any]) -> None:
        self.done += [one.packet_id for one in messages]

    def refused(self, message: Any, error: CannotSucceed) -> bool:
        self.refusals.append(message.packet_id)
        self.reasons.append(error.reason)
        return self.replaces


@pytest.fixture
def topic(cloud: LocalCloud) -> str:
    name = f"projects/test-project/topics/publish-{next(_numbers)}"
    made = PublisherClient(transport=PublisherGrpcTransport(channel=channel("pubsub")))
    made.create_topic(name=name)
    made.transport.close()
    return name


@pytest.fixture
def publisher(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    monkeypatch.setattr(pubsub, "LONGEST_WAIT", 0.2)
    later = Later()
    made = Publisher(lambda: channel("pubsub"), deadline_seconds=1.0, later=later, metrics=Metrics())
    yield made
    later.close()
    made.close()


def retries(publisher: Publisher) -> int:
    return int(publisher._metrics.registry.get_sample_value("bridge_publish_retries_total") or 0)


def messages(topic: str, *payloads: bytes) -> list[Wrapped]:
    return [Wrapped(topic, envelope.data(payload), payload) for payload in payloads]


def test_a_publish_that_meets_an_outage_is_tried_until_it_succeeds(
    cloud: LocalCloud, publisher: Publisher, topic: str, eventually: Any
) -> None:
    cloud.faults.add(Fault(method="pubsub.Publish", resource=topic, calls=3))
    ending = Endings()
    publisher.publish(topic, messages(topic, b"a", b"b"), ending)
    eventually(lambda: ending.done == [b"a", b"b"])
    assert retries(publisher) == 3
    assert publisher.fault is None


def test_a4_a_publish_that_gets_no_answer_is_tried_again_after_its_deadline(
    cloud: LocalCloud, publisher: Publisher, topic: str, eventually: Any
) -> None:
    fault = cloud.faults.add(Fault(method="pubsub.Publish", resource=topic, action="hang"))
    ending = Endings()
    publisher.publish(topic, messages(topic, b"a"), ending)
    eventually(lambda: retries(publisher) >= 1)
    assert ending.done == []
    cloud.faults.remove(fault)
    eventually(lambda: ending.done == [b"a"])


def test_the_culprit_of_a_refused_request_is_found_and_the_others_go_on(
    cloud: LocalCloud, publisher: Publisher, topic: str, eventually: Any
) -> None:
    cloud.faults.add(Fault(method="pubsub.Publish", resource=topic, code="INVALID_ARGUMENT", marker="poison"))
    ending = Endings()
    names = [b"%03d" % number for number in range(50)]
    publisher.publish(topic, messages(topic, *names[:20], b"poison", *names[20:]), ending)
    eventually(lambda: len(ending.done) == 50)
    assert sorted(ending.done) == names
    assert ending.refusals == [b"poison"]


def test_a_refused_message_that_nothing_replaces_waits_and_says_so(
    cloud: LocalCloud, publisher: Publisher, topic: str, eventually: Any
) -> None:
    fault = cloud.faults.add(Fault(method="pubsub.Publish", resource=topic, code="INVALID_ARGUMENT"))
    ending = Endings(replaces=False)
    publisher.publish(topic, messages(topic, b"a"), ending)
    eventually(lambda: retries(publisher) >= 2)
    assert "INVALID_ARGUMENT" in (publisher.fault or "")
    assert len(ending.refusals) <= retries(publisher) + 1
    cloud.faults.remove(fault)
    eventually(lambda: ending.done == [b"a"])
    assert publisher.fault is None


def test_a_message_that_keeps_failing_while_its_neighbours_pass_is_refused(
    cloud: LocalCloud, publisher: Publisher, topic: str, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pubsub, "STUBBORN", 3)
    cloud.faults.add(Fault(method="pubsub.Publish", resource=topic, code="INTERNAL", marker="stubborn"))
    ending = Endings()
    publisher.publish(topic, messages(topic, b"a", b"stubborn", b"b"), ending)

    def neighbours_pass_until_it_is_found() -> bool:
        publisher.publish(topic, messages(topic, b"neighbour"), Endings())
        return ending.refusals == [b"stubborn"]

    eventually(neighbours_pass_until_it_is_found)
    assert ending.reasons == ["publish_kept_failing"]
    eventually(lambda: sorted(ending.done) == [b"a", b"b"])
    eventually(lambda: publisher.failing_for == 0.0)


def test_in_an_outage_nothing_is_refused_however_often_it_fails(
    cloud: LocalCloud, publisher: Publisher, topic: str, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pubsub, "STUBBORN", 3)
    fault = cloud.faults.add(Fault(method="pubsub.Publish", resource=topic))
    endings = [Endings() for _ in range(5)]
    for ending in endings:
        publisher.publish(topic, messages(topic, b"a"), ending)
    eventually(lambda: retries(publisher) >= 40)
    assert publisher.failing_for > 0.0
    cloud.faults.remove(fault)
    eventually(lambda: all(ending.done == [b"a"] for ending in endings))
    assert not any(ending.refusals for ending in endings)


def test_messages_of_one_ordering_key_arrive_in_order_whatever_fails_and_other_keys_do_not_wait(
    cloud: LocalCloud, publisher: Publisher, topic: str, eventually: Any
) -> None:
    arrived: list[bytes] = []
    ending = Endings(done=arrived)
    cloud.faults.add(Fault(method="pubsub.Publish", resource=topic, marker="key-a-000", calls=3))
    cloud.faults.add(Fault(method="pubsub.Publish", resource=topic, code="INVALID_ARGUMENT", marker="key-a-007"))
    for number in range(0, 30, 3):
        names = [b"key-a-%03d" % (number + one) for one in range(3)]
        publisher.publish(topic, messages(topic, *names), ending, ordering_key="a")
    other = Endings()
    publisher.publish(topic, messages(topic, b"key-b"), other, ordering_key="b")
    eventually(lambda: other.done == [b"key-b"])
    assert len(arrived) < 29
    eventually(lambda: len(arrived) == 29)
    assert arrived == sorted(arrived)
    assert ending.refusals == [b"key-a-007"]


def test_the_age_of_a_try_is_known_while_its_answer_is_missing(
    cloud: LocalCloud, publisher: Publisher, topic: str, eventually: Any
) -> None:
    assert publisher.oldest_attempt_age == 0.0
    fault = cloud.faults.add(Fault(method="pubsub.Publish", resource=topic, action="hang"))
    ending = Endings()
    publisher.publish(topic, messages(topic, b"a"), ending)
    eventually(lambda: publisher.oldest_attempt_age > 0.2)
    cloud.faults.remove(fault)
    eventually(lambda: ending.done == [b"a"])
    assert publisher.oldest_attempt_age == 0.0


@pytest.mark.parametrize("code", ["NOT_FOUND", "PERMISSION_DENIED"])
def test_a_fault_of_configuration_names_the_topic_and_what_to_do(
    cloud: LocalCloud, publisher: Publisher, topic: str, eventually: Any, code: str
) -> None:
    fault = cloud.faults.add(Fault(method="pubsub.Publish", resource=topic, code=code))
    ending = Endings()
    publisher.publish(topic, messages(topic, b"a"), ending)
    eventually(lambda: publisher.fault is not None)
    assert topic in (publisher.fault or "")
    cloud.faults.remove(fault)
    eventually(lambda: ending.done == [b"a"])


def test_a_call_that_cannot_start_is_tried_again_and_nothing_is_lost_track_of(
    publisher: Publisher, topic: str, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, failures = publisher.start, iter([RuntimeError("can't start new thread")] * 2)

    def reluctant(*arguments: Any) -> Any:
        future = start(*arguments)
        for failure in failures:
            future.cancel()
            raise failure
        return future

    monkeypatch.setattr(publisher, "start", reluctant)
    ending = Endings()
    publisher.publish(topic, messages(topic, b"a"), ending)
    eventually(lambda: ending.done == [b"a"])
    assert not publisher.broken
    assert publisher.oldest_attempt_age == 0.0


def test_it_connects_before_there_is_anything_to_publish() -> None:
    with socket.create_server((HOST, 0)) as pubsub:
        pubsub.settimeout(20)
        later = Later()
        address = f"{HOST}:{pubsub.getsockname()[1]}"
        publisher = Publisher(lambda: grpc.insecure_channel(address), 1.0, later, Metrics())
        pubsub.accept()[0].close()
        later.close()
        publisher.close()


def test_a_connection_that_carries_nothing_any_more_is_replaced(cloud: LocalCloud, topic: str, eventually: Any) -> None:
    opened: list[Any] = []

    def connect() -> Any:
        opened.append(channel("pubsub"))
        return opened[-1]

    later = Later()
    publisher = Publisher(connect, deadline_seconds=0.2, later=later, metrics=Metrics())
    fault = cloud.faults.add(Fault(method="pubsub.Publish", resource=topic, action="hang"))
    ending = Endings()
    publisher.publish(topic, messages(topic, b"a"), ending)
    eventually(lambda: len(opened) >= 2)
    cloud.faults.remove(fault)
    eventually(lambda: ending.done == [b"a"])
    later.close()
    publisher.close()


def test_an_ending_that_fails_is_not_hidden(publisher: Publisher, topic: str, eventually: Any) -> None:
    class Failing(Endings):
        def published(self, messages: Sequence[Any]) -> None:
            raise ZeroDivisionError

    publisher.publish(topic, messages(topic, b"a"), Failing())
    eventually(lambda: publisher.broken)
