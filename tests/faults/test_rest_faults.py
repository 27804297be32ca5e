"""What becomes of calls when the director is killed, stopped, late, crowded or spoken to badly."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
import requests

from director.client import DirectorClient, DirectorUnavailable
from director.operations.file import FileOperations
from director.operations.store import Kept
from director.safety.api_keys import hashed, new_key
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from localcloud.ports import free_port
from tests.director.conftest import DEVICES, DOCUMENT

ASYNC = {"Prefer": "respond-async"}


class DirectorProcess:
    """`python -m director serve` with all it keeps in one folder, started as often as one likes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.audit = folder / "audit.jsonl"
        self.process: subprocess.Popen[str] | None = None
        (folder / "devices.yaml").write_text(DEVICES)
        (folder / "architecture.yaml").write_text(DOCUMENT.format(project=f"plant-{uuid.uuid4().hex[:12]}"))

    def start(self, *more: str) -> None:
        keep = {"journal": "journal.db", "operations": "operations.db", "audit": "audit.jsonl"}
        options = [word for name, file in keep.items() for word in (f"--{name}", str(self.folder / file))]
        command = [sys.executable, "-m", "director", "serve", "--architecture", str(self.folder / "architecture.yaml")]
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                [*command, "--port", str(self.port), "--lease-seconds", "1", *options, *more],
                stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True,
            )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.process.stdout.close()
        assert "ready" in line, self.said()

    def kill(self) -> None:
        """kill -9 of gunicorn's both processes, with no time for anything."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def said(self) -> str:
        return (self.folder / "log").read_text()

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.audit.read_text().splitlines()]

    def kept(self, operation: str) -> Kept:
        """What another director would find of it."""
        with closing(FileOperations(self.folder / "operations.db")) as store:
            found = store.find(operation)
        assert found is not None
        return found

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()


@pytest.fixture
def director(cloud: LocalCloud, tmp_path: Path) -> Iterator[DirectorProcess]:
    found = DirectorProcess(tmp_path)
    yield found
    cloud.faults.clear()
    found.end()


def begin(director: DirectorProcess) -> str:
    response = requests.post(f"{director.url}/v1/dataflows/air:apply", headers=ASYNC, timeout=10)
    assert response.status_code == 202
    operation: str = response.json()["id"]
    return operation


def test_a_director_killed_in_an_apply_tells_afterwards_how_far_it_came(
    director: DirectorProcess, cloud: LocalCloud, eventually: Callable[..., None]
) -> None:
    director.start()
    fault = cloud.faults.add(Fault(method="pubsub.CreateSubscription", action="hang", when="after"))
    struck = len(cloud.faults.log)
    operation = begin(director)
    eventually(lambda: len(cloud.faults.log) > struck)
    eventually(lambda: director.kept(operation).steps)
    director.kill()
    cloud.faults.remove(fault)
    director.start()
    client = DirectorClient(director.url)
    found = client.operation(operation, wait=30)
    assert found["state"] == "interrupted", "once its lease is gone"
    assert 0 < len(found["resources"]) < 7
    phases = [(one["phase"], one.get("result")) for one in director.records()]
    assert phases == [("intent", None), ("outcome", "interrupted")]
    assert len(client.apply("air")["resources"]) == 7, "asked for again, it converges"
    assert client.verify("air")["changes"] == []


def test_a_stop_ends_an_apply_between_resources_and_keeps_no_reader_waiting(
    director: DirectorProcess, cloud: LocalCloud, eventually: Callable[..., None]
) -> None:
    director.start()
    events = requests.get(f"{director.url}/v1/events", stream=True, timeout=30)
    assert next(events.iter_lines()).startswith(b":")
    fault = cloud.faults.add(Fault(method="pubsub.CreateTopic", action="hang"))
    struck = len(cloud.faults.log)
    operation = begin(director)
    eventually(lambda: len(cloud.faults.log) > struck)
    assert director.process is not None
    director.process.send_signal(signal.SIGTERM)
    cloud.faults.remove(fault)
    assert director.process.wait(15) == 0
    events.close()
    director.start()
    assert DirectorClient(director.url).operation(operation)["state"] in ("interrupted", "succeeded")
    assert [one["phase"] for one in director.records()] == ["intent", "outcome"]


def test_c7_a_service_that_starts_before_its_director_waits_for_it(director: DirectorProcess) -> None:
    with pytest.raises(DirectorUnavailable, match="does not answer"):
        DirectorClient(director.url, budget=0.5).register("air", "bridge")
    found: list[Any] = []
    waiting = threading.Thread(target=lambda: found.append(DirectorClient(director.url).register("air", "bridge")))
    waiting.start()
    director.start("--apply")
    waiting.join(60)
    assert found[0].config["destinations"]["up"].endswith("/topics/readings")


def test_many_services_register_at_once_and_all_are_answered(director: DirectorProcess, cloud: LocalCloud) -> None:
    director.start("--apply")
    with ThreadPoolExecutor(40) as pool:
        asked = [pool.submit(DirectorClient(director.url).register, "air", "bridge") for _ in range(80)]
        assert {one.result(60).service for one in asked} == {"bridge"}
    figures = requests.get(f"{director.url}/metrics", timeout=10).text
    route = "POST /v1/dataflows/{dataflow}/services/{service}:verify"
    assert f'director_requests_total{{code="200",route="{route}"}} 80.0' in figures


def test_callers_who_say_nothing_keep_nobody_else_waiting_for_long(director: DirectorProcess) -> None:
    director.start()
    with ExitStack() as opened:
        for number in range(48):
            one = opened.enter_context(socket.create_connection(("127.0.0.1", director.port)))
            if number < 24:
                one.sendall(b"POST /v1/dataflows/air:plan HTTP/1.1\r\nHost: localhost\r\n")
        assert requests.get(f"{director.url}/healthz", timeout=30).json() == {"alive": True}


def test_a_body_whose_rest_does_not_come_is_given_up(director: DirectorProcess) -> None:
    director.start()
    with socket.create_connection(("127.0.0.1", director.port), timeout=30) as stalled:
        stalled.sendall(b"POST /v1/dataflows/air:plan HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
        assert stalled.recv(12) == b"HTTP/1.1 408"
    assert "Traceback" not in director.said()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 9_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 60 + b"\r\n", 431),
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nB\xe4d Header: x\r\n\r\n", 400),
    ],
    ids=["line", "header", "headers", "nonsense", "two lengths", "name"],
)
def test_what_is_no_request_is_turned_away_as_a_problem(
    director: DirectorProcess, request_bytes: bytes, status: int
) -> None:
    director.start()
    with socket.create_connection(("127.0.0.1", director.port), timeout=10) as connection:
        connection.sendall(request_bytes)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), answer
    assert b"application/problem+json" in head
    problem = json.loads(body)
    assert (problem["status"], problem["type"]) == (status, f"urn:iot-dataflows:problem:{problem['code']}")
    assert "xxxx" not in body.decode()


def test_a_guarded_director_answers_those_it_knows(director: DirectorProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    key, file, policy = new_key(), director.folder / "keys.yaml", director.folder / "policy.yaml"
    file.write_text(f"keys: [{{name: anna, sha256: {hashed(key)}}}]")
    file.chmod(0o600)
    policy.write_text('grants: [{identity: anna, role: operator, dataflows: ["*"]}]')
    director.start("--auth", "api_keys", "--api-keys", str(file), "--policy", str(policy))
    assert requests.get(f"{director.url}/v1/dataflows", timeout=10).status_code == 401
    mine = director.folder / "mine"
    mine.write_text(key)
    mine.chmod(0o600)
    monkeypatch.setenv("DIRECTOR_API_KEY_FILE", str(mine))
    assert len(DirectorClient(director.url).apply("air")["resources"]) == 7
    assert {one["who"] for one in director.records() if one["phase"] != "refusal"} == {"anna"}
    assert key not in director.said() + director.audit.read_text()
