"""Enriched -> Cloud Storage: one read, one archive, one write of what cannot be archived."""

import apache_beam as beam

from beam_jobs.archive.config import ArchiveConfig
from beam_jobs.archive.durable import ArchiveDurably
from beam_jobs.archive.transforms import open_archiver
from beam_jobs.messages import Edges
from beam_jobs.stages import Run

LARGEST_BATCH = 20_000  # messages: a bundle becomes one object for each folder, so larger is better


def build(pipeline: beam.Pipeline, config: ArchiveConfig, edges: Edges) -> None:
    messages = pipeline | "Read" >> edges.read(config.subscription)
    if edges.durable_state:
        dead_letters = messages | "Archive" >> ArchiveDurably(config)
    else:
        dead_letters = (messages | "Archive" >> Run(open_archiver, config, LARGEST_BATCH)).dead_letters
    _ = dead_letters | "Write dead letters" >> edges.write(config.dead_letter_topic)
