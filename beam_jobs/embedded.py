"""The embedded engine: a job's own graph, run again and again on micro-batches of its subscription.

    pull a batch -> run the graph on it on Beam's FnApiRunner -> acknowledge

A message is acknowledged once the run that held it has ended well, so an effect comes at least once. A run that fails
because a service is away is repeated with the same batch, its leases kept. One that fails for another reason is
repeated, then halved until the message that breaks it stands alone, which becomes a dead letter; its neighbours go
on.

The graph is built and translated once; a run then costs some 20 ms and each message a few microseconds.
"""

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from apache_beam.transforms.environments import EmbeddedPythonEnvironment

from beam_jobs.dead_letters import dead_letter
from beam_jobs.errors import CannotSucceed, Misconfigured, RetryLater
from beam_jobs.leases import held
from beam_jobs.messages import HandedInEdges, HandedInFn, PublishFn
from beam_jobs.progress import Progress
from beam_jobs.stages import DETAILS, NAMESPACE
from beam_jobs.subscription import Received, Subscription

log = logging.getLogger(__name__)
_jitter = random.Random()  # noqa: S311 - no secret; its own, whatever seeds the shared one

TRIES = 2  # of a batch, before it is halved
SHORTEST_WAIT, LONGEST_WAIT = 0.2, 15.0  # seconds between runs while a service is away


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """A run takes what there is after `seconds`, or as soon as it has `messages` or `octets` (bytes)."""

    messages: int = 5_000
    octets: int = 32_000_000
    seconds: float = 0.25


class Graph:
    """A pipeline that can be run many times on messages handed in."""

    def __init__(self, name: str, build: Callable[[beam.Pipeline, HandedInEdges], None]) -> None:
        self._name = name
        self._options = PipelineOptions([])
        self._runner = FnApiRunner()
        pipeline = beam.Pipeline(runner=self._runner, options=self._options)
        build(pipeline, HandedInEdges(name))
        self._proto = pipeline.to_runner_api(default_environment=EmbeddedPythonEnvironment.default())

    def run(self, messages: Sequence[bytes]) -> "Metrics":
        """What this run counted. Raises what a DoFn raised."""
        HandedInFn.batches[self._name] = messages
        try:
            result = self._runner.run_via_runner_api(self._proto, self._options)
            result.wait_until_finish()
        finally:
            del HandedInFn.batches[self._name]
        return Metrics.of(result.metrics().query())


@dataclass(frozen=True, slots=True)
class Metrics:
    """A run's metrics by name: messages by outcome, and details; a distribution counts as its sum and its count."""

    outcomes: dict[str, int]
    details: dict[str, int]

    @classmethod
    def of(cls, query: Mapping[str, Sequence[Any]]) -> "Metrics":
        details = _summed(DETAILS, query["counters"], "", lambda found: found)
        details |= _summed(DETAILS, query["distributions"], "_sum", lambda found: found.sum)
        details |= _summed(DETAILS, query["distributions"], "_count", lambda found: found.count)
        return cls(_summed(NAMESPACE, query["counters"], "", lambda found: found), details)


def _summed(namespace: str, results: Sequence[Any], suffix: str, number: Callable[[Any], int]) -> dict[str, int]:
    """By name: several steps may count under one."""
    sums: Counter[str] = Counter()
    for one in results:
        if one.key.metric.namespace == namespace:
            sums[one.key.metric.name + suffix] += number(one.committed)
    return dict(sums)


