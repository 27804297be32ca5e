"""What all jobs of the race have in common: messages from memory on one side, PublishRequests counted on the other."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import apache_beam as beam

from beam_jobs.messages import HandedInEdges, PublishFn
from benchmarks.pipelines import timed
from benchmarks.race import Metrics
from bridge import envelope

PUBSUB_TOPIC = "projects/p/topics/enriched"


class Taken:
    """What has left a job: how many messages, and the requests themselves where someone wants to see them."""

    messages = 0
    requests: ClassVar[list[bytes] | None] = None

    @classmethod
    def request(cls, serialised: bytes) -> None:
        if cls.requests is not None:
            cls.requests.append(serialised)


class _AnsweredAtOnce:
    """A Pub/Sub that takes each request where it is made: what the network costs is the same for all, and left out."""

    def future(self, request: bytes, timeout: float) -> "_AnsweredAtOnce":
        Taken.request(request)
        return self

    def result(self) -> None:
        """Nothing to wait for."""


class TakeFn(PublishFn):
    """The job's own sink up to the wire."""

    def setup(self) -> None:
        self._call = _AnsweredAtOnce()

    def process(self, batch: Sequence[bytes]) -> None:
        Taken.messages += len(batch)
        super().process(batch)


class Edges(HandedInEdges):
    """The embedded engine's source, and that sink."""

    def write_batches(self, pubsub_topic: str) -> beam.PTransform:
        return beam.ParDo(TakeFn(pubsub_topic))


class Timestamped(beam.PTransform):
    """Messages with their event time, as Dataflow's source hands them over; made before the clock starts."""

    messages: ClassVar[Sequence[Any]] = ()

    def expand(self, root: Any) -> Any:
        return root | beam.Impulse() | beam.ParDo(_TimestampedFn()).with_output_types(bytes)


class _TimestampedFn(beam.DoFn):
    def process(self, _: bytes) -> Iterator[Any]:
        yield from Timestamped.messages


def timestamped(messages: Sequence[bytes]) -> list[Any]:
    moments = (envelope.moment(envelope.parse(raw).attributes[envelope.TIME]).timestamp() for raw in messages)
    return [beam.window.TimestampedValue(raw, moment) for raw, moment in zip(messages, moments, strict=True)]


def measured(count: int, run: Callable[[], object]) -> Metrics:
    """Speed and cost of `run`, which must let `count` messages out."""
    before = Taken.messages
    metrics = timed(count, run)
    if Taken.messages - before != count:
        raise RuntimeError(f"{Taken.messages - before} messages came out of {count}")
    return metrics
