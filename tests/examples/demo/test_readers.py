"""What is in the sinks, read through Google's own clients."""

import gzip
import json
from collections.abc import Iterator

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import pubsub_v1, storage

from examples.demo.addresses import PROJECT
from examples.demo.readers import BUCKET, DESK, Archive, DeadLetterDesk
from examples.demo.reconcile import DeadLetter
from localcloud.cloud import LocalCloud, in_thread


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalCloud]:
    with in_thread() as cloud:
        for name, value in cloud.variables().items():
            monkeypatch.setenv(name, value)
        yield cloud


def archived(*ids: str) -> bytes:
    lines = [json.dumps({"id": key, "payload": "{}", "attributes": {"ce-id": key}}) for key in ids]
    return gzip.compress("\n".join(lines).encode() + b"\n")


def test_the_archive_gives_every_copy_of_every_line(cloud: LocalCloud) -> None:
    client = storage.Client(PROJECT, credentials=AnonymousCredentials())
    bucket = client.create_bucket(BUCKET)
    first = bucket.blob("environment/hall-1/a.jsonl.gz")
    first.upload_from_string(archived("run-1", "run-2"))
    archive = Archive()
    at = first.time_created.timestamp()
    assert archive.arrivals() == {"run-1": [at], "run-2": [at]}
    bucket.blob("environment/_manifest/date=2026-01-02/hour=03/a.jsonl").upload_from_string(b'{"name": "a"}')
    second = bucket.blob("environment/hall-2/b.jsonl.gz")
    second.upload_from_string(archived("run-2"))
    assert archive.arrivals() == {"run-1": [at], "run-2": [at, second.time_created.timestamp()]}
    assert sorted(archive.copies.values()) == [1, 2]
    assert archive.objects() == ["environment/hall-1/a.jsonl.gz", "environment/hall-2/b.jsonl.gz"]
    client.close()


@pytest.fixture
def desk_topic(cloud: LocalCloud) -> str:
    pubsub_topic = f"projects/{PROJECT}/topics/dead-letters"
    publisher = pubsub_v1.PublisherClient()
    publisher.create_topic(name=pubsub_topic)
    publisher.stop()
    with pubsub_v1.SubscriberClient() as subscriber:
        subscriber.create_subscription(name=DESK, topic=pubsub_topic)
    return pubsub_topic


def test_dead_letters_are_looked_at_and_put_back(desk_topic: str) -> None:
    publisher = pubsub_v1.PublisherClient()
    attributes = {"ce-id": "run-1", "dead_letter.stage": "bridge", "dead_letter.reason": "not_json"}
    publisher.publish(desk_topic, b"{", **attributes).result(timeout=10)
    early = {"mqtt.up.id": "run-2", "dead_letter.stage": "bridge", "dead_letter.reason": "no_id"}
    publisher.publish(desk_topic, b"", **early).result(timeout=10)
    publisher.stop()
    desk = DeadLetterDesk()
    expected = [DeadLetter("run-1", "bridge", "not_json"), DeadLetter("run-2", "bridge", "no_id")]
    assert sorted(desk.letters(), key=lambda letter: letter.id) == expected
    assert len(desk.letters()) == 2
    desk.close()
    assert len(DeadLetterDesk().letters()) == 2
