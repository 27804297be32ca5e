"""Programs that run beside us are started again when they die, and end when we do."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from localcloud.children import Child, ChildDied, Program

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]


async def until(true: Callable[[], bool], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    """Zombies are dead."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def program(tmp_path: Path, command: list[str] = SLEEPER) -> Program:
    output = tmp_path / "output"

    async def is_up() -> bool:
        return "up" in output.read_text()

    return Program("sleeper", command, is_up, output=output)


def test_start_returns_when_the_program_is_ready_and_stop_ends_it(tmp_path: Path) -> None:
    async def scenario() -> int:
        child = Child(program(tmp_path))
        await child.start()
        pid = child.pid
        assert pid
        assert alive(pid)
        await child.stop()
        return pid

    assert not alive(asyncio.run(scenario()))


def test_a_killed_program_is_started_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        child = Child(program(tmp_path))
        await child.start()
        first = child.pid
        assert first
        os.kill(first, signal.SIGKILL)
        await until(lambda: child.pid != first)
        assert child.restarts == 1
        await until(lambda: (tmp_path / "output").read_text().count("up") == 2)
        await child.stop()

    asyncio.run(scenario())


def test_a_program_that_ends_before_it_is_ready_raises_its_last_words(tmp_path: Path) -> None:
    fails = [sys.executable, "-c", "import sys; print('no such table'); sys.exit(3)"]
    with pytest.raises(ChildDied, match="sleeper ended with status 3 before it was ready: no such table"):
        asyncio.run(Child(program(tmp_path, fails)).start())


def test_a_program_that_is_never_ready_is_stopped(tmp_path: Path) -> None:
    mute = [sys.executable, "-c", "import time; time.sleep(600)"]

    async def scenario() -> Child:
        child = Child(program(tmp_path, mute))
        with pytest.raises(TimeoutError, match="sleeper was not ready after 0 s: no output"):
            await child.start(timeout=0.3)
        return child

    pid = asyncio.run(scenario()).pid
    assert pid
    assert not alive(pid)


def test_a_program_that_ignores_sigterm_is_killed_after_the_grace(tmp_path: Path) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    )

    async def scenario() -> Child:
        child = Child(program(tmp_path, [sys.executable, "-c", stubborn]))
        await child.start()
        await child.stop(grace=0.2)
        return child

    pid = asyncio.run(scenario()).pid
    assert pid
    assert not alive(pid)


PARENT = """
import asyncio, sys
from localcloud.children import Child, Program

async def main():
    child = Child(Program("sleeper", [sys.executable, "-c", "import time; time.sleep(600)"]))
    await child.start()
    print(child.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_a_program_dies_with_its_killed_parent(parent: subprocess.Popen[str]) -> None:
    assert parent.stdout
    pid = int(parent.stdout.readline())
    assert alive(pid)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 5
    while alive(pid) and time.monotonic() < deadline:
        os.sched_yield()
    assert not alive(pid)
