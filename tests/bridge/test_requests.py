"""Requests keep order and limits, and one Pub/Sub topic and ordering key each."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.config import Publishing
from bridge.requests import requests_of
from bridge.wrapper import Wrapped


@given(
    sizes=st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["", "k"]), st.integers(0, 900)), max_size=60),
    messages=st.integers(1, 20),
    limit=st.integers(1_000, 3_000),
)
def test_requests_hold_every_message_once_in_order_and_within_limits(
    sizes: list[tuple[str, str, int]], messages: int, limit: int
) -> None:
    wrapped = [
        Wrapped(topic, b"x" * size, str(number).encode(), ordering_key=key)
        for number, (topic, key, size) in enumerate(sizes)
    ]
    requests = requests_of(wrapped, Publishing(maximum_messages=messages, maximum_bytes=limit))
    for topic, key in [("a", ""), ("a", "k"), ("b", ""), ("b", "k")]:
        parts = [one.messages for one in requests if (one.pubsub_topic, one.ordering_key) == (topic, key)]
        wanted = [one for one in wrapped if (one.pubsub_topic, one.ordering_key) == (topic, key)]
        assert [one for part in parts for one in part] == wanted
    for request in requests:
        assert 0 < len(request.messages) <= messages
        assert len(request.messages) == 1 or request.size <= limit
        assert sum(len(one.message) for one in request.messages) < request.size


def test_what_is_only_to_be_acknowledged_is_in_no_request() -> None:
    assert requests_of([Wrapped("", b"", b"01")], Publishing()) == []


def test_a_message_larger_than_the_limit_goes_alone() -> None:
    wrapped = [Wrapped("a", b"x" * size, b"") for size in (10, 5_000, 10)]
    sizes = [len(one.messages) for one in requests_of(wrapped, Publishing(maximum_bytes=1_000))]
    assert sizes == [1, 1, 1]
