"""What a job publishes keeps its order by key, in requests that hold one key each, and all of it or an error."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import pytest
from apache_beam.io.gcp.pubsub import PubsubMessage

from beam_jobs.errors import CannotSucceed, RetryLater
from beam_jobs.messages import PublishFn, serialised
from bridge import envelope
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault


def keyed(key: str, number: int, padding: int = 0) -> bytes:
    raw = envelope.data(b"*" * padding) + envelope.attribute("ce-id", f"{key}{number}")
    return raw + envelope.ordering_key(key) if key else raw


def publish(pubsub_topic: str, bundle: Sequence[bytes]) -> None:
    fn = PublishFn(pubsub_topic)
    fn.setup()
    fn.start_bundle()
    for message in bundle:
        fn.process([message])
    fn.finish_bundle()


def arrived(topic: Any, count: int) -> list[Any]:
    """In the order of publishing."""
    found: list[Any] = []
    while len(found) < count:
        found += topic.take()
    return sorted(found, key=lambda one: int(one.message_id))


def ids(messages: Sequence[Any], key: str) -> list[str]:
    return [one.attributes["ce-id"] for one in messages if one.ordering_key == key]


def test_messages_of_many_keys_and_of_none_all_arrive_in_order_for_each_key(cloud: LocalCloud, topics: Any) -> None:
    topic = topics()
    bundle = [keyed(key, number) for number in range(1_200) for key in ("", "a", "b")]
    bundle += [keyed(f"device-{number}", number) for number in range(300)]
    publish(topic.name, bundle)
    found = arrived(topic, len(bundle))
    assert len(found) == len(bundle)
    for key in ("a", "b"):
        assert ids(found, key) == [f"{key}{number}" for number in range(1_200)]
    assert sorted(ids(found, ""), key=int) == [str(number) for number in range(1_200)]
    assert all(ids(found, f"device-{number}") == [f"device-{number}{number}"] for number in range(300))


def test_a_key_s_requests_are_split_by_size_and_stay_in_order(cloud: LocalCloud, topics: Any) -> None:
    topic = topics()
    publish(topic.name, [keyed("a", number, padding=1_500_000) for number in range(7)])
    found = arrived(topic, 7)
    assert ids(found, "a") == [f"a{number}" for number in range(7)]
    assert [len(list(group)) for _, group in groupby(one.publish_time for one in found)] == [2, 2, 2, 1]


def test_after_a_request_that_failed_nothing_more_of_its_key_is_sent(cloud: LocalCloud, topics: Any) -> None:
    topic = topics()
    cloud.faults.add(Fault(method="pubsub.Publish", resource=topic.name, calls=1))
    with pytest.raises(RetryLater):
        publish(topic.name, [keyed("a", number) for number in range(2_500)])
    assert topic.take() == []


def test_a_message_that_pubsub_refuses_is_named_as_the_cause(cloud: LocalCloud, topics: Any) -> None:
    topic = topics()
    with pytest.raises(CannotSucceed, match="ordering_key"):
        publish(topic.name, [keyed("k" * 1_025, 1)])
    assert topic.take() == []


def test_an_object_of_beam_s_is_the_message_it_came_from() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    whole = envelope.parse(serialised(PubsubMessage(b"\xff", {"a": "b"}, "7", moment, "key")))
    assert (whole.data, dict(whole.attributes), whole.ordering_key) == (b"\xff", {"a": "b"}, "key")
    assert whole.publish_time.ToDatetime(tzinfo=UTC) == moment
    bare = envelope.parse(serialised(PubsubMessage(b"", {"a": "b"})))
    assert not bare.HasField("publish_time")
