"""What the caches of the race stand on: one Redis for all, and a Firestore that knows every device."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from google.cloud import firestore
from redis import Redis

from benchmarks.cloud import localcloud
from benchmarks.enrichment.workload import FIELDS, device, record
from director.endpoints import credentials

PROJECT = "race"
COLLECTION = "devices"
PER_COMMIT = 500


@contextmanager
def stand(devices: int) -> Iterator[int]:
    """All of it while a `with` lasts; gives the port of Redis."""
    with localcloud("--cache") as variables:
        _register(devices)
        yield int(urlsplit(variables["REDIS_URL"]).port or 0)


def forget(redis_port: int) -> None:
    """Empties the Redis."""
    with Redis(port=redis_port) as redis:
        redis.flushall()


def _register(devices: int) -> None:
    client = firestore.Client(project=PROJECT, credentials=credentials("firestore"))
    for start in range(0, devices, PER_COMMIT):
        batch = client.batch()
        for number in range(start, min(start + PER_COMMIT, devices)):
            known = record(device(number))
            document = {name: known[f"device.{name}"] for name in FIELDS}
            batch.set(client.collection(COLLECTION).document(device(number)), document)
        batch.commit()
