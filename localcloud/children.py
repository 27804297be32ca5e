"""Programs that run beside us: started again when they die, stopped when we stop, gone when we are killed."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)

LONG_LIFE = 5.0  # seconds; a child that lived longer is started again without delay
LONGEST_DELAY = 5.0
POLL = 0.02

# Runs before the program itself, in its process: Linux then kills the program when the thread that started it ends,
# kill -9 of us included. Not a `preexec_fn`: those may deadlock in a process with threads, such as one serving gRPC.
_TETHER = """
import ctypes, os, signal, sys
parent, command = int(sys.argv[1]), sys.argv[2:]
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != parent:
    sys.exit("the parent is gone")
for ignored_by_python in (signal.SIGPIPE, signal.SIGXFSZ):
    signal.signal(ignored_by_python, signal.SIG_DFL)
os.execvp(command[0], command)
"""


class ChildDied(Exception):
    """A program ended before it was ready."""


async def nothing_to_wait_for() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, and how to see that it is ready.

    `output` is the file its output is appended to; without it the output goes to our standard error.
    """

    name: str
    command: Sequence[str]
    ready: Callable[[], Awaitable[bool]] = nothing_to_wait_for
    environment: Mapping[str, str] | None = None
    output: Path | None = None


class Child:
    """One running program. All methods belong to one event loop, on a thread that outlives the child."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.restarts = 0
        self._process: Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._born = 0.0
        self._quick_deaths = 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def start(self, timeout: float = 30) -> None:
        """Returns when the program is ready, and keeps it running from then on.

        Raises ChildDied when it ends first, TimeoutError when it is not ready after `timeout` seconds.
        """
        process = await self._spawn()
        try:
            async with asyncio.timeout(timeout):
                await self._until_ready(process)
        except TimeoutError as error:
            await self.stop()
            said = self._last_words()
            raise TimeoutError(f"{self.program.name} was not ready after {timeout:.0f} s{said}") from error
        self._keeper = asyncio.create_task(self._keep_running(process))

    async def stop(self, grace: float = 10) -> None:
        """SIGTERM; after `grace` seconds SIGKILL to it and all it started."""
        if self._keeper is not None:
            self._keeper.cancel()
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), grace)
        except TimeoutError:
            log.warning("%s did not stop within %.0f s: killed", self.program.name, grace)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    async def _until_ready(self, process: Process) -> None:
        while not await self.program.ready():
            if process.returncode is not None:
                raise ChildDied(f"{self.program.name} {_end(process)} before it was ready{self._last_words()}")
            await asyncio.sleep(POLL)

    async def _keep_running(self, process: Process) -> None:
        while True:
            await process.wait()
            log.warning("%s (pid %d) %s: starting it again", self.program.name, process.pid, _end(process))
            await asyncio.sleep(self._delay_before_restart())
            self.restarts += 1
            process = await self._spawn()

    async def _spawn(self) -> Process:
        program = self.program
        with contextlib.ExitStack() as stack:
            output = sys.stderr.fileno() if program.output is None else stack.enter_context(program.output.open("ab"))
            self._process = await asyncio.create_subprocess_exec(
                *_tethered(program.command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=program.environment,
                start_new_session=True,
            )
        self._born = time.monotonic()
        return self._process

    def _delay_before_restart(self) -> float:
        if time.monotonic() - self._born > LONG_LIFE:
            self._quick_deaths = 0
            return 0.0
        self._quick_deaths += 1
        return min(LONGEST_DELAY, 0.1 * 2.0**self._quick_deaths)

    def _last_words(self) -> str:
        """The last line it wrote, where that is kept."""
        if self.program.output is None:
            return ""
        lines = self.program.output.read_text(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "no output")
        return f": {last} (all of it in {self.program.output})"


def _end(process: Process) -> str:
    code = process.returncode or 0
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"


def _tethered(command: Sequence[str]) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", _TETHER, str(os.getpid()), *command]
