"""The whole platform on this machine: what `make demo` promises, with every program killed once on the way."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from examples.demo.programs import ROOT

# The fleet first: it remembers what a broker that dies later loses, and would take that with it.
SERVICES = ("fleet", "bridge", "enrichment", "warehouse", "archive", "director")
VICTIMS = (*SERVICES, "mosquitto", "valkey-server", "localcloud")


def until(true: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


class Demo:
    """A running demo, and what it has said so far."""

    def __init__(self, folder: Path, *options: str) -> None:
        command = [sys.executable, "-m", "examples.demo", *options]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with (folder / "output").open("wb") as output:
            self.process = subprocess.Popen(
                command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT
            )
        self._folder = folder

    def said(self) -> str:
        return (self._folder / "output").read_text()

    def pids(self) -> dict[str, int]:
        """Of the programs that run now, and of those that localcloud started."""
        found: dict[str, int] = {}
        for pid, name in self._below(self.process.pid):
            found.setdefault(name, pid)  # not a worker that it started
        return found

    def delivered(self) -> int:
        ledgers = list(self._folder.glob(".demo/*/fleet.ledger"))
        return ledgers[0].read_bytes().count(b"\n") if ledgers else 0

    def _below(self, parent: int) -> Iterator[tuple[int, str]]:
        for pid in _children(parent):
            with contextlib.suppress(FileNotFoundError):  # it has just died
                yield pid, _name(pid)
                yield from self._below(pid)


def _children(parent: int) -> list[int]:
    """Of all its threads, some of which may have just ended."""
    found: list[int] = []
    for task in Path(f"/proc/{parent}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += map(int, (task / "children").read_text().split())
    return found


def _name(pid: int) -> str:
    """`python -m beam_jobs.archive …` is `archive`."""
    command = re.split("[\0 ]", Path(f"/proc/{pid}/cmdline").read_text())  # Valkey writes its own, with spaces
    module = command[command.index("-m") + 1] if "-m" in command else Path(command[0]).name
    return module.rpartition(".")[2]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    started: list[Demo] = []

    def start(*options: str) -> Demo:
        started.append(Demo(tmp_path, *options))
        return started[-1]

    yield start
    for demo in started:
        demo.process.kill()  # its programs die with it
        demo.process.wait()


def gone(pids: dict[str, int]) -> bool:
    return not any(Path(f"/proc/{pid}/exe").exists() for pid in pids.values())


@pytest.mark.timeout(300)
def test_nothing_is_lost_though_every_program_is_killed_once(start: Callable[..., Demo], tmp_path: Path) -> None:
    demo = start(
        *("--messages", "3000", "--rate", "100", "--late-share", "0.05", "--malformed-share", "0.02"),
        *("--json", "result.json", "--patience", "60"),
    )
    until(lambda: "running: " in demo.said())
    pids = demo.pids()
    assert pids.keys() >= set(VICTIMS)
    for victim in VICTIMS:
        before = demo.delivered()
        until(lambda: demo.delivered() > before)  # noqa: B023 - called at once
        now = demo.pids()
        os.kill(now[victim], signal.SIGKILL)
        until(lambda: demo.pids().get(victim) not in (None, now[victim]))  # noqa: B023 - called at once
    assert demo.process.wait(timeout=240) == 0, demo.said()
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["lost"] == 0
    assert result["published"] == 3000
    assert result["rows"] + result["dead_lettered"] >= 3000
    assert result["archived"] + result["dead_lettered"] >= 3000
    assert result["restarts"].keys() == {*SERVICES, "localcloud"}
    assert gone(pids)
    assert not (tmp_path / ".demo").exists()


@pytest.mark.timeout(180)
def test_ctrl_c_stops_everything_while_it_starts_too(start: Callable[..., Demo], tmp_path: Path) -> None:
    demo = start()
    until(lambda: "starting the director" in demo.said())
    pids = demo.pids()
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(timeout=60) == 130, demo.said()
    assert gone(pids)
    assert not (tmp_path / ".demo").exists()


@pytest.mark.timeout(180)
def test_keep_leaves_everything_running_and_says_where(start: Callable[..., Demo], tmp_path: Path) -> None:
    demo = start("--messages", "400", "--rate", "100", "--change-device", "--json", "result.json", "--keep")
    until(lambda: "Everything keeps running until Ctrl-C" in demo.said(), 120)
    until(lambda: "archive " in demo.said().rpartition("Ctrl-C")[2])
    exported = dict(re.findall(r"export (\w+)=(\S+)", demo.said()))
    assert exported.keys() >= {"PUBSUB_EMULATOR_HOST", "BIGQUERY_EMULATOR_HOST", "MQTT_BROKER_URL", "REDIS_URL"}
    result = json.loads((tmp_path / "result.json").read_text())
    assert 0 < result["change_seconds"] < 60
    assert result["lookups"]["process"]["hit"] > 0
    assert result["lookups"]["firestore"]["found"] > 0
    pids = demo.pids()
    assert pids.keys() >= set(VICTIMS)
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(timeout=60) == 0, demo.said()
    assert gone(pids)
