"""Programs in groups, kept running until the block ends."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from examples.demo.supervisor import Supervisor
from localcloud.children import ChildDied, Program

WORKS = """
import signal, sys, time
out = open(sys.argv[1], "a", buffering=1)
def stop(*_):
    out.write("stopped " + sys.argv[2] + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("up", flush=True)
while True: time.sleep(60)
"""


def until(true: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}/exe").exists()


def program(folder: Path, name: str, code: str = WORKS) -> Program:
    output = folder / f"{name}.log"

    async def is_up() -> bool:
        return output.exists() and "up" in output.read_text()

    return Program(name, [sys.executable, "-c", code, str(folder / "journal"), name], is_up, output=output)


def test_groups_stop_in_reverse_order(tmp_path: Path) -> None:
    with Supervisor() as supervisor:
        supervisor.start(program(tmp_path, "first"))
        supervisor.start(program(tmp_path, "second"))
        pids = supervisor.pids()
        assert pids.keys() == {"first", "second"}
    assert (tmp_path / "journal").read_text().split("\n")[:2] == ["stopped second", "stopped first"]
    assert all(gone(pid) for pid in pids.values())


def test_a_killed_program_runs_again_and_is_counted(tmp_path: Path) -> None:
    with Supervisor() as supervisor:
        supervisor.start(program(tmp_path, "one"), program(tmp_path, "other"))
        assert supervisor.restarts() == {}
        killed = supervisor.pids()["one"]
        os.kill(killed, signal.SIGKILL)
        until(lambda: supervisor.restarts() == {"one": 1})
        until(lambda: supervisor.pids()["one"] != killed)


def test_a_program_that_cannot_start_raises_and_the_others_stop(tmp_path: Path) -> None:
    fails = "import sys; sys.exit('the port is in use')"
    with Supervisor() as supervisor:
        supervisor.start(program(tmp_path, "first"))
        with pytest.raises(ChildDied, match="second ended with status 1 before it was ready: the port is in use"):
            supervisor.start(program(tmp_path, "second", fails))
    assert gone(supervisor.pids()["first"])
