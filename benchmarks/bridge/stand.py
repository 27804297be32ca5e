"""What every contender meets, fresh for every run: a broker, a Pub/Sub server and an empty folder."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from benchmarks.bridge.publish_server import OBSERVER
from localcloud.broker import find_mosquitto
from localcloud.ports import HOST, free_port

PROJECT, TOPIC, DEAD_LETTERS = "bench-project", "ingestion", "dead-letters"
ROOT = Path(__file__).parents[2]
# Telegraf is told to hold 20,000 messages at most; a bound below that would be the broker's, not its own.
INFLIGHT = 5_000  # messages the broker sends ahead of their acknowledgement, for every contender
BROKER = """\
listener {port} 127.0.0.1
allow_anonymous true
user root
persistence false
max_queued_messages 0
max_inflight_messages {inflight}
set_tcp_nodelay true
"""


class Incomplete(Exception):
    """A contender did not do all it was to do; says what is missing."""


@dataclass(frozen=True, slots=True)
class Stand:
    """Addresses, process ids and the folder of one run."""

    folder: Path
    mqtt_port: int
    pubsub_port: int
    broker: int
    server: int
    observer: grpc.Channel

    @property
    def pubsub(self) -> str:
        return f"{HOST}:{self.pubsub_port}"

    @property
    def log(self) -> Path:
        """What the contender says."""
        return self.folder / "contender.log"

    def last_words(self) -> str:
        return self.log.read_text(errors="replace").strip()[-500:] if self.log.exists() else ""

    def published(self) -> int:
        return int(json.loads(self.ask("Count"))["messages"])

    def ask(self, what: str) -> bytes:
        answer: bytes = self.observer.unary_unary(f"/{OBSERVER}/{what}", None, None)(b"", timeout=60)
        return answer

    def recorded(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.ask("Recorded"))
        return answer


@contextmanager
def stand() -> Iterator[Stand]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        mqtt_port, pubsub_port = free_port(), free_port()
        configuration = folder / "mosquitto.conf"
        configuration.write_text(BROKER.format(port=mqtt_port, inflight=INFLIGHT))
        broker = stack.enter_context(child([find_mosquitto(), "-c", str(configuration)], folder / "broker.log"))
        server = stack.enter_context(
            child([sys.executable, "-m", "benchmarks.bridge.publish_server", str(pubsub_port)], folder / "server.log")
        )
        options = [("grpc.max_receive_message_length", -1)]
        channel = stack.enter_context(grpc.insecure_channel(f"{HOST}:{pubsub_port}", options=options))
        grpc.channel_ready_future(channel).result(timeout=30)
        yield Stand(folder, mqtt_port, pubsub_port, broker.pid, server.pid, channel)


@contextmanager
def child(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """A program beside us, its output in `log`; ended with a signal, and killed where that does not help."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env={**os.environ, **(environment or {})}, cwd=ROOT
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(condition: Callable[[], object], seconds: float, what: str, every: float = 0.01) -> None:
    """Raises TimeoutError naming what did not come."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(every)
