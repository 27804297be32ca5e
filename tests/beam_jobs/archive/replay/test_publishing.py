"""A batch is published whole, in order for each key, whatever the service does meanwhile; what it refuses is named."""

from typing import Any

import pytest

from beam_jobs.archive.replay.publishing import Publisher, open_publisher
from beam_jobs.errors import Misconfigured, RetryLater
from beam_jobs.messages import PUBLISH
from bridge import envelope
from director.endpoints import channel
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault

TOO_MANY = envelope.attributes({f"a{number}": "" for number in range(101)})


def keyed(key: str, number: int, padding: int = 0) -> bytes:
    raw = envelope.data(b"*" * padding) + envelope.attribute("ce-id", f"{key}{number}")
    return raw + envelope.ordering_key(key) if key else raw


def arrived(topic: Any, count: int) -> list[str]:
    """In the order of publishing."""
    found: list[Any] = []
    while len(found) < count:
        found += topic.take()
    return [one.attributes["ce-id"] for one in sorted(found, key=lambda one: int(one.message_id))]


def test_messages_of_keys_keep_their_order_over_failures(cloud: LocalCloud, topics: Any) -> None:
    topic = topics()
    cloud.faults.add(Fault(method="pubsub.Publish", resource=topic.name, share=0.3, seed=2, calls=6))
    batch = [keyed(key, number, 1_000) for number in range(4_500) for key in ("", "a", "b")]
    assert open_publisher(topic.name).start(batch).finish() == {}
    found = arrived(topic, len(batch))
    assert len(found) == len(batch)
    for key in ("a", "b"):
        assert [one for one in found if one.startswith(key)] == [f"{key}{number}" for number in range(4_500)]


@pytest.mark.parametrize("key", ["", "k"])
def test_messages_that_are_refused_are_found_among_their_neighbours(cloud: LocalCloud, topics: Any, key: str) -> None:
    topic = topics()
    batch = [keyed(key, number) for number in range(50)]
    for place in (0, 17, 18, 49):
        batch[place] += TOO_MANY
    refused = open_publisher(topic.name).start(batch).finish()
    assert refused.keys() == {0, 17, 18, 49}
    assert all(why.startswith("refused by Pub/Sub: ") for why in refused.values())
    found = arrived(topic, 46)
    assert sorted(found) == sorted(f"{key}{number}" for number in range(50) if number not in refused)
    assert not key or found == sorted(found, key=lambda one: int(one[1:]))


def test_large_messages_go_in_requests_that_the_service_takes(cloud: LocalCloud, topics: Any) -> None:
    topic = topics()
    batch = [keyed("", number, 3_000_000) for number in range(5)]
    assert open_publisher(topic.name).start(batch).finish() == {}
    assert sorted(arrived(topic, 5)) == ["0", "1", "2", "3", "4"]


def test_nothing_is_published_of_nothing(cloud: LocalCloud, topics: Any) -> None:
    assert open_publisher(topics().name).start([]).finish() == {}


def test_what_a_person_has_to_mend_is_told_at_once(cloud: LocalCloud) -> None:
    with pytest.raises(Misconfigured, match="NOT_FOUND"):
        open_publisher("projects/test-project/topics/none").start([keyed("", 1)]).finish()


def test_a_service_that_stays_away_is_told_when_patience_ends(cloud: LocalCloud, topics: Any) -> None:
    topic = topics()
    cloud.faults.add(Fault(method="pubsub.Publish", resource=topic.name))
    with pytest.raises(RetryLater, match="UNAVAILABLE"):
        open_publisher(topic.name, patience=0.5).start([keyed("", 1)]).finish()


class Interrupted:
    """Publish calls during whose first wait somebody presses Ctrl-C."""

    def __init__(self, call: Any) -> None:
        self._call, self._interrupts = call, 1

    def future(self, request: bytes, timeout: float) -> Any:
        self._asked = self._call.future(request, timeout=timeout)
        return self

    def result(self) -> Any:
        if self._interrupts:
            self._interrupts -= 1
            raise KeyboardInterrupt
        return self._asked.result()


def test_a_request_whose_wait_is_interrupted_is_not_taken_for_confirmed(cloud: LocalCloud, topics: Any) -> None:
    topic = topics()
    cloud.faults.add(Fault(method="pubsub.Publish", resource=topic.name, calls=1))
    with channel("pubsub") as opened:
        publishing = Publisher(topic.name, Interrupted(opened.unary_unary(PUBLISH, None, None))).start([keyed("", 1)])
        with pytest.raises(KeyboardInterrupt):
            publishing.finish()
        assert publishing.finish() == {}
    assert arrived(topic, 1) == ["1"]


def test_a_closed_publisher_sends_nothing_more(cloud: LocalCloud, topics: Any) -> None:
    publisher = open_publisher(topics().name)
    assert publisher.start([keyed("", 1)]).finish() == {}
    publisher.close()
    with pytest.raises(ValueError, match="Channel closed"):
        publisher.start([keyed("", 2)])
