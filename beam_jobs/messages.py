"""Where messages enter and leave a job: serialised `PubsubMessage`s on every engine, one form of edges for each.

native      Dataflow replaces Beam's own Pub/Sub source and sink by its service's; only their Python conversions,
            which cost 30 us a message, are left out
direct      Beam's old local engine: its source hands over objects, which are serialised again
handed in   the embedded engine: a batch it pulled itself; the sink publishes, and fails the run where it cannot
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, Protocol

import apache_beam as beam
import grpc
from apache_beam.io.gcp.pubsub import PubsubMessage, ReadFromPubSub, WriteToPubSub, _PubSubWriteDoFn

from beam_jobs.errors import CannotSucceed, of_status, signed_in
from bridge import envelope
from director.endpoints import channel

PUBLISH = "/google.pubsub.v1.Publisher/Publish"
PUBLISH_SECONDS = 20.0
REQUEST_BYTES = 4_000_000
MOST_OVERHEAD = 5  # bytes that a message of at most 10 MB takes in a request beyond its own
OPEN_REQUESTS = 100  # at once; a server may refuse to hold more


class Edges(Protocol):
    """The source and the sinks of one engine, for messages and for lists of them.

    `unending` where windows and timers may wait for more messages.
    """

    unending: bool
    durable_state: bool  # what a DoFn keeps is as safe as the message it came from, which may be acknowledged then

    def read(self, subscription: str) -> beam.PTransform: ...
    def write(self, pubsub_topic: str) -> beam.PTransform: ...
    def write_batches(self, pubsub_topic: str) -> beam.PTransform: ...


class NativeEdges:
    """Beam's own Pub/Sub transforms, which Dataflow replaces."""

    unending = True
    durable_state = True

    def read(self, subscription: str) -> beam.PTransform:
        return _NativeRead(subscription=subscription, with_attributes=True)

    def write(self, pubsub_topic: str) -> beam.PTransform:
        return _NativeWrite(pubsub_topic, with_attributes=True)

    def write_batches(self, pubsub_topic: str) -> beam.PTransform:
        return "Unpack" >> beam.FlatMap(_as_is).with_output_types(bytes) | "Publish" >> self.write(pubsub_topic)


class DirectEdges:
    """For smoke tests on Beam's DirectRunner, which acknowledges before it processes."""

    unending = True
    durable_state = True

    def read(self, subscription: str) -> beam.PTransform:
        return ReadFromPubSub(subscription=subscription, with_attributes=True) | beam.Map(serialised).with_output_types(
            bytes
        )

    def write(self, pubsub_topic: str) -> beam.PTransform:
        return "Pack" >> beam.Map(_alone) | "Publish" >> self.write_batches(pubsub_topic)

    def write_batches(self, pubsub_topic: str) -> beam.PTransform:
        return beam.ParDo(PublishFn(pubsub_topic))


class HandedInEdges:
    """Messages from memory, put there under `name` before each run."""

    unending = False
    durable_state = False

    def __init__(self, name: str) -> None:
        self._name = name

    def read(self, subscription: str) -> beam.PTransform:
        return _HandedIn(self._name)

    def write(self, pubsub_topic: str) -> beam.PTransform:
        return "Pack" >> beam.Map(_alone) | "Publish" >> self.write_batches(pubsub_topic)

    def write_batches(self, pubsub_topic: str) -> beam.PTransform:
        return beam.ParDo(PublishFn(pubsub_topic))


class HandedInFn(beam.DoFn):
    """Gives the messages that were handed in."""

    batches: ClassVar[dict[str, Sequence[bytes]]] = {}

    def __init__(self, name: str) -> None:
        self._name = name

    def process(self, _: bytes) -> Iterator[bytes]:
        yield from self.batches[self._name]


