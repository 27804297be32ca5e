"""Keeps the demo's programs running, from a thread of its own: whoever waits for them need not look after them."""

import asyncio
import threading
from collections.abc import Coroutine, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

from localcloud.children import Child, Program

T = TypeVar("T")


class Supervisor:
    """Programs in groups: a group starts together, and stops before the groups started earlier.

    A program that dies is started again with the same command. All are stopped at the end of the `with` block, and
    killed with the process, should it be killed.
    """

    def __init__(self) -> None:
        self._groups: list[list[Child]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="supervisor", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def start(self, *programs: Program, timeout: float = 60) -> None:
        """Returns when all are ready. Raises ChildDied or TimeoutError when one is not going to be."""
        self._do(self._start(programs, timeout))

    def restarts(self) -> Mapping[str, int]:
        """How often each program that was started again was."""
        return {child.program.name: child.restarts for child in self._children() if child.restarts}

    def pids(self) -> Mapping[str, int]:
        return {child.program.name: child.pid for child in self._children() if child.pid}

    def _children(self) -> list[Child]:
        return [child for group in self._groups for child in group]

    async def _start(self, programs: tuple[Program, ...], timeout: float) -> None:
        group = [Child(program) for program in programs]
        self._groups.append(group)
        await asyncio.gather(*(child.start(timeout) for child in group))

    async def _stop(self) -> None:
        for group in reversed(self._groups):
            await asyncio.gather(*(child.stop() for child in group))

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
