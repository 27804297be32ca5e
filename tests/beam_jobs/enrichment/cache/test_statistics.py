"""What the cache counts, on whatever thread, ends up in the metrics of the next run."""

import threading
from collections import Counter
from typing import Any

from prometheus_client import generate_latest

from beam_jobs.embedded import Graph
from beam_jobs.enrichment.cache.layers import FOUND, Entry
from beam_jobs.enrichment.cache.lookup import Lookup
from beam_jobs.enrichment.cache.statistics import MOST_TIMES, Statistics
from beam_jobs.enrichment.config import EnrichmentConfig
from beam_jobs.enrichment.transforms import Enricher
from beam_jobs.progress import Progress
from beam_jobs.stages import Run, Stage
from tests.beam_jobs.enrichment.parts import config

STATISTICS = Statistics()  # Beam sends the function that opens a stage through bytes: what it uses is found by name


class Known:
    """Every device is known."""

    name = "register"

    def fetch(self, keys: Any) -> dict[str, Entry]:
        with STATISTICS.timed("register"):
            return {key: Entry(FOUND, 1) for key in keys}


def open_stage(settings: EnrichmentConfig) -> Stage:
    return Enricher(Lookup(Known(), statistics=STATISTICS), settings)


def test_counts_of_all_threads_are_taken_once() -> None:
    statistics = Statistics()
    threads = [threading.Thread(target=lambda: [statistics.count("x", "hit") for _ in range(1_000)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statistics.count("x", "miss", 0)
    assert statistics.taken().counts == Counter({("x", "hit"): 8_000})
    assert statistics.taken().counts == Counter()


def test_times_between_two_reports_are_bounded() -> None:
    statistics = Statistics()
    for _ in range(MOST_TIMES + 5):
        with statistics.timed("x"):
            pass
    assert len(statistics.taken().milliseconds["x"]) == MOST_TIMES


def test_a_run_gives_them_as_details_beside_what_became_of_messages(message: Any) -> None:
    def build(pipeline: Any, edges: Any) -> None:
        _ = pipeline | edges.read("") | Run(open_stage, config())

    STATISTICS.count("changes", "heard", 3)  # on a thread that no run knows
    metrics = Graph("statistics", build).run([message("1"), message("2", ce_subject="")])
    assert metrics.outcomes["in"] == metrics.outcomes["out"] == 2
    assert metrics.outcomes["not_found"] == 1
    assert metrics.details.pop("register_ms_sum") >= 0
    assert metrics.details == {"changes_heard": 3, "register_found": 1, "register_ms_count": 1}


def test_a_job_shows_them_on_its_page() -> None:
    progress = Progress()
    progress.ran({"in": 2}, {"redis_hit": 5, "redis_ms_sum": 7}, 0.1)
    progress.ran({"in": 1}, {"redis_hit": 1}, 0.1)
    page = generate_latest(progress.registry).decode()
    assert 'job_details_total{name="redis_hit"} 6.0' in page
    assert 'job_details_total{name="redis_ms_sum"} 7.0' in page
    assert 'job_messages_total{outcome="in"} 3.0' in page
