"""The enrichment job on micro-batches: the embedded engine against Beam's own `Pipeline.run` and a no-op graph.

All run the same graph on Beam's FnApiRunner, over the same messages, with the register in memory and the results
thrown away.
"""

import logging
import resource
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner

from beam_jobs.embedded import Graph
from beam_jobs.enrichment.cache.layers import FOUND, Entry
from beam_jobs.enrichment.cache.lookup import Lookup
from beam_jobs.enrichment.config import EnrichmentConfig
from beam_jobs.enrichment.transforms import Enricher
from beam_jobs.messages import HandedInEdges, HandedInFn
from beam_jobs.stages import Result, Run, Stage
from benchmarks.race import Bar, Metrics, Rows, race
from bridge import envelope

DEVICES = 10_000
MESSAGES = 50_000
CONFIG = EnrichmentConfig(
    subscription="projects/p/subscriptions/s",
    dead_letter_topic="projects/p/topics/d",
    topic="projects/p/topics/t",
    collection="devices",
    fields={"location": "location"},
)


class Register:
    """Every device is known."""

    name = "register"

    def fetch(self, keys: Collection[str]) -> dict[str, Entry]:
        return {key: Entry(envelope.attribute("device.location", f"hall-{len(key)}") + FOUND, 0) for key in keys}


def open_enricher(config: EnrichmentConfig) -> Stage:
    return Enricher(Lookup(Register()), config)


def open_nothing(config: EnrichmentConfig) -> Stage:
    def stage(batch: Sequence[bytes]) -> Result:
        return Result(done=len(batch), messages=list(batch))

    return stage


class Discard(beam.DoFn):
    def process(self, message: bytes) -> None:
        """Takes a message and keeps nothing."""


def messages() -> list[bytes]:
    """300 bytes of JSON under 11 attributes, as the bridge makes them."""
    payload = b'{"temp": 21.5, "hum": 55.1, "pad": "' + b"x" * 260 + b'"}'
    return [
        envelope.data(payload)
        + envelope.attributes(
            {
                "ce-specversion": "1.0",
                "ce-type": "iot.telemetry",
                "ce-id": f"0123456789abcdef-{number:x}",
                "ce-source": "mqtt://broker:1883/routes/up",
                "ce-subject": f"device-{number % DEVICES:05d}",
                "ce-time": f"2026-01-02T03:{number // 60 % 60:02d}:{number % 60:02d}.000000Z",
                "content-type": "application/json",
                "mqtt.topic": f"devices/device-{number % DEVICES:05d}/up",
                "mqtt.qos": "1",
                "mqtt.received_at": "2026-01-02T03:04:05.000000Z",
                "capture.device": f"device-{number % DEVICES:05d}",
            }
        )
        for number in range(MESSAGES)
    ]


def graph(open_stage: Callable[[Any], Stage]) -> Callable[[beam.Pipeline, HandedInEdges], None]:
    def build(pipeline: beam.Pipeline, edges: HandedInEdges) -> None:
        done = pipeline | edges.read(CONFIG.subscription) | Run(open_stage, CONFIG)
        _ = done.batches | "Discard" >> beam.ParDo(Discard())
        _ = done.dead_letters | "Discard dead letters" >> beam.ParDo(Discard())

    return build


def embedded(open_stage: Callable[[Any], Stage], batch: int, work: Sequence[bytes]) -> Callable[[], Metrics]:
    made = Graph("race", graph(open_stage))
    return lambda: _timed(made.run, batch, work)


def rebuilt(open_stage: Callable[[Any], Stage], batch: int, work: Sequence[bytes]) -> Callable[[], Metrics]:
    def run(part: Sequence[bytes]) -> None:
        HandedInFn.batches["rebuilt"] = part
        pipeline = beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions([]))
        graph(open_stage)(pipeline, HandedInEdges("rebuilt"))
        pipeline.run().wait_until_finish()

    return lambda: _timed(run, batch, work)


def _timed(run: Callable[[Sequence[bytes]], object], batch: int, work: Sequence[bytes]) -> Metrics:
    started, cpu = time.perf_counter(), time.process_time()
    for start in range(0, len(work), batch):
        run(work[start : start + batch])
    seconds, burnt = time.perf_counter() - started, time.process_time() - cpu
    return {
        "msg/s": len(work) / seconds,
        "us CPU/msg": burnt / len(work) * 1e6,
        "ms/run": seconds / (len(work) / batch) * 1e3,
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def bars(rows: Rows) -> list[Bar]:
    return [
        Bar(
            "embedded against Pipeline.run, 500 a run",
            rows["embedded, 500 a run"]["msg/s"] / rows["Pipeline.run, 500 a run"]["msg/s"],
            2.0,
        ),
        Bar(
            "enrichment against a no-op graph, 5,000 a run",
            rows["embedded, 5,000 a run"]["msg/s"] / rows["embedded no-op, 5,000 a run"]["msg/s"],
            0.3,
        ),
    ]


def main(argv: Sequence[str]) -> int:
    logging.disable(logging.WARNING)
    work = messages()
    contenders = {
        "embedded, 500 a run": embedded(open_enricher, 500, work),
        "embedded, 5,000 a run": embedded(open_enricher, 5_000, work),
        "embedded no-op, 5,000 a run": embedded(open_nothing, 5_000, work),
        "Pipeline.run, 500 a run": rebuilt(open_enricher, 500, work),
        "Pipeline.run, 5,000 a run": rebuilt(open_enricher, 5_000, work),
    }
    return race("engine", contenders, bars, argv)
