"""The enrichment job: its stage and cache, in the states a cache can be in, and the same graph doing nothing."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import apache_beam as beam

from beam_jobs.embedded import Graph
from beam_jobs.enrichment.cache.chain import open_lookup
from beam_jobs.enrichment.cache.floors import Floors
from beam_jobs.enrichment.cache.layers import Lifetimes
from beam_jobs.enrichment.cache.lookup import Lookup
from beam_jobs.enrichment.cache.lru import LruLayer
from beam_jobs.enrichment.cache.redis import RedisLayer, redis_client
from beam_jobs.enrichment.cache.statistics import Statistics
from beam_jobs.enrichment.config import EnrichmentConfig
from beam_jobs.enrichment.transforms import Enricher
from beam_jobs.stages import Result, Run, Stage
from benchmarks.enrichment.edges import PUBSUB_TOPIC, Edges, Taken, measured
from benchmarks.enrichment.workload import FIELDS, WINDOW_SECONDS, Register
from benchmarks.race import Metrics
from localcloud.ports import HOST

CACHED = 100_000  # records of a process: the job's default
BATCH = 500

_lookups: dict[str, Lookup] = {}


def job(name: str, lookup: Lookup) -> Callable[[Sequence[bytes]], Metrics]:
    """The job's graph around a stage with `lookup`, built once."""
    _lookups[name] = lookup
    return _runs(Graph(name, _graph(_open_enricher, name)))


def nothing(name: str) -> Callable[[Sequence[bytes]], Metrics]:
    """The same graph around a stage that hands messages through."""
    return _runs(Graph(name, _graph(_open_nothing, name)))


def without_beam(lookup: Lookup, messages: Sequence[bytes]) -> Metrics:
    """The stage alone, as the function it is."""
    enricher = Enricher(lookup, config("alone"))

    def run() -> None:
        for start in range(0, len(messages), BATCH):
            Taken.messages += enricher(messages[start : start + BATCH]).done

    return measured(len(messages), run)


def cache(redis_port: int | None = None, namespace: str = "", in_process: bool = True) -> Lookup:
    """A cache with nothing in it before a source in memory. What is under `namespace` in Redis stays there."""
    floors = Floors()
    memory = LruLayer(CACHED, 64_000_000, Lifetimes(300, 30), floors, time.monotonic, _no_spread)
    layers = [] if redis_port is None else [_redis(redis_port, namespace)]
    return Lookup(Register(), layers, memory if in_process else None, floors)


def firestore(project: str) -> Lookup:
    """No cache: a bulk read of Firestore for every batch."""
    return open_lookup(config("devices", project=project, layers=()))


def config(collection: str, **more: Any) -> EnrichmentConfig:
    return EnrichmentConfig(
        subscription="projects/p/subscriptions/ingestion",
        dead_letter_topic="projects/p/topics/dead-letters",
        topic=PUBSUB_TOPIC,
        collection=collection,
        fields={name: name for name in FIELDS},
        window_seconds=WINDOW_SECONDS,
        **more,
    )


def _runs(graph: Graph) -> Callable[[Sequence[bytes]], Metrics]:
    return lambda messages: measured(len(messages), lambda: graph.run(messages))


def _graph(open_stage: Callable[[Any], Stage], name: str) -> Callable[[beam.Pipeline, Any], None]:
    def build(pipeline: beam.Pipeline, _: Any) -> None:
        edges = Edges(name)
        done = pipeline | "Read" >> edges.read("") | "Enrich" >> Run(open_stage, config(name), BATCH)
        _ = done.batches | "Write" >> edges.write_batches(PUBSUB_TOPIC)
        _ = done.dead_letters | "Write dead letters" >> edges.write(PUBSUB_TOPIC)

    return build


def _open_enricher(given: EnrichmentConfig) -> Stage:
    return Enricher(_lookups[given.register_name], given)


def _open_nothing(_: EnrichmentConfig) -> Stage:
    def stage(batch: Sequence[bytes]) -> Result:
        return Result(done=len(batch), messages=list(batch))

    return stage


def _redis(port: int, namespace: str) -> RedisLayer:
    client = redis_client(f"redis://{HOST}:{port}")
    return RedisLayer(client, namespace, Lifetimes(7_200, 30), Statistics(), time.time, _no_spread)


def _no_spread() -> float:
    return 0.5
