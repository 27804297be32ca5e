"""Messages into publish requests: one Pub/Sub topic and one ordering key each, in order, within the limits. Pure."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from bridge.config import Publishing
from bridge.envelope import MAX_REQUEST_BYTES, request_overhead
from bridge.wrapper import Wrapped

LARGEST = MAX_REQUEST_BYTES - 1_500  # bytes: room for the name of the topic
_LANE = attrgetter("pubsub_topic", "ordering_key")


class Request(NamedTuple):
    """Messages that go in one publish request, which takes a single ordering key, and about their size in bytes."""

    pubsub_topic: str
    ordering_key: str
    messages: Sequence[Wrapped]
    size: int


def requests_of(wrapped: Sequence[Wrapped], limits: Publishing) -> list[Request]:
    """All that has a Pub/Sub topic, in order for each topic and key, cut where a request would exceed the limits."""
    lanes: dict[tuple[str, str], list[Wrapped]] = {}
    for lane, run in groupby(wrapped, _LANE):
        lanes.setdefault(lane, []).extend(run)
    return [
        Request(pubsub_topic, key, messages, size)
        for (pubsub_topic, key), of_lane in lanes.items()
        if pubsub_topic
        for messages, size in _cut(of_lane, limits)
    ]


def _cut(messages: list[Wrapped], limits: Publishing) -> Iterator[tuple[list[Wrapped], int]]:
    most, largest = limits.maximum_messages, min(limits.maximum_bytes, LARGEST)
    sizes = [len(one.message) for one in messages]
    overhead = request_overhead(max(sizes))
    total = sum(sizes) + len(sizes) * overhead
    if len(messages) <= most and total <= largest:
        yield messages, total
        return
    start = size = 0
    for position, own in enumerate(sizes):
        if position > start and (position - start >= most or size + own + overhead > largest):
            yield messages[start:position], size
            start, size = position, 0
        size += own + overhead
    yield messages[start:], size
