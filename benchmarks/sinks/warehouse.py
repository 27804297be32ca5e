"""Messages into rows of 17 columns: the warehouse job against Beam's streaming inserts.

Neither meets BigQuery. Ours sends its requests to a server in another process that keeps nothing; Beam's sink hands its
own to a client in its own process that does nothing at all, which is less than it would have to do.
"""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar

import apache_beam as beam
import grpc
import orjson
from apache_beam.io.gcp.bigquery import BigQueryDisposition, WriteToBigQuery
from apache_beam.io.gcp.bigquery_tools import RetryStrategy

from beam_jobs.embedded import Graph
from beam_jobs.messages import HandedInEdges, HandedInFn
from beam_jobs.stages import Run, Stage
from beam_jobs.warehouse.pipeline import ROWS_AT_ONCE
from beam_jobs.warehouse.rows import RowEncoder
from beam_jobs.warehouse.storage_write import TableWriter
from beam_jobs.warehouse.transforms import RowWriter
from benchmarks.pipelines import run_pipeline, timed
from benchmarks.race import Metrics
from benchmarks.sinks.append_server import COUNT, LARGEST_REQUEST
from benchmarks.sinks.mapping import COLUMNS, TABLE, config
from bridge import envelope
from localcloud.ports import HOST, free_port


@contextmanager
def server() -> Iterator[grpc.Channel]:
    """The server that keeps nothing, in a process of its own while a `with` lasts."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.sinks.append_server", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            if not (process.stdout and process.stdout.readline()):
                raise RuntimeError("the append server ended before it was ready")
            with grpc.insecure_channel(
                f"{HOST}:{port}", options=[("grpc.max_send_message_length", LARGEST_REQUEST)]
            ) as found:
                _Server.channel = found
                yield found
        finally:
            process.kill()


class _Server:
    channel: ClassVar[grpc.Channel]


def storage_write(messages: Sequence[bytes]) -> Metrics:
    """The job's stage on the embedded engine."""

    def build(pipeline: beam.Pipeline, edges: HandedInEdges) -> None:
        _ = pipeline | edges.read("") | Run(_open_writer, config(), ROWS_AT_ONCE)

    graph = Graph("warehouse", build)
    before = _rows()
    metrics = _per_core(timed(len(messages), lambda: graph.run(messages), "row"))
    if _rows() - before != len(messages):
        raise RuntimeError(f"{_rows() - before} rows arrived of {len(messages)}")
    return metrics


def _open_writer(_: Any) -> Stage:
    encoder = RowEncoder(COLUMNS)
    return RowWriter(encoder, TableWriter(_Server.channel, TABLE, COLUMNS, encoder.descriptor), "s")


def _rows() -> int:
    return int(_Server.channel.unary_unary(COUNT, None, None)(b""))


def streaming_inserts(messages: Sequence[bytes]) -> Metrics:
    """Beam's sink as its documentation has it, with the retries that do not wedge."""

    def build(pipeline: beam.Pipeline) -> None:
        HandedInFn.batches["inserts"] = messages
        _ = (
            pipeline
            | HandedInEdges("inserts").read("")
            | beam.Map(_as_row)
            | WriteToBigQuery(
                TABLE.replace(".", ":", 1),
                method=WriteToBigQuery.Method.STREAMING_INSERTS,
                create_disposition=BigQueryDisposition.CREATE_NEVER,
                write_disposition=BigQueryDisposition.WRITE_APPEND,
                insert_retry_strategy=RetryStrategy.RETRY_ON_TRANSIENT_ERROR,
                test_client=NoBigQuery(),
            )
        )

    before = NoBigQuery.rows
    metrics = _per_core(timed(len(messages), lambda: run_pipeline(build), "row"))
    if NoBigQuery.rows - before != len(messages):
        raise RuntimeError(f"{NoBigQuery.rows - before} rows arrived of {len(messages)}")
    return metrics


class NoBigQuery:
    """Google's client as far as the sink uses it, doing nothing."""

    rows = 0

    def insert_rows_json(self, table: str, json_rows: Sequence[Any], **_: Any) -> list[Any]:
        NoBigQuery.rows += len(json_rows)
        return []


def _as_row(raw: bytes) -> dict[str, Any]:
    """The same columns, as one writes them down for Beam's sink."""
    message = envelope.parse(raw)
    facts, document = dict(message.attributes), orjson.loads(message.data)
    readings = document["data"]
    return {
        "ce_id": facts["ce-id"],
        "device": facts["ce-subject"],
        "event_time": facts["ce-time"],
        "location": facts.get("device.location"),
        "service_tag": facts.get("device.serviceTag"),
        "enrichment_status": facts.get("enrichment.status"),
        "temperature": readings.get("temp"),
        "humidity": readings.get("humidity"),
        "co": readings.get("co"),
        "lpg": readings.get("lpg"),
        "smoke": readings.get("smoke"),
        "light": readings.get("light"),
        "motion": readings.get("motion"),
        "window_start": facts.get("window.start"),
        "attributes": orjson.dumps(facts).decode(),
        "payload": orjson.dumps(document).decode(),
        "written_at": datetime.now(UTC).isoformat(),
    }


def _per_core(metrics: Metrics) -> Metrics:
    return {**metrics, "rows/CPU-s": 1e6 / metrics["us CPU/row"]}
