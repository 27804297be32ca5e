"""The cache as configured: layers from near to far, the source, and the listener for changes."""

import hashlib
import random
import time
from pathlib import Path

from google.cloud import bigquery, firestore

from beam_jobs.enrichment.cache.bigquery import BigQuerySource
from beam_jobs.enrichment.cache.breaker import Breaker
from beam_jobs.enrichment.cache.file import FileSource
from beam_jobs.enrichment.cache.firestore import FirestoreSource
from beam_jobs.enrichment.cache.floors import Floors
from beam_jobs.enrichment.cache.guarded import GuardedLayer, GuardedSource
from beam_jobs.enrichment.cache.layers import Layer, Lifetimes, Source
from beam_jobs.enrichment.cache.lookup import Lookup
from beam_jobs.enrichment.cache.lru import LruLayer
from beam_jobs.enrichment.cache.records import Records
from beam_jobs.enrichment.cache.redis import RedisLayer, redis_client
from beam_jobs.enrichment.cache.statistics import Statistics
from beam_jobs.enrichment.config import EnrichmentConfig
from director.endpoints import credentials


def open_lookup(config: EnrichmentConfig, seed: int | None = None) -> Lookup:
    """Asks nobody yet. `seed` makes repeatable how lifetimes are spread."""
    floors, statistics = Floors(), Statistics()
    spread = random.Random(seed).random  # noqa: S311 - no secret
    memory = None
    if "process" in config.chain:
        lifetimes = Lifetimes(
            config.memory_seconds, config.absent_seconds, config.revalidate_seconds, config.stale_seconds
        )
        memory = LruLayer(config.memory_entries, config.memory_bytes, lifetimes, floors, time.monotonic, spread)
    layers: list[Layer] = []
    if config.redis_url is not None:
        lifetimes = Lifetimes(config.redis_seconds, config.absent_seconds, stale_seconds=config.stale_seconds)
        client = redis_client(config.redis_url)
        layer = RedisLayer(client, _namespace(config), lifetimes, statistics, time.time, spread)
        layers.append(GuardedLayer(layer, Breaker(layer.name, time.monotonic), statistics))
    source = _source(config, statistics)
    guarded = GuardedSource(source, Breaker(source.name, time.monotonic), statistics)
    return Lookup(guarded, layers, memory, floors, statistics)


def _source(config: EnrichmentConfig, statistics: Statistics) -> Source:
    records = Records(config.fields, statistics)
    if config.collection is not None:
        client = firestore.Client(project=config.project, credentials=credentials("firestore"))
        return FirestoreSource(client, config.collection, records)
    if config.source_table is not None:
        queries = bigquery.Client(project=config.project, credentials=credentials("bigquery"))
        return BigQuerySource(queries, config.source_table, config.source_key, records)
    return FileSource(Path(str(config.source_file)), records)


def _namespace(config: EnrichmentConfig) -> str:
    """Different for each way of encoding a record, so that workers with another mapping do not read ours."""
    mapping = hashlib.sha256(repr(sorted(config.fields.items())).encode()).hexdigest()[:8]
    return f"iot:{config.source}:{config.project or ''}:{config.register_name}:{mapping}"
