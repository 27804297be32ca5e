"""`python -m localcloud`: one ready line, variables on request, a clean stop, one line for what is wrong."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
import redis
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from localcloud import broker
from localcloud.__main__ import main
from localcloud.ports import HOST, free_port


@contextmanager
def running(*options: str, path: str = os.environ["PATH"]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and its ready line."""
    command = [sys.executable, "-m", "localcloud", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PATH": path}) as process:
        try:
            assert process.stdout
            yield process, process.stdout.readline()
        finally:
            process.terminate()


Failed = Callable[..., str]


@pytest.fixture
def failed(capsys: pytest.CaptureFixture[str]) -> Failed:
    """What it says on its way out with status 2."""

    def failed(*options: str) -> str:
        assert main(options) == 2
        return capsys.readouterr().err

    return failed


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def until(true: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def test_the_ready_line_names_every_address_and_sigterm_ends_everything() -> None:
    with running("--broker", "--cache") as (process, ready):
        address = rf"{HOST}:\d+"
        assert re.fullmatch(
            rf"localcloud is ready: grpc {address}, http {address}, mqtt {address}, redis {address}, data in memory\n",
            ready,
        )
        started = children(process.pid)
        assert len(started) == 2
        process.terminate()
        assert process.wait(timeout=15) == 0
        assert not any(Path(f"/proc/{pid}").exists() for pid in started)


def test_interrupt_is_a_clean_stop_too() -> None:
    with running() as (process, _):
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=15) == 0


def test_env_prints_what_a_shell_can_read() -> None:
    options = ("--broker", "--cache", "--env", "--grpc-port", str(free_port()), "--http-port", str(free_port()))
    with running(*options) as (process, ready):
        assert ready.startswith("# localcloud is ready: ")
        assert process.stdout
        process.terminate()
        lines = process.stdout.read().splitlines()
    exported = dict(line.removeprefix("export ").split("=", 1) for line in lines)
    assert exported["PUBSUB_EMULATOR_HOST"] == exported["FIRESTORE_EMULATOR_HOST"] == f"{HOST}:{options[4]}"
    assert exported["STORAGE_EMULATOR_HOST"] == exported["BIGQUERY_EMULATOR_HOST"] == f"http://{HOST}:{options[6]}"
    assert exported["NO_GCE_CHECK"] == "true"
    assert exported["MQTT_BROKER_URL"].startswith(f"mqtt://{HOST}:")
    assert exported["REDIS_URL"].startswith(f"redis://{HOST}:")


def test_the_addresses_answer() -> None:
    with running("--cache") as (_, ready):
        addresses = dict(part.split(" ", 1) for part in ready.strip().split(": ", 1)[1].split(", "))
        with redis.Redis(HOST, int(addresses["redis"].split(":")[1])) as client:
            assert client.ping()
        with urlopen(f"http://{addresses['http']}/localcloud/v1/faults") as answer:
            assert answer.status == 200
        host, port = addresses["grpc"].split(":")
        socket.create_connection((host, int(port)), timeout=5).close()


def test_a_killed_cache_comes_back_at_the_same_address() -> None:
    port = free_port()
    with running("--cache", "--redis-port", str(port)) as (process, _):
        (cache,) = children(process.pid)
        os.kill(cache, signal.SIGKILL)
        until(lambda: children(process.pid) not in ([], [cache]))
        client = redis.Redis(HOST, port)

        def answers() -> bool:
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False

        until(answers)
        client.close()


def test_a_killed_localcloud_takes_its_children_with_it() -> None:
    with running("--broker", "--cache") as (process, _):
        started = children(process.pid)
        process.kill()
        process.wait()
        until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in started))


def test_data_outlives_kill(tmp_path: Path) -> None:
    port = free_port()
    options = ("--http-port", str(port), "--data", str(tmp_path / "data"))
    os.environ["STORAGE_EMULATOR_HOST"] = f"http://{HOST}:{port}"
    try:
        client = storage.Client("local-project", credentials=AnonymousCredentials())
        with running(*options) as (process, _):
            client.create_bucket("kept").blob("object").upload_from_string(b"content")
            process.kill()
            process.wait()
        with running(*options):
            assert client.bucket("kept").blob("object").download_as_bytes() == b"content"
        client.close()
    finally:
        del os.environ["STORAGE_EMULATOR_HOST"]


@pytest.mark.parametrize("option", ["--grpc-port", "--http-port"])
def test_a_port_in_use_is_one_line_that_names_the_option(option: str, failed: Failed) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        assert failed(option, str(port)) == f"localcloud: port {port} is in use: choose another with {option}\n"


def test_a_brokers_port_in_use_is_one_line_that_names_the_option(failed: Failed) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        said = failed("--broker", "--mqtt-port", str(port))
        assert said == f"localcloud: port {port} is in use: choose another with --mqtt-port\n"


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, failed: Failed) -> None:
    (tmp_path / "file").touch()
    data = tmp_path / "file" / "data"
    said = failed("--data", str(data))
    assert said == f"localcloud: cannot write to {data} (Not a directory): choose another folder with --data\n"


def test_two_cannot_share_a_folder(tmp_path: Path, failed: Failed) -> None:
    with running("--data", str(tmp_path)):
        said = failed("--data", str(tmp_path))
        assert said == f"localcloud: {tmp_path} is in use by another localcloud: choose another folder with --data\n"


def test_mosquitto_is_found_off_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian puts it where an ordinary user's PATH does not look."""
    monkeypatch.setenv("PATH", "/nowhere")
    assert Path(broker.find_mosquitto()).name == "mosquitto"
