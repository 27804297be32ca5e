"""Enriched -> Cloud Storage: one read, one stage, one write of what cannot be archived."""

import apache_beam as beam

from beam_jobs.archive.config import ArchiveConfig
from beam_jobs.archive.transforms import open_archiver
from beam_jobs.messages import Edges
from beam_jobs.stages import Run

LARGEST_BATCH = 20_000  # messages: a bundle becomes one object for each key, so larger is better


def build(pipeline: beam.Pipeline, config: ArchiveConfig, edges: Edges) -> None:
    archived = (
        pipeline | "Read" >> edges.read(config.subscription) | "Archive" >> Run(open_archiver, config, LARGEST_BATCH)
    )
    _ = archived.dead_letters | "Write dead letters" >> edges.write(config.dead_letter_topic)
