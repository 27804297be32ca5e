"""Each job is a process: on the embedded engine, and as it is on Beam's DirectRunner."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, firestore, storage

from localcloud.cloud import LocalCloud
from localcloud.ports import free_port

COLUMNS = (
    '[{"name": "id", "type": "STRING", "mode": "REQUIRED", "attribute": "ce-id"},'
    ' {"name": "location", "type": "STRING", "attribute": "device.location"}]'
)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts `python -m beam_jobs.NAME`; ends it after the test."""
    started: list[subprocess.Popen[bytes]] = []
    log = (tmp_path / "job.log").open("wb")

    def run(job: str, *flags: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-m", f"beam_jobs.{job}", *flags], stdout=log, stderr=log)
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
    log.close()


@pytest.fixture
def edges(topics: Any) -> Any:
    """Source and dead letters of a job, and the flags that name them."""
    source, dead = topics(), topics()
    return source, dead, [f"--subscription={source.subscription}", f"--dead_letter_topic={dead.name}"]


DIRECT = ("--runner=DirectRunner", "--streaming")


@pytest.mark.parametrize("engine", [(), DIRECT], ids=["embedded", "direct"])
def test_enrichment_adds_what_the_register_knows(
    engine: tuple[str, ...], cloud: LocalCloud, topics: Any, edges: Any, message: Any, start: Any, eventually: Any
) -> None:
    source, _, flags = edges
    results = topics()
    register = firestore.Client(project="test-project", credentials=AnonymousCredentials())
    register.collection("devices").document("device-1").set({"location": "hall-1", "secret": "x"})
    mapping = '--fields={"location": "location"}'
    start("enrichment", *flags, f"--topic={results.name}", "--collection=devices", mapping, *engine)
    source.publish([message("1"), message("2", ce_subject="unheard-of")])
    found: dict[str, Any] = {}
    eventually(lambda: found.update({one.attributes["ce-id"]: one for one in results.take()}) or len(found) == 2)
    assert found["1"].data == b"{}"
    assert found["1"].attributes["device.location"] == "hall-1"
    assert found["1"].attributes["enrichment.status"] == "ok"
    assert found["1"].attributes["window.start"] == "2026-01-02T03:04:00Z"
    assert found["2"].attributes["enrichment.status"] == "not_found"


@pytest.mark.parametrize("engine", [(), DIRECT], ids=["embedded", "direct"])
def test_warehouse_writes_rows(
    engine: tuple[str, ...], cloud: LocalCloud, edges: Any, message: Any, start: Any, eventually: Any
) -> None:
    source, dead, flags = edges
    client = bigquery.Client("test-project", credentials=AnonymousCredentials())
    table = f"test-project.telemetry.{source.name.rsplit('/', 1)[1].replace('-', '_')}"
    client.create_dataset("telemetry", exists_ok=True)
    schema = [bigquery.SchemaField("id", "STRING", "REQUIRED"), bigquery.SchemaField("location", "STRING")]
    client.create_table(bigquery.Table(table, schema))
    start("warehouse", *flags, f"--table={table}", f"--columns={COLUMNS}", *engine)
    source.publish([message("1"), message("2")])
    query = f"SELECT id FROM `{table}` ORDER BY id"  # noqa: S608 - our own name
    eventually(lambda: [row.id for row in client.query_and_wait(query)] == ["1", "2"])
    assert dead.take() == []
    client.close()


@pytest.mark.parametrize("engine", [("--batch_seconds=0.1",), DIRECT], ids=["embedded", "direct"])
def test_archive_writes_objects(
    engine: tuple[str, ...], cloud: LocalCloud, edges: Any, message: Any, start: Any, eventually: Any
) -> None:
    source, dead, flags = edges
    client = storage.Client("test-project", credentials=AnonymousCredentials())
    bucket = client.create_bucket(f"archive-{source.name.rsplit('/', 1)[1]}")
    start("archive", *flags, f"--bucket={bucket.name}", "--flush_seconds=1", *engine)
    source.publish([message("1"), message("2")])
    eventually(lambda: b"".join(blob.download_as_bytes() for blob in bucket.list_blobs()))
    names = [blob.name for blob in bucket.list_blobs()]
    folders = ("archive/date=2026-01-02/location=unknown/", "archive/_manifest/date=2026-01-02/hour=03/")
    assert all(name.startswith(folders) for name in names)
    assert dead.take() == []
    client.close()


def test_a_job_says_whether_it_is_ready_and_stops_on_sigterm(
    cloud: LocalCloud, topics: Any, edges: Any, start: Any, eventually: Any
) -> None:
    port = free_port()
    flags = [*edges[2], f"--topic={topics().name}", "--collection=devices", "--fields={}", f"--health_port={port}"]
    process = start("enrichment", *flags)

    def ready() -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200
        except requests.ConnectionError:
            return False

    eventually(ready)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0


def test_bad_flags_are_told_all_at_once_before_anything_starts() -> None:
    flags = ["--subscription=s", "--dead_letter_topic=d", "--collection=c", "--fields=x"]
    command = [sys.executable, "-m", "beam_jobs.enrichment", *flags]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert "--fields: takes JSON" in ended.stderr
    ended = subprocess.run([*command[:-1], "--fields={}"], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    for problem in ("subscription: ", "dead_letter_topic: ", "topic: "):
        assert problem in ended.stderr
