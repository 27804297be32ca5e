"""What a soak stands on: broker, the proxy before it, Pub/Sub topics and who collects what arrives there."""

import asyncio
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.soak.arrivals import Arrivals, create_topic
from benchmarks.soak.ledger import Ledger
from localcloud.broker import accepts_connections, mosquitto
from localcloud.chaos import Chaos
from localcloud.ports import HOST, free_port

LONGEST_START = 10.0  # seconds


@dataclass(frozen=True, slots=True)
class Stand:
    """`chaos` is where the bridge, configured by `configuration`, finds the broker, `broker_port` where devices do."""

    broker_port: int
    chaos: Chaos
    pubsub_topic: str
    configuration: Path


@contextmanager
def stand(folder: Path, ledger: Ledger) -> Iterator[Stand]:
    """All of it while a `with` lasts; what arrives goes to the ledger."""
    name = f"soak-{time.time_ns()}"
    pubsub_topic, subscription = create_topic(name)
    dead_letter_topic, dead_letters = create_topic(f"{name}-dead")
    with ExitStack() as stack:
        broker_port = stack.enter_context(_broker(folder))
        chaos = stack.enter_context(Chaos(broker_port))
        stack.enter_context(Arrivals(subscription, ledger.arrived))
        stack.enter_context(Arrivals(dead_letters, ledger.dead_lettered))
        configuration = folder / "bridge.yaml"
        configuration.write_text(yaml.safe_dump(_bridge(chaos.port, pubsub_topic, dead_letter_topic)))
        yield Stand(broker_port, chaos, pubsub_topic, configuration)


@contextmanager
def _broker(folder: Path) -> Iterator[int]:
    port = free_port()
    with (
        (folder / "mosquitto.log").open("ab") as log,
        subprocess.Popen(mosquitto(port, folder).command, stdout=log, stderr=log) as process,
    ):
        try:
            until = time.monotonic() + LONGEST_START
            while not asyncio.run(accepts_connections(port)):
                if time.monotonic() > until:
                    raise TimeoutError(f"mosquitto does not answer on port {port}")
                time.sleep(0.05)
            yield port
        finally:
            process.kill()


def _bridge(broker_port: int, pubsub_topic: str, dead_letter_topic: str) -> dict[str, Any]:
    """Everything else as it comes."""
    route = {
        "filter": "devices/{device}/up",
        "destination": "in",
        "event_type": "iot.soak",
        "content_type": "application/json",
        "id": {"pointer": "/id"},
    }
    return {
        "broker": {"url": f"mqtt://{HOST}:{broker_port}", "client_id": "bridge"},
        "destinations": {"in": pubsub_topic},
        "dead_letter_topic": dead_letter_topic,
        "routes": {"up": route},
    }
