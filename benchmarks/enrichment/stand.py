"""What the caches of the race stand on: one Redis for all, and a Firestore that knows every device."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from google.cloud import firestore
from redis import Redis

from benchmarks.enrichment.workload import FIELDS, device, record
from director.endpoints import credentials

PROJECT = "race"
COLLECTION = "devices"
PER_COMMIT = 500


@contextmanager
def stand(devices: int) -> Iterator[int]:
    """A localcloud in a process of its own while a `with` lasts; gives the port of its Redis."""
    command = [sys.executable, "-m", "localcloud", "--cache", "--env"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as cloud:
        try:
            variables = _variables(cloud)
            os.environ["FIRESTORE_EMULATOR_HOST"] = variables["FIRESTORE_EMULATOR_HOST"]
            _register(devices)
            yield int(urlsplit(variables["REDIS_URL"]).port or 0)
        finally:
            cloud.terminate()


def forget(redis_port: int) -> None:
    """Empties the Redis."""
    with Redis(port=redis_port) as redis:
        redis.flushall()


def _variables(cloud: subprocess.Popen[str]) -> dict[str, str]:
    """What it says when it is ready, the address of Redis last."""
    variables: dict[str, str] = {}
    for line in cloud.stdout or ():
        if line.startswith("export "):
            name, value = shlex.split(line)[1].split("=", 1)
            variables[name] = value
        if "REDIS_URL" in variables:
            return variables
    raise RuntimeError("localcloud ended before it was ready")


def _register(devices: int) -> None:
    client = firestore.Client(project=PROJECT, credentials=credentials("firestore"))
    for start in range(0, devices, PER_COMMIT):
        batch = client.batch()
        for number in range(start, min(start + PER_COMMIT, devices)):
            known = record(device(number))
            document = {name: known[f"device.{name}"] for name in FIELDS}
            batch.set(client.collection(COLLECTION).document(device(number)), document)
        batch.commit()
