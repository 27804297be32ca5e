"""A stream on command: messages, watermark and clock told step by step, into a bucket through the durable archive."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.direct.direct_runner import BundleBasedDirectRunner
from apache_beam.testing import test_stream as beam_time

from beam_jobs.archive.config import ArchiveConfig
from beam_jobs.archive.durable import END_OF_TIME, KEYED, ArchiveDurably, GatherFn, HoldFn
from beam_jobs.stages import DEAD_LETTERS


class Clock:
    """The time as the stream tells it: that of the latest messages."""

    now: ClassVar[float] = 0.0

    def __call__(self) -> float:
        return self.now


class ToldFn(beam.DoFn):
    """Messages of a bundle that came at some time."""

    def process(self, told: tuple[float, list[bytes]]) -> Iterator[bytes]:
        Clock.now = told[0]
        CollectFn.found.append(len(told[1]))
        yield from told[1]


class CollectFn(beam.DoFn):
    """Keeps what comes, for the test to see."""

    found: ClassVar[list[Any]] = []

    def process(self, one: Any) -> None:
        self.found.append(one)


@dataclass(frozen=True, slots=True)
class Ended:
    """What happened, in order: how many messages came as a bundle, or what came out. And what is left of state."""

    happened: list[Any]
    left: list[Any]

    @property
    def out(self) -> list[Any]:
        return [one for one in self.happened if not isinstance(one, int)]


class Stream:
    """Steps, then what became of them."""

    def __init__(self) -> None:
        self.steps = beam_time.TestStream()
        self._now = 0.0

    def send(self, *messages: bytes) -> "Stream":
        """One bundle."""
        self.steps.add_elements([(self._now, list(messages))])
        return self

    def clock(self, seconds: float) -> "Stream":
        self._now += seconds
        self.steps.advance_processing_time(seconds)
        return self

    def watermark(self, seconds: float) -> "Stream":
        self.steps.advance_watermark_to(seconds)
        return self

    def archived(self, config: ArchiveConfig) -> Ended:
        """Dead letters come out, after a drain."""
        return self._ended(ArchiveDurably(config, Clock()))

    def held(self, config: ArchiveConfig) -> Ended:
        """Batches come out as they leave what holds them, after a drain."""
        return self._ended(_Held(config))

    def _ended(self, transform: beam.PTransform) -> Ended:
        CollectFn.found = []
        Clock.now = 0.0
        options = PipelineOptions([])
        options.view_as(StandardOptions).streaming = True
        pipeline = beam.Pipeline(runner=BundleBasedDirectRunner(), options=options)
        steps = self.steps.advance_watermark_to(END_OF_TIME).advance_watermark_to_infinity()
        messages = pipeline | steps | "Told" >> beam.ParDo(ToldFn())
        _ = messages | transform | "Collect" >> beam.ParDo(CollectFn())
        result = pipeline.run()
        result.wait_until_finish()
        context = result._evaluation_context  # Beam shows its state in no other way
        states = [kept for states in context._transform_keyed_states.values() for kept in states.values()]
        kept = [item for state in states for window in state.state.values() for item in window.items() if item[1]]
        timers = [
            (name, at) for state in states for window in state.timers.values() for (name, *_), at in window.items()
        ]
        return Ended(CollectFn.found, [item for item in kept + timers if item[0].startswith("user/")])


class _Held(beam.PTransform):
    def __init__(self, config: ArchiveConfig) -> None:
        super().__init__()
        self._config = config

    def expand(self, messages: Any) -> Any:
        gathered = messages | beam.ParDo(GatherFn(self._config)).with_outputs(DEAD_LETTERS, main="blobs")
        gathered.blobs.element_type = KEYED
        return gathered.blobs | beam.ParDo(HoldFn(self._config, Clock()))
