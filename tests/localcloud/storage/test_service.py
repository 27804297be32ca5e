"""What was answered as done is there when a new process starts on the same folder."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
import requests
from google.cloud import storage

from localcloud.cloud import Options, in_thread

SERVER = """
import pathlib, sys
from localcloud.cloud import Options, in_thread
with in_thread(Options(data=pathlib.Path(sys.argv[1]))) as cloud:
    print(cloud.http_address, flush=True)
    sys.stdin.read()
"""
GRAIN = 256 << 10


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], storage.Client]:
    def connected(address: str) -> storage.Client:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://{address}")
        return storage.Client(project="test-project")

    return connected


def test_a_restart_finds_everything(tmp_path: Path, connect: Callable[[str], storage.Client]) -> None:
    with in_thread(Options(data=tmp_path)) as cloud, connect(cloud.http_address) as client:
        bucket = client.bucket("kept")
        bucket.versioning_enabled = True
        bucket.create()
        blob = bucket.blob("a/b €")
        blob.metadata = {"a": "1"}
        blob.upload_from_string(b"one")
        blob.upload_from_string(b"two")
        bucket.blob("deleted").upload_from_string(b"x")
        bucket.blob("deleted").delete()
        client.create_bucket("gone").delete()
    with in_thread(Options(data=tmp_path)) as cloud, connect(cloud.http_address) as client:
        assert [bucket.name for bucket in client.list_buckets()] == ["kept"]
        found = client.get_bucket("kept").get_blob("a/b €")
        assert (found.download_as_bytes(), found.metadata, found.generation) == (b"two", {"a": "1"}, blob.generation)
        assert len(list(client.list_blobs("kept", versions=True))) == 3
        found.upload_from_string(b"three", if_generation_match=found.generation)


def test_a_restart_goes_on_with_a_resumable_upload(tmp_path: Path, connect: Callable[[str], storage.Client]) -> None:
    data = os.urandom(2 * GRAIN + 5)
    with in_thread(Options(data=tmp_path)) as cloud, connect(cloud.http_address) as client:
        blob = client.create_bucket("kept").blob("x")
        address = blob.create_resumable_upload_session()
        first = {"Content-Range": f"bytes 0-{GRAIN - 1}/{len(data)}"}
        requests.put(address, data=data[:GRAIN], headers=first, timeout=10)
    with in_thread(Options(data=tmp_path)) as again, connect(again.http_address) as client:
        address = address.replace(cloud.http_address, again.http_address)
        asked = requests.put(address, headers={"Content-Range": "bytes */*"}, timeout=10)
        assert asked.headers["Range"] == f"bytes=0-{GRAIN - 1}"
        rest = {"Content-Range": f"bytes {GRAIN}-{len(data) - 1}/{len(data)}"}
        assert requests.put(address, data=data[GRAIN:], headers=rest, timeout=10).status_code == 200
        assert client.bucket("kept").blob("x").download_as_bytes() == data


def test_dropped_contents_leave_no_files(tmp_path: Path, connect: Callable[[str], storage.Client]) -> None:
    with in_thread(Options(data=tmp_path)) as cloud, connect(cloud.http_address) as client:
        blob = client.create_bucket("kept").blob("x")
        for text in (b"one", b"two"):
            blob.upload_from_string(text)
        blob.compose([blob, blob])
        stray = tmp_path / "storage" / "contents" / "stray"
        stray.write_bytes(b"half written when the process died")
    with in_thread(Options(data=tmp_path)):
        assert [path.read_bytes() for path in stray.parent.iterdir()] == [b"twotwo"]


def test_a_killed_process_loses_nothing_it_acknowledged(
    tmp_path: Path, connect: Callable[[str], storage.Client]
) -> None:
    acknowledged: list[str] = []
    enough = threading.Event()
    child = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with child, connect(child.stdout.readline().strip()) as client:  # type: ignore[union-attr]
        bucket = client.create_bucket("kept")

        def upload() -> None:
            for number in range(100_000):
                try:
                    content = BytesIO(f"content {number} ".encode() * 1000)
                    bucket.blob(str(number)).upload_from_file(content, if_generation_match=0, retry=None)
                except requests.ConnectionError:
                    return
                acknowledged.append(str(number))
                if number == 50:
                    enough.set()

        uploading = threading.Thread(target=upload)
        uploading.start()
        assert enough.wait(20)
        child.kill()
        uploading.join()
    with in_thread(Options(data=tmp_path)) as cloud, connect(cloud.http_address) as client:
        for name in acknowledged:
            assert client.bucket("kept").blob(name).download_as_bytes() == f"content {name} ".encode() * 1000
        assert len(list(client.list_blobs("kept"))) - len(acknowledged) in (0, 1)