class PublishFn(beam.DoFn):
    """Publishes lists of serialised messages; the bundle ends only when Pub/Sub has them all.

    A request holds messages of one ordering key, which the service demands, or of none. Those of a key go one request
    at a time, so that they keep their order. Raises RetryLater or Misconfigured where the service is the cause,
    CannotSucceed where a message is.
    """

    def __init__(self, pubsub_topic: str) -> None:
        self._topic = pubsub_topic

    def setup(self) -> None:
        self._call = _publish_call()

    def start_bundle(self) -> None:
        self._lanes: dict[str, _Lane] = {}
        self._open: deque[Any] = deque()

    def process(self, batch: Sequence[bytes]) -> None:
        for key, messages in _by_ordering_key(batch).items():
            lane = self._lanes.get(key)
            if lane is None:
                lane = self._lanes[key] = _Lane(ordered=bool(key))
            lane.messages += messages
            if len(lane.messages) >= envelope.MAX_REQUEST_MESSAGES:
                self._send(lane)

    def finish_bundle(self) -> None:
        for lane in self._lanes.values():
            self._send(lane)
        while self._open:
            self._wait(self._open.popleft())

    def _send(self, lane: "_Lane") -> None:
        messages, lane.messages = lane.messages, []
        for part in requests(messages):
            if lane.ordered and lane.last is not None:
                self._wait(lane.last)
            if len(self._open) >= OPEN_REQUESTS:
                self._wait(self._open.popleft())
            lane.last = self._call.future(
                envelope.publish_request(self._topic, messages[part]), timeout=PUBLISH_SECONDS
            )
            self._open.append(lane.last)

    def _wait(self, future: Any) -> None:
        try:
            future.result()
        except grpc.RpcError as error:
            raise self._error(error.code(), error.details() or "") from error

    def _error(self, status: grpc.StatusCode, details: str) -> Exception:
        if status is grpc.StatusCode.INVALID_ARGUMENT:
            return CannotSucceed(f"{self._topic}: {details}", "refused_by_pubsub")
        return of_status(status.name, f"publishing to {self._topic}", details)


@dataclass(slots=True)
class _Lane:
    """Messages of one ordering key, or of none, that wait for their request, and the last request that went."""

    ordered: bool
    messages: list[bytes] = field(default_factory=list)
    last: Any = None


def _by_ordering_key(batch: Sequence[bytes]) -> Mapping[str, Sequence[bytes]]:
    if not any(map(envelope.ordering_key_of, batch)):
        return {"": batch}
    lanes: dict[str, list[bytes]] = {}
    for message in batch:
        lanes.setdefault(envelope.ordering_key_of(message), []).append(message)
    return lanes


def requests(messages: Sequence[bytes]) -> Iterator[slice]:
    """Runs of `messages` that fit into a request each; one that fits into none is left to the service to refuse."""
    start = octets = 0
    for index, message in enumerate(messages):
        size = len(message) + MOST_OVERHEAD
        if index > start and (octets + size > REQUEST_BYTES or index - start == envelope.MAX_REQUEST_MESSAGES):
            yield slice(start, index)
            start, octets = index, 0
        octets += size
    if messages:
        yield slice(start, len(messages))


@cache
def _publish_call() -> Any:
    """Bytes in, bytes out; one channel for all bundles of this process, which are many and short."""
    with signed_in():
        return channel("pubsub").unary_unary(PUBLISH, None, None)


def serialised(message: PubsubMessage) -> bytes:
    """An object of Beam's as the bytes it came from, as far as it kept them."""
    block = envelope.data(message.data) + envelope.attributes(message.attributes)
    if message.publish_time:
        block += envelope.publish_time(message.publish_time)
    return block + envelope.ordering_key(message.ordering_key) if message.ordering_key else block


def _alone(message: bytes) -> list[bytes]:
    return [message]


def _as_is(batch: list[bytes]) -> list[bytes]:
    return batch


class _NativeRead(ReadFromPubSub):
    def expand_continued(self, pcoll: Any) -> Any:
        pcoll.element_type = bytes
        return pcoll


class _NativeWrite(WriteToPubSub):
    def expand(self, pcoll: Any) -> Any:
        self.pipeline_options = pcoll.pipeline.options
        pcoll.element_type = bytes
        return pcoll | beam.ParDo(_PubSubWriteDoFn(self))


class _HandedIn(beam.PTransform):
    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def expand(self, root: Any) -> Any:
        return root | beam.Impulse() | beam.ParDo(HandedInFn(self._name)).with_output_types(bytes)
