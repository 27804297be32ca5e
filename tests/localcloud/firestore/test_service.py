"""What was answered as done is there when a new process starts on the same folder."""

import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from google.api_core.exceptions import GoogleAPICallError
from google.cloud import firestore

from localcloud.cloud import Options, in_thread

SERVER = """
import pathlib, sys
from localcloud.cloud import Options, in_thread
with in_thread(Options(data=pathlib.Path(sys.argv[1]))) as cloud:
    print(cloud.grpc_address, flush=True)
    sys.stdin.read()
"""

Connect = Callable[..., firestore.Client]


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Connect:
    def connected(address: str, database: str | None = None) -> firestore.Client:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", address)
        return firestore.Client(project="test-project", database=database)

    return connected


def test_a_restart_finds_every_database_as_it_was(tmp_path: Path, connect: Connect) -> None:
    with in_thread(Options(data=tmp_path)) as cloud:
        for database in (None, "other"):
            with closing(connect(cloud.grpc_address, database)) as client:
                client.document("c/kept").set({"in": database, "n": 1})
                written = client.document("c/kept").update({"n": 2})
                client.document("c/gone").set({})
                client.document("c/gone").delete()
    with in_thread(Options(data=tmp_path)) as cloud:
        for database in (None, "other"):
            with closing(connect(cloud.grpc_address, database)) as client:
                [found] = client.collection("c").get()
                assert found.to_dict() == {"in": database, "n": 2}
                assert found.create_time < found.update_time
                later = client.document("c/kept").update({"n": 3})
                assert later.update_time > found.update_time
    assert found.update_time == written.update_time


def test_a_restart_makes_the_journal_small_again(tmp_path: Path, connect: Connect) -> None:
    journal = tmp_path / "firestore" / "journal"
    with in_thread(Options(data=tmp_path)) as cloud, closing(connect(cloud.grpc_address)) as client:
        for number in range(50):
            client.document("c/x").set({"n": number})
    grown = journal.stat().st_size
    with in_thread(Options(data=tmp_path)):
        assert journal.stat().st_size < grown / 20


def test_a_killed_process_loses_nothing_it_acknowledged(tmp_path: Path, connect: Connect) -> None:
    acknowledged: list[str] = []
    enough = threading.Event()
    child = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with child, closing(connect(child.stdout.readline().strip())) as client:  # type: ignore[union-attr]

        def write() -> None:
            for number in range(100_000):
                batch = client.batch()
                for half in ("a", "b"):
                    batch.create(client.document(f"c/{number}{half}"), {"n": number})
                try:
                    batch.commit(retry=None, timeout=5)
                except GoogleAPICallError:
                    return
                acknowledged.extend([f"{number}a", f"{number}b"])
                if number == 50:
                    enough.set()

        writing = threading.Thread(target=write)
        writing.start()
        assert enough.wait(20)
        child.kill()
        writing.join()
    with in_thread(Options(data=tmp_path)) as cloud, closing(connect(cloud.grpc_address)) as client:
        found = {snapshot.id for snapshot in client.collection("c").stream()}
        assert found >= set(acknowledged)
        assert len(found) - len(acknowledged) in (0, 2)
