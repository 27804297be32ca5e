"""Enriched -> BigQuery: one read, one stage, one write of what cannot be a row."""

import apache_beam as beam

from beam_jobs.messages import Edges
from beam_jobs.stages import Run
from beam_jobs.warehouse.config import WarehouseConfig
from beam_jobs.warehouse.transforms import open_row_writer


def build(pipeline: beam.Pipeline, config: WarehouseConfig, edges: Edges) -> None:
    written = pipeline | "Read" >> edges.read(config.subscription) | "Write rows" >> Run(open_row_writer, config)
    _ = written.dead_letters | "Write dead letters" >> edges.write(config.dead_letter_topic)
