"""Who runs what a job is about: the place where something that really runs jobs is plugged in.

    class Launcher:
        async def begin(self, launch, tell): ...   # start it, and go on; tell(RUNNING) once it runs
        async def end(self, job_id, drain): ...    # ask it to end; tell(DRAINED) or tell(CANCELLED) once it has

`LocalCloud(Options(launcher=make))` puts `make(cloud)` in the place of `Kept`, which runs nothing.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from localcloud.clock import Clock
from localcloud.dataflow.messages import CANCELLED, DRAINED, RUNNING

PAUSE = 0.01  # real seconds between looks at the clock

Tell = Callable[..., None]  # tell(state, message=""), in the event loop of the cloud; what ended is told nothing more


@dataclass(frozen=True, slots=True)
class Launch:
    """What is to run. `template` is the gs:// address of the template's specification, `environment` the message
    FlexTemplateRuntimeEnvironment. With `replaces`, the id of a running job, that one is to be updated: it is told
    UPDATED as soon as this one is told RUNNING, and goes on where this one is told FAILED.
    """

    project: str
    region: str
    job_id: str
    name: str
    template: str
    parameters: Mapping[str, str]
    environment: Any
    replaces: str = ""
    transform_name_mappings: Mapping[str, str] | None = None


class Launcher(Protocol):
    """Raises RpcError from `begin` where a job cannot be started: it has then failed, with that message."""

    async def begin(self, launch: Launch, tell: Tell) -> None: ...
    async def end(self, job_id: str, drain: bool) -> None: ...


class Kept:
    """Runs nothing: jobs stay as they are. Starting and ending take some seconds of the cloud's clock."""

    def __init__(self, clock: Clock, starting: float = 0.0, ending: float = 0.0) -> None:
        self._clock = clock
        self._starting = starting
        self._ending = ending
        self._tells: dict[str, Tell] = {}

    async def begin(self, launch: Launch, tell: Tell) -> None:
        self._tells[launch.job_id] = tell
        await self._passed(self._starting)
        tell(RUNNING)

    async def end(self, job_id: str, drain: bool) -> None:
        await self._passed(self._ending)
        tell = self._tells.pop(job_id, None)
        if tell is not None:  # else another asked before, and it has ended
            tell(DRAINED if drain else CANCELLED)

    async def _passed(self, seconds: float) -> None:
        due = self._clock.monotonic() + seconds
        while self._clock.monotonic() < due:
            await asyncio.sleep(PAUSE)
