"""Pipelines of a race: run to their end on Beam's FnApiRunner, in this process, and timed."""

import gc
import time
from collections.abc import Callable

import apache_beam as beam
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner

from benchmarks.race import Metrics


def run_pipeline(build: Callable[[beam.Pipeline], None]) -> None:
    options = PipelineOptions([])
    options.view_as(GoogleCloudOptions).no_auth = True
    pipeline = beam.Pipeline(runner=FnApiRunner(), options=options)
    build(pipeline)
    pipeline.run().wait_until_finish()


def timed(count: int, run: Callable[[], object], what: str = "msg") -> Metrics:
    """Speed and cost of `run`, which works on `count` messages or rows.

    What others left in this process is none of its business: the garbage collector does not look at it again.
    """
    gc.collect()
    gc.freeze()
    started, cpu = time.perf_counter(), time.process_time()
    run()
    seconds, burnt = time.perf_counter() - started, time.process_time() - cpu
    return {f"{what}/s": count / seconds, f"us CPU/{what}": burnt / count * 1e6}