class EmbeddedEngine:
    """Runs one job until told to stop."""

    def __init__(
        self,
        job: str,
        graph: Graph,
        subscription: Subscription,
        dead_letters: PublishFn,
        limits: BatchLimits,
        progress: Progress,
    ) -> None:
        self._job = job
        self._graph = graph
        self._subscription = subscription
        self._dead_letters = dead_letters
        self._limits = limits
        self._progress = progress
        self._stop = threading.Event()

    def run(self) -> None:
        """Until `stop`; a batch under way is finished first."""
        try:
            self._patiently(self._dead_letters.setup)
            while not self._stop.is_set():
                self._next_batch()
        except _Stopped:
            log.info("%s stopped while a service was away; what is unacknowledged comes again", self._job)

    def stop(self) -> None:
        self._stop.set()

    def _next_batch(self) -> None:
        batch = self._patiently(self._pull)
        if batch:
            with held(self._subscription, [one.ack_id for one in batch]):
                self._process(batch)

    def _pull(self) -> list[Received]:
        batch = self._subscription.pull(self._limits.messages)
        until = time.monotonic() + self._limits.seconds
        size = sum(len(one.message) for one in batch)
        self._progress.succeeded()
        while batch and len(batch) < self._limits.messages and size < self._limits.octets:
            if self._stop.wait(min(0.02, max(0.0, until - time.monotonic()))) or time.monotonic() >= until:
                break
            more = self._pull_what_is_there(self._limits.messages - len(batch))
            size += sum(len(one.message) for one in more)
            batch += more
        return batch

    def _pull_what_is_there(self, most: int) -> list[Received]:
        """Never waits, and never fails: what is pulled already must not wait for more."""
        try:
            return self._subscription.pull(most, wait=False)
        except RetryLater as error:
            log.warning("%s; going on with what there is", error)
            return []

    def _process(self, batch: Sequence[Received]) -> None:
        error = self._tried(batch)
        if error is None:
            self._acknowledge(batch)
        elif len(batch) == 1:
            self._bury(batch[0], error)
        elif not self._stop.is_set():
            middle = len(batch) // 2
            self._process(batch[:middle])
            self._process(batch[middle:])

    def _tried(self, batch: Sequence[Received]) -> Exception | None:
        """None after a run that ended well, else the error that is some message's own."""
        error: Exception | None = None
        for _ in range(TRIES):
            try:
                self._patiently(lambda: self._run(batch))
                return None
            except _Stopped:
                raise
            except Exception as failure:  # whatever a message made our code or a library raise
                log.warning("a run over %d messages failed: %s", len(batch), failure)
                error = failure
        return error

    def _run(self, batch: Sequence[Received]) -> None:
        started = time.monotonic()
        metrics = self._graph.run([one.message for one in batch])
        self._progress.ran(metrics.outcomes, metrics.details, time.monotonic() - started)

    def _bury(self, one: Received, error: Exception) -> None:
        log.error("a message of %s breaks %s and is now a dead letter: %s", self._subscription.name, self._job, error)
        letter = dead_letter(one.message, self._job, self._subscription.name, error)
        self._patiently(lambda: self._publish(letter))
        self._acknowledge([one])
        self._progress.buried()

    def _acknowledge(self, batch: Sequence[Received]) -> None:
        self._patiently(lambda: self._subscription.acknowledge([one.ack_id for one in batch]))
        self._progress.acknowledged(len(batch))

    def _publish(self, letter: bytes) -> None:
        self._dead_letters.start_bundle()
        self._dead_letters.process([letter])
        try:
            self._dead_letters.finish_bundle()
        except CannotSucceed as error:  # nothing takes a dead letter's place
            raise Misconfigured(f"the dead-letter topic refuses a dead letter: {error}") from error

    def _patiently(self, action: Callable[[], Any]) -> Any:
        """`action`, again and again while a service is away. Raises _Stopped when told to stop meanwhile."""
        longest = SHORTEST_WAIT
        while True:
            try:
                return action()
            except RetryLater as error:
                self._progress.failed(error if isinstance(error, Misconfigured) else None)
                log.warning("%s; trying again", error)
            if self._stop.wait(_jitter.uniform(0, longest)):
                raise _Stopped
            longest = min(longest * 2, LONGEST_WAIT)


class _Stopped(Exception):
    """Told to stop while waiting for a service."""
