"""`python -m benchmarks director`: plans, applies and teardowns of many resources, in calls to Google and in seconds.

Topics with a subscription each, against localcloud in this process, so that both share its processor. A row with
workers has each call of the cloud take 20 ms.
"""

import itertools
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.race import Bar, Metrics, Rows, race
from director.documents.loading import Blueprint, load
from director.ledger.file import FileLedger
from director.provisioning.clients import Clients
from director.resources import subscriptions
from director.resources.catalogue import providers
from director.retries import Retries
from director.service import Director
from localcloud.cloud import LocalCloud, in_thread
from localcloud.faults import Fault

SIZES = (10, 100, 1_000, 5_000)
FLOW = "many"
NUMBERS = itertools.count(1)
WORKERS, DELAYED, DELAY = (1, 8), 100, 0.02


def main(argv: Sequence[str]) -> int:
    with in_thread() as cloud:
        os.environ.update(cloud.variables())
        subscriptions.PEEK_SECONDS = 0.05  # the cloud is here
        sizes = {f"{size} resources": partial(_whole, cloud, size) for size in SIZES}
        workers = {f"{DELAYED} resources, {count} workers": partial(_delayed, cloud, count) for count in WORKERS}
        return race("director", {**sizes, **workers}, _bars, argv)


def _bars(rows: Rows) -> list[Bar]:
    small, middle, large = (rows[f"{size} resources"] for size in SIZES[1:])
    one, eight = (rows[f"{DELAYED} resources, {count} workers"]["apply s"] for count in WORKERS)
    return [
        Bar("calls for a plan of 5,000", large["plan calls"], 20, at_most=True),
        Bar("seconds of a plan, 1,000 over 100", middle["plan s"] / small["plan s"], 15, at_most=True),
        Bar("seconds of a plan, 5,000 over 1,000", large["plan s"] / middle["plan s"], 7.5, at_most=True),
        Bar("seconds of an apply, 1,000 over 100", middle["apply s"] / small["apply s"], 15, at_most=True),
        Bar("seconds of an apply, 5,000 over 1,000", large["apply s"] / middle["apply s"], 7.5, at_most=True),
        Bar("apply with 8 workers over 1", one / eight, 5),
    ]


def _whole(cloud: LocalCloud, size: int) -> Metrics:
    cloud.faults.clear()
    cloud.faults.add(Fault(action="delay", seconds=0.0))  # so that each call is in the log
    metrics: dict[str, float] = {}
    with _director(size, 8) as director:
        for name, act in (
            ("apply", director.apply),
            ("plan", director.plan),
            ("teardown", director.teardown),
        ):
            metrics |= _measured(cloud, name, partial(act, FLOW))
    return metrics


def _delayed(cloud: LocalCloud, workers: int) -> Metrics:
    cloud.faults.clear()
    cloud.faults.add(Fault(action="delay", seconds=DELAY))
    with _director(DELAYED, workers) as director:
        return _measured(cloud, "apply", partial(director.apply, FLOW))


def _measured(cloud: LocalCloud, name: str, act: Callable[[], Any]) -> Metrics:
    calls, begun = len(cloud.faults.log), time.perf_counter()
    act()
    return {f"{name} calls": len(cloud.faults.log) - calls, f"{name} s": time.perf_counter() - begun}


@contextmanager
def _director(size: int, workers: int) -> Iterator[Director]:
    with tempfile.TemporaryDirectory() as folder:
        blueprint = _blueprint(Path(folder), size)
        ledger = FileLedger(Path(folder) / "journal")
        with Clients.open(blueprint.architecture.project_id) as clients:
            yield Director(blueprint, partial(providers, clients), Retries(), workers, ledger)
        ledger.close()


def _blueprint(folder: Path, size: int) -> Blueprint:
    file = folder / "architecture.yaml"
    file.write_text(json.dumps(_document(size)))  # which is YAML as well
    return load(file)


def _document(size: int) -> Mapping[str, Any]:
    link = {"name": "reader", "lookup": {"key": "x"}}
    numbers = range(size // 2)
    resources = {
        "topics": [{"name": f"topic-{number}"} for number in numbers],
        "subscriptions": [
            {
                "name": f"subscription-{number}",
                "topic": f"topic-{number}",
                "consumer_service": {**link, "lookup": {"key": f"subscriptions.s{number}"}},
            }
            for number in numbers
        ],
    }
    return {
        "name": "benchmark",
        "project_id": f"benchmark-{os.getpid()}-{next(NUMBERS)}",
        "region": "europe-west1",
        "location": "EU",
        "dataflows": {
            FLOW: {
                "lifecycle": {"strategy": "ephemeral"},
                "services": {"reader": {"service_account": "reader-sa"}},
                "resources": resources,
            }
        },
    }
