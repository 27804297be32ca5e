"""Where messages enter and leave a job: serialised `PubsubMessage`s on every engine, one form of edges for each.

native      Dataflow replaces Beam's own Pub/Sub source and sink by its service's; only their Python conversions,
            which cost 30 us a message, are left out
direct      Beam's old local engine: its source hands over objects, which are serialised again
handed in   the embedded engine: a batch it pulled itself; the sink publishes, and fails the run where it cannot
"""

from collections import deque
from collections.abc import Iterator, Sequence
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
OPEN_REQUESTS = 100  # at once; a server may refuse to hold more


class Edges(Protocol):
    """The source and the sink of one engine; `unending` where windows and timers may wait for more messages."""

    unending: bool

    def read(self, subscription: str) -> beam.PTransform: ...
    def write(self, pubsub_topic: str) -> beam.PTransform: ...


class NativeEdges:
    """Beam's own Pub/Sub transforms, which Dataflow replaces."""

    unending = True

    def read(self, subscription: str) -> beam.PTransform:
        return _NativeRead(subscription=subscription, with_attributes=True)

    def write(self, pubsub_topic: str) -> beam.PTransform:
        return _NativeWrite(pubsub_topic, with_attributes=True)


class DirectEdges:
    """For smoke tests on Beam's DirectRunner, which acknowledges before it processes."""

    unending = True

    def read(self, subscription: str) -> beam.PTransform:
        return ReadFromPubSub(subscription=subscription, with_attributes=True) | beam.Map(serialised).with_output_types(
            bytes
        )

    def write(self, pubsub_topic: str) -> beam.PTransform:
        return beam.ParDo(PublishFn(pubsub_topic))


class HandedInEdges:
    """Messages from memory, put there under `name` before each run."""

    unending = False

    def __init__(self, name: str) -> None:
        self._name = name

    def read(self, subscription: str) -> beam.PTransform:
        return _HandedIn(self._name)

    def write(self, pubsub_topic: str) -> beam.PTransform:
        return beam.ParDo(PublishFn(pubsub_topic))


class HandedInFn(beam.DoFn):
    """Gives the messages that were handed in."""

    batches: ClassVar[dict[str, Sequence[bytes]]] = {}

    def __init__(self, name: str) -> None:
        self._name = name

    def process(self, _: bytes) -> Iterator[bytes]:
        yield from self.batches[self._name]


class PublishFn(beam.DoFn):
    """Publishes serialised messages; the bundle ends only when Pub/Sub has them all.

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

    def process(self, message: bytes) -> None:
        key = envelope.ordering_key_of(message)
        lane = self._lanes.get(key) or self._lanes.setdefault(key, _Lane(ordered=bool(key)))
        size = len(message) + envelope.request_overhead(len(message))
        if lane.octets + size > REQUEST_BYTES or len(lane.messages) >= envelope.MAX_REQUEST_MESSAGES:
            self._send(lane)
        lane.messages.append(message)
        lane.octets += size

    def finish_bundle(self) -> None:
        for lane in self._lanes.values():
            self._send(lane)
        while self._open:
            self._wait(self._open.popleft())

    def _send(self, lane: "_Lane") -> None:
        if lane.ordered and lane.last is not None:
            self._wait(lane.last)
        if len(self._open) >= OPEN_REQUESTS:
            self._wait(self._open.popleft())
        request = envelope.publish_request(self._topic, lane.messages)
        lane.last = self._call.future(request, timeout=PUBLISH_SECONDS)
        self._open.append(lane.last)
        lane.messages, lane.octets = [], 0

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
    octets: int = 0
    last: Any = None


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
