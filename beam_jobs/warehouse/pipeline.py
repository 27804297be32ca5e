"""Enriched -> BigQuery: one read, one stage, one write of what cannot be a row."""

import apache_beam as beam

from beam_jobs.messages import Edges
from beam_jobs.stages import Run
from beam_jobs.warehouse import beam_sink
from beam_jobs.warehouse.config import WarehouseConfig
from beam_jobs.warehouse.transforms import open_row_writer

ROWS_AT_ONCE = 5_000  # several requests, which are under way together


def build(pipeline: beam.Pipeline, config: WarehouseConfig, edges: Edges) -> None:
    """Raises DocumentError where Beam's own sink is asked for and cannot be had."""
    if config.method == "storage_write_api":
        _through_beam(pipeline, config, edges)
        return
    messages = pipeline | "Read" >> edges.read(config.subscription)
    written = messages | "Write rows" >> Run(open_row_writer, config, ROWS_AT_ONCE)
    _ = written.dead_letters | "Write dead letters" >> edges.write(config.dead_letter_topic)


def _through_beam(pipeline: beam.Pipeline, config: WarehouseConfig, edges: Edges) -> None:
    beam_sink.check_possible(edges)
    messages = pipeline | "Read" >> edges.read(config.subscription)
    encoded = messages | "Encode rows" >> Run(beam_sink.open_encoder, config)
    refused = encoded.batches | "Write rows" >> beam_sink.WriteThroughBeam(config)
    dead = (encoded.dead_letters, refused) | "All dead letters" >> beam.Flatten()
    _ = dead | "Write dead letters" >> edges.write(config.dead_letter_topic)
