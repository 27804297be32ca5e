"""A job as a process: config from the command line, an engine by name, run until SIGTERM.

Exit codes: 0 stopped or submitted, 1 the pipeline failed, 2 bad input.
"""

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from beam_jobs.config import JobConfig, parse_flags
from beam_jobs.embedded import BatchLimits, EmbeddedEngine, Graph
from beam_jobs.messages import DirectEdges, Edges, NativeEdges, PublishFn
from beam_jobs.progress import Progress
from beam_jobs.subscription import Subscription
from bridge.health import HealthServer
from director.client import DirectorError
from director.endpoints import channel
from director.strict import DocumentError

log = logging.getLogger(__name__)

C = TypeVar("C", bound=JobConfig)


@dataclass(frozen=True, slots=True)
class Job(Generic[C]):
    """What differs between jobs: name, config, graph, and how long the embedded engine gathers a batch (seconds)."""

    name: str
    config: type[C]
    build: Callable[[beam.Pipeline, C, Edges], None]
    batch_seconds: float


def main(job: Job[Any], argv: Sequence[str] | None = None) -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("apache_beam").setLevel(logging.WARNING)
    try:
        parsed = parse_flags(sys.argv[1:] if argv is None else argv, job.config, job.name)
        if any(flag.split("=")[0] == "--runner" for flag in parsed.rest):
            return _on_beam(job, parsed.config, parsed.rest)
        return _embedded(job, parsed.config, parsed.rest, parsed.remark)
    except (DocumentError, DirectorError, OSError) as error:
        sys.stderr.write(f"{error}\n" if isinstance(error, DocumentError) else f"{job.name}: {error}\n")
        return 2


def _on_beam(job: Job[C], config: C, flags: Sequence[str]) -> int:
    """Through one of Beam's runners; a streaming pipeline on Dataflow is submitted, not waited for."""
    options = PipelineOptions(list(flags))
    runner = str(options.get_all_options()["runner"])
    local = "Direct" in runner
    edges: Edges = DirectEdges() if local else NativeEdges()
    pipeline = beam.Pipeline(options=options)
    job.build(pipeline, config, edges)
    result = pipeline.run()
    return _until_stopped(result) if local else 0


def _until_stopped(result: Any) -> int:
    """Waits on a local runner, which only `wait_until_finish` makes say that its pipeline failed."""
    runner = threading.Thread(target=result.wait_until_finish, name="runner", daemon=True)
    stop = _stop_signal()
    runner.start()
    while runner.is_alive() and not stop.wait(0.5):
        pass
    result.cancel()
    return 0 if stop.is_set() else 1


def _embedded(job: Job[C], config: C, flags: Sequence[str], remark: str | None) -> int:
    given = _engine_flags(job, flags)
    graph = Graph(job.name, lambda pipeline, edges: job.build(pipeline, config, edges))
    pubsub = channel("pubsub")
    progress = Progress()
    limits = BatchLimits(messages=given.batch_messages, seconds=given.batch_seconds)
    engine = EmbeddedEngine(
        job.name,
        graph,
        Subscription(pubsub, config.subscription),
        PublishFn(config.dead_letter_topic),
        limits,
        progress,
    )
    thread = threading.Thread(target=engine.run, name="engine", daemon=True)
    health = HealthServer(
        given.health_port,
        live=lambda: None if thread.is_alive() else "the engine's thread is dead",
        ready=lambda: progress.problem,
        registry=progress.registry,
        remark=lambda: remark,
    )
    stop = _stop_signal()
    health.start()
    thread.start()
    log.info("%s started on the embedded engine, health on port %d", job.name, health.port)
    while thread.is_alive() and not stop.wait(0.5):
        pass
    stopped = stop.is_set()
    engine.stop()
    thread.join(timeout=30)
    health.stop()
    return 0 if stopped else 1


def _engine_flags(job: Job[C], flags: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(f"python -m beam_jobs.{job.name}", allow_abbrev=False)
    parser.add_argument("--health_port", type=int, default=0)
    parser.add_argument("--batch_messages", type=int, default=BatchLimits().messages)
    parser.add_argument("--batch_seconds", type=float, default=job.batch_seconds)
    return parser.parse_args(list(flags))


def _stop_signal() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
