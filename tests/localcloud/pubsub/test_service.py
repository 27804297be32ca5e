"""Pub/Sub over restarts: with a folder nothing that was answered is lost, not even by kill -9."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions

from localcloud.cloud import Options, in_thread

SERVER = """
import sys
from pathlib import Path
from localcloud.cloud import Options, in_thread

with in_thread(Options(data=Path(sys.argv[1]))) as cloud:
    print(cloud.grpc_address, flush=True)
    sys.stdin.read()
"""


@contextmanager
def child(data: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A localcloud in a process of its own, and its address; killed at the end with SIGKILL."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(data)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def test_a_restart_keeps_topics_subscriptions_and_what_is_unacknowledged(tmp_path: Path, lab_at: Any) -> None:
    with in_thread(Options(data=tmp_path)) as cloud:
        lab = lab_at(cloud.grpc_address)
        topic = lab.topic(labels={"a": "1"})
        subscription = lab.subscription(topic, ack_deadline_seconds=33)
        first = lab.publish(topic, b"done", b"on lease", b"ready", site="north")
        taken = lab.now(subscription, most=2)
        lab.acknowledge(subscription, taken[:1])
    with in_thread(Options(data=tmp_path)) as cloud:
        lab = lab_at(cloud.grpc_address)
        assert dict(lab.publisher.get_topic(topic=topic).labels) == {"a": "1"}
        assert lab.subscriber.get_subscription(subscription=subscription).ack_deadline_seconds == 33
        lab.acknowledge(subscription, taken)  # ack ids of the former process mean nothing
        received = lab.now(subscription)
        assert [(each.message.data, each.message.message_id) for each in received] == [
            (b"on lease", first[1]),
            (b"ready", first[2]),
        ]
        assert received[0].message.publish_time == taken[1].message.publish_time
        assert received[0].message.attributes["site"] == "north"
        assert int(lab.publish(topic, b"new")[0]) > int(first[2])


def test_what_lies_in_the_folder_at_any_moment_is_enough(tmp_path: Path, lab_at: Any) -> None:
    with in_thread(Options(data=tmp_path / "live")) as cloud:
        lab = lab_at(cloud.grpc_address)
        topic = lab.topic()
        subscription = lab.subscription(topic, enable_message_ordering=True)
        lab.publish(topic, b"1", b"2", b"3", ordering_key="key")
        lab.acknowledge(subscription, lab.now(subscription, most=1))
        shutil.copytree(tmp_path / "live", tmp_path / "copy")
    with in_thread(Options(data=tmp_path / "copy")) as cloud:
        assert lab_at(cloud.grpc_address).data(subscription) == [b"2", b"3"]


def test_without_a_folder_a_restart_forgets(lab_at: Any) -> None:
    with in_thread() as cloud:
        topic = lab_at(cloud.grpc_address).topic()
    with in_thread() as cloud, pytest.raises(exceptions.NotFound):
        lab_at(cloud.grpc_address).publisher.get_topic(topic=topic)


def test_after_kill_9_every_answered_publish_is_there_and_no_answered_ack_undone(
    tmp_path: Path, lab_at: Any, until: Callable[[Callable[[], bool]], None]
) -> None:
    published: list[str] = []
    acknowledged: list[str] = []
    with child(tmp_path) as (process, address):
        lab = lab_at(address)
        topic = lab.topic()
        subscription = lab.subscription(topic, ack_deadline_seconds=600)

        def work() -> None:
            try:
                while True:
                    published.extend(lab.publish(topic, *[b"data"] * 20))
                    received = lab.now(subscription, most=10)
                    lab.acknowledge(subscription, received)
                    acknowledged.extend(each.message.message_id for each in received)
            except Exception:  # noqa: S110 - the server was killed, as planned
                pass

        worker = threading.Thread(target=work)
        worker.start()
        until(lambda: len(acknowledged) >= 200)
        process.kill()
        worker.join(timeout=30)
    with child(tmp_path) as (_, address):
        lab = lab_at(address)
        left = {each.message.message_id for each in lab.now(subscription, most=100_000)}
        assert set(published) - set(acknowledged) <= left, "lost"
        assert not left & set(acknowledged), "came again"
        assert int(lab.publish(topic, b"new")[0]) > max(map(int, published))
