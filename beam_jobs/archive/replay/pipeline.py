"""A replay as a batch pipeline: names of objects -> spread over workers -> each one read, filtered and published.

For ranges that one process would take too long for. Objects are published side by side, so only the lines of an object
are in order; an object whose bundle fails is published again from its start.
"""

import logging
import shlex
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics, MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions

from beam_jobs.archive import manifest
from beam_jobs.archive.manifest import Entry
from beam_jobs.archive.reading.catalogue import catalogue
from beam_jobs.archive.reading.shelf import open_shelf
from beam_jobs.archive.replay import shown
from beam_jobs.archive.replay.pace import MAX, Pace
from beam_jobs.archive.replay.running import Replay
from beam_jobs.archive.replay.spec import Spec, spec
from beam_jobs.archive.replay.state import Tally
from beam_jobs.archive.replay.targets import Taker, open_taker
from beam_jobs.errors import Misconfigured
from beam_jobs.stages import DETAILS
from bridge.envelope import timestamp

log = logging.getLogger(__name__)

COUNTS = ("read", "published", "failed", "damaged")


class ReplayFn(beam.DoFn):
    """An entry of the manifest in, nothing out; counted by metrics. Raises where a service is the cause."""

    counts = {name: Metrics.counter(DETAILS, f"replay_{name}") for name in COUNTS}  # noqa: RUF012 - never changed

    def __init__(self, document: Mapping[str, Any], time: str) -> None:
        self._document, self._time = document, time
        self._taker: Taker | None = None

    def setup(self) -> None:
        self._spec = spec(self._document)
        self._shelf = open_shelf(self._spec.archive.bucket)
        self._taker = open_taker(self._spec, self._time, None)

    def process(self, listed: bytes) -> Iterator[None]:
        assert self._taker is not None  # noqa: S101 - Beam calls setup first
        entries = manifest.decode(listed)
        # One object is no reason to doubt the target, and would end the job.
        replay = Replay(self._spec, entries, self._shelf, self._taker, _Unrecorded(), Pace(MAX), doubts=False)
        totals = replay.run()
        for name, counter in self.counts.items():
            counter.inc(int(getattr(totals, name)))
        yield from ()

    def teardown(self) -> None:
        if self._taker is not None:
            self._taker.close()


class _Unrecorded:
    """A bundle is done or is not; the engine knows."""

    def record(self, tallies: Mapping[int, Tally], position: int) -> None:
        pass


def build(pipeline: beam.Pipeline, wanted: Spec, entries: list[Entry], time: str) -> None:
    """`time` is what `replay.time` says."""
    names = [manifest.encode([one]) for one in entries]
    _ = (
        pipeline
        | "Objects" >> beam.Create(names)
        | "Spread" >> beam.Reshuffle()
        | "Replay" >> beam.ParDo(ReplayFn(wanted.as_json(), time))
    )


def run(wanted: Spec, engine: str, flags: str, as_json: bool) -> int:
    """`direct` is waited for; Dataflow is given the job. Raises Misconfigured for a target that only a process has."""
    if wanted.target.kind == "file":
        raise Misconfigured("workers share no file; replay to a topic, or without --engine")
    known = catalogue(open_shelf(wanted.archive.bucket), wanted.archive, wanted.choice.span, wanted.listing)
    options = PipelineOptions(shlex.split(flags))
    pipeline = beam.Pipeline(runner=_runner(engine), options=options)
    build(pipeline, wanted, list(known.entries), timestamp(datetime.now(UTC)))
    result = pipeline.run()
    found = {"replay_id": wanted.replay_id, "target": str(wanted.target), "objects": len(known.entries)}
    if engine == "direct":
        result.wait_until_finish()
        found |= counted(result)
    else:
        found["job"] = result.job_id()
    lines = [shown.as_json(found)] if as_json else [f"{name:10} {value}" for name, value in found.items()]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 1 if found.get("failed") or found.get("damaged") else 0


def counted(result: Any) -> dict[str, int]:
    """What a pipeline that has ended counted."""
    counters = result.metrics().query(MetricsFilter().with_namespace(DETAILS))["counters"]
    known = {one.key.metric.name: one.committed or one.attempted for one in counters}
    return {name: known.get(f"replay_{name}", 0) for name in COUNTS}


def _runner(engine: str) -> Any:
    if engine == "direct":
        from apache_beam.runners.portability.fn_api_runner import FnApiRunner

        return FnApiRunner()
    return "DataflowRunner"
