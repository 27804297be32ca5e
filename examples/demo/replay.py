"""The second pass: what was archived is published again and held against the archive, by id, attributes and payload.

`conductor replay` runs as a person would start it. It publishes to a topic of this demo's own, so that no job works
twice.
"""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.api_core.exceptions import DeadlineExceeded
from google.pubsub_v1 import PublisherClient, SubscriberClient

from examples.demo.addresses import PROJECT
from examples.demo.programs import ROOT
from examples.demo.readers import BUCKET, Archive, Copy, copy_of
from localcloud.children import ChildDied

ARCHIVED = f"gs://{BUCKET}/environment"
LONGEST_QUIET = 20.0  # seconds without a message before what has not come counts as missing


@dataclass(frozen=True, slots=True)
class Replayed:
    """Messages that came again; ids that did not come as archived, and ids that were not archived as they came."""

    messages: int
    missing: Sequence[str]
    strangers: Sequence[str]
    seconds: float


def replay(archive: Archive, run: str, folder: Path) -> Replayed:
    """Raises ChildDied where `conductor replay` fails."""
    started = time.monotonic()
    with PublisherClient() as publisher, SubscriberClient() as subscriber:
        pubsub_topic, subscription = (
            f"projects/{PROJECT}/{kind}/replayed-{run}" for kind in ("topics", "subscriptions")
        )
        publisher.create_topic(name=pubsub_topic)
        subscriber.create_subscription(name=subscription, topic=pubsub_topic)
        _publish_again(pubsub_topic, run, folder)
        came = Counter(_taken(subscriber, subscription, archive.copies.total()))
        subscriber.delete_subscription(subscription=subscription)
        publisher.delete_topic(topic=pubsub_topic)
    return compared(archive.copies, came, time.monotonic() - started)


def compared(kept: Counter[Copy], came: Counter[Copy], seconds: float) -> Replayed:
    missing = sorted({identity for identity, _ in kept.keys() - came.keys()})
    strangers = sorted({identity for identity, _ in came.keys() - kept.keys()})
    return Replayed(came.total(), missing, strangers, seconds)


def _publish_again(pubsub_topic: str, run: str, folder: Path) -> None:
    command = [sys.executable, "-m", "director.conductor", "replay", ARCHIVED, "--topic", pubsub_topic]
    state = ["--replay-id", f"replay-{run}", "--state", str(folder / "replay.jsonl"), "--json"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    with (folder / "replay.log").open("wb") as log:
        code = subprocess.run([*command, *state], stdout=log, stderr=log, check=False, env=environment).returncode
    if code:
        raise ChildDied(f"conductor replay ended with {code}: see {folder / 'replay.log'}")


def _taken(subscriber: SubscriberClient, subscription: str, expected: int) -> Iterator[Copy]:
    """Until as many came as are expected, and no more are there."""
    taken, quiet_since = 0, time.monotonic()
    while time.monotonic() - quiet_since < LONGEST_QUIET:
        pulled = _pulled(subscriber, subscription)
        if pulled:
            subscriber.acknowledge(subscription=subscription, ack_ids=[one.ack_id for one in pulled])
            quiet_since = time.monotonic()
        elif taken >= expected:
            return
        for one in pulled:
            taken += 1
            facts = {name: value for name, value in one.message.attributes.items() if not name.startswith("replay.")}
            yield copy_of(facts, one.message.data)


def _pulled(subscriber: SubscriberClient, subscription: str) -> list[Any]:
    try:
        return list(subscriber.pull(subscription=subscription, max_messages=1_000, timeout=5).received_messages)
    except DeadlineExceeded:
        return []
