"""Every publish ends in published, refused or given up, or goes on being tried."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from bridge import envelope, pubsub
from bridge.pubsub import Publisher
from bridge.wrapper import Wrapped
from director.endpoints import channel
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault

_numbers = itertools.count()


@dataclass
class Endings:
    """Hears how publishes end; takes dead letters for what is refused unless told otherwise."""

    replaces: bool = True
    wanted: bool = True
    done: list[bytes] = field(default_factory=list)
    refusals: list[bytes] = field(default_factory=list)
    abandoned: list[bytes] = field(default_factory=list)

    def published(self, messages: Sequence[Any]) -> None:
        self.done += [one.packet_id for one in messages]

    def given_up(self, messages: Sequence[Any]) -> None:
        self.abandoned += [one.packet_id for one in messages]

    def refused(self, message: Any, why: str) -> bool:
        self.refusals.append(message.packet_id)
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
    connection = channel("pubsub")
    made = Publisher(connection, deadline_seconds=1.0)
    yield made
    made.close()
    connection.close()


def messages(topic: str, *payloads: bytes) -> list[Wrapped]:
    return [Wrapped(topic, envelope.data(payload), payload) for payload in payloads]


def test_a_publish_that_meets_an_outage_is_tried_until_it_succeeds(
    cloud: LocalCloud, publisher: Publisher, topic: str, eventually: Any
) -> None:
    cloud.faults.add(Fault(method="pubsub.Publish", resource=topic, calls=3))
    ending = Endings()
    publisher.publish(topic, messages(topic, b"a", b"b"), ending)
    eventually(lambda: ending.done == [b"a", b"b"])
    assert publisher.retries == 3
    assert publisher.fault is None


def test_a4_a_publish_that_gets_no_answer_is_tried_again_after_its_deadline(
    cloud: LocalCloud, publisher: Publisher, topic: str, eventually: Any
) -> None:
    fault = cloud.faults.add(Fault(method="pubsub.Publish", resource=topic, action="hang"))
    ending = Endings()
    publisher.publish(topic, messages(topic, b"a"), ending)
    eventually(lambda: publisher.retries >= 1)
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
    eventually(lambda: publisher.retries >= 2)
    assert "INVALID_ARGUMENT" in (publisher.fault or "")
    assert len(ending.refusals) <= publisher.retries + 1
    cloud.faults.remove(fault)
    eventually(lambda: ending.done == [b"a"])
    assert publisher.fault is None


def test_what_is_no_longer_wanted_is_given_up_at_the_next_try(
    cloud: LocalCloud, publisher: Publisher, topic: str, eventually: Any
) -> None:
    cloud.faults.add(Fault(method="pubsub.Publish", resource=topic))
    ending = Endings()
    publisher.publish(topic, messages(topic, b"a"), ending)
    eventually(lambda: publisher.retries >= 1)
    ending.wanted = False
    eventually(lambda: ending.abandoned == [b"a"])
    assert ending.done == []


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
    real, failures = publisher._call, iter([RuntimeError("can't start new thread")] * 2)

    class Reluctant:
        def future(self, *arguments: Any, **options: Any) -> Any:
            for failure in failures:
                raise failure
            return real.future(*arguments, **options)

    monkeypatch.setattr(publisher, "_call", Reluctant())
    ending = Endings()
    publisher.publish(topic, messages(topic, b"a"), ending)
    eventually(lambda: ending.done == [b"a"])
    assert not publisher.broken


def test_an_ending_that_fails_is_not_hidden(publisher: Publisher, topic: str, eventually: Any) -> None:
    class Failing(Endings):
        def published(self, messages: Sequence[Any]) -> None:
            raise ZeroDivisionError

    publisher.publish(topic, messages(topic, b"a"), Failing())
    eventually(lambda: publisher.broken)
