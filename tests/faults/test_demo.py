"""The demo, as people run it: nothing is lost, whatever is killed on the way."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = ("bridge", "enrichment", "warehouse", "archive", "director", "fleet", "localcloud")


class Demo:
    """A demo in a folder of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.output = folder / "output"
        self.result = folder / "result.json"
        checkout = Path(__file__).parents[2]
        (folder / "examples").symlink_to(checkout / "examples")
        command = [sys.executable, "-m", "examples.demo", "--json", str(self.result), *options]
        environment = os.environ | {"PYTHONPATH": str(checkout)}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output, env=environment)

    def pids(self) -> dict[str, int]:
        """The programs it says are running; none before it says so."""
        found = re.search(r"^running: (.*);", self.output.read_text().replace("\n  ", " "), re.MULTILINE)
        return {name: int(pid) for name, pid in re.findall(r"(\w+) (\d+)", found[1])} if found else {}

    def end(self) -> dict[str, Any]:
        """Waits for the end; its result."""
        status = self.process.wait(timeout=240)
        assert status == 0, self.output.read_text()
        return dict(json.loads(self.result.read_text()))


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Any]:
    started: list[Demo] = []

    def start(*options: str) -> Demo:
        started.append(Demo(tmp_path, *options))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.send_signal(signal.SIGINT)
            one.process.wait(timeout=60)


def children(pid: int) -> dict[str, int]:
    """The programs that `pid` started, by name."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {Path(f"/proc/{child}/comm").read_text().strip(): int(child) for child in found}


@pytest.mark.timeout(300)
def test_late_and_malformed_messages_are_accounted_for_by_id(demo: Any) -> None:
    result = demo("--messages=2000", "--rate=400", "--late-share=0.05", "--malformed-share=0.05").end()
    assert result["published"] == 2_000
    assert result["lost"] == 0
    assert result["dead_lettered"] > 0
    assert result["rows"] == result["archived"] == 2_000 - result["dead_lettered"]


@pytest.mark.timeout(300)
def test_killing_every_program_in_turn_loses_nothing(demo: Any, eventually: Any) -> None:
    run = demo("--messages=6000", "--rate=150", "--patience=60")
    eventually(run.pids, seconds=90)
    pids = run.pids()
    victims = [pids[name] for name in PROGRAMS[:-1]]
    victims += [pid for name, pid in children(pids["localcloud"]).items() if name in ("mosquitto", "valkey-server")]
    victims.append(pids["localcloud"])
    for victim in victims:
        os.kill(victim, signal.SIGKILL)
        time.sleep(3)  # apart in time: the promise is for one at a time
    result = run.end()
    assert result["lost"] == 0
    assert result["published"] == 6_000
    assert sum(result["restarts"].values()) >= len(PROGRAMS)
