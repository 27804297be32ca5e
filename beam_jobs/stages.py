"""A job's logic as a plain function over batches, and the one DoFn around it.

A stage takes serialised envelopes and gives what goes on and what is dead. It raises RetryLater when a service it needs
is not there, and nothing else on account of a message. Beam stays outside: a stage runs and is tested without it.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.window import GlobalWindows
from pydantic import BaseModel

from beam_jobs.errors import signed_in

DEAD_LETTERS = "dead_letters"
NAMESPACE = "job"  # of metrics: what became of messages
DETAILS = "details"  # of metrics: what else a stage counts and measures

S = TypeVar("S")


@dataclass(slots=True)
class Result:
    """What became of a batch: `messages` go on, `dead_letters` too, and `done` messages reached their goal."""

    done: int
    messages: list[bytes] = field(default_factory=list)
    dead_letters: list[bytes] = field(default_factory=list)


class Stage(Protocol):
    """`len(batch) == result.done + len(result.dead_letters)`, always."""

    def __call__(self, batch: Sequence[bytes]) -> Result: ...


class StageFn(beam.DoFn):
    """Buffers a bundle and runs the stage on up to `largest_batch` messages at once.

    The stage is opened once per process and kept: a bundle is short, and clients and caches are not to die with it.
    """

    received = Metrics.counter(NAMESPACE, "in")
    done = Metrics.counter(NAMESPACE, "out")
    dead = Metrics.counter(NAMESPACE, "dead_lettered")

    def __init__(self, open_stage: Callable[[Any], Stage], config: BaseModel, largest_batch: int) -> None:
        self._open_stage = open_stage
        self._config = config
        self._largest = largest_batch

    def setup(self) -> None:
        self._stage = opened(self._open_stage, self._config)

    def start_bundle(self) -> None:
        self._batch: list[bytes] = []

    def process(self, raw: bytes) -> Iterator[Any] | None:
        self._batch.append(raw)
        return self._flush() if len(self._batch) >= self._largest else None

    def finish_bundle(self) -> Iterator[Any]:
        if self._batch:
            yield from map(_in_global_window, self._flush())

    def _flush(self) -> Iterator[Any]:
        batch, self._batch = self._batch, []
        result = self._stage(batch)
        self.received.inc(len(batch))
        self.done.inc(result.done)
        self.dead.inc(len(result.dead_letters))
        if result.messages:
            yield result.messages
        for message in result.dead_letters:
            yield TaggedOutput(DEAD_LETTERS, message)


class Run(beam.PTransform):
    """Messages through a stage; gives the outputs `batches`, lists of messages that go on, and `dead_letters`.

    A list is one element for Beam, which takes a microsecond for each it hands on.
    """

    def __init__(self, open_stage: Callable[[Any], Stage], config: BaseModel, largest_batch: int = 500) -> None:
        super().__init__()
        self._fn = StageFn(open_stage, config, largest_batch)

    def expand(self, messages: Any) -> Any:
        return messages | "Batches" >> beam.ParDo(self._fn).with_outputs(DEAD_LETTERS, main="batches")


_stages: dict[tuple[Callable[[Any], Any], str], Any] = {}
_opening = threading.Lock()


def opened(open_stage: Callable[[Any], S], config: BaseModel) -> S:
    """The stage, or what else is opened once, of this process for `config`."""
    key = (open_stage, config.model_dump_json())
    with _opening:
        if key not in _stages:
            with signed_in():
                _stages[key] = open_stage(config)
        found: S = _stages[key]
        return found


def _in_global_window(output: Any) -> Any:
    if isinstance(output, TaggedOutput):
        return TaggedOutput(output.tag, GlobalWindows.windowed_value(output.value))
    return GlobalWindows.windowed_value(output)
