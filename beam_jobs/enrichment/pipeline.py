"""Ingestion -> enriched: one read, one stage, two writes, and where rollups are wanted a branch for them."""

import apache_beam as beam

from beam_jobs.enrichment.config import EnrichmentConfig
from beam_jobs.enrichment.rollups import RollUp
from beam_jobs.enrichment.transforms import open_enricher
from beam_jobs.messages import Edges
from beam_jobs.stages import Run


def build(pipeline: beam.Pipeline, config: EnrichmentConfig, edges: Edges) -> None:
    enriched = pipeline | "Read" >> edges.read(config.subscription) | "Enrich" >> Run(open_enricher, config)
    _ = enriched.batches | "Write" >> edges.write_batches(config.topic)
    _ = enriched.dead_letters | "Write dead letters" >> edges.write(config.dead_letter_topic)
    if config.rollups and config.rollup_topic:
        rollups = enriched.batches | "Roll up" >> RollUp(config, config.rollups, edges.unending)
        _ = rollups | "Write rollups" >> edges.write(config.rollup_topic)
