"""Dataflow on one machine: what is launched from Flex Templates, and run by a launcher, if any."""

from collections.abc import Sequence

from localcloud.clock import Clock
from localcloud.dataflow.doors import FlexTemplatesService, JobsService, MessagesService
from localcloud.dataflow.jobs import Jobs
from localcloud.dataflow.launching import Kept, Launcher
from localcloud.faults import Faults
from localcloud.rest import RestService
from localcloud.rpc import RpcService


class Dataflow:
    """In memory. Without a launcher jobs run in name only."""

    def __init__(self, clock: Clock, faults: Faults, launcher: Launcher | None = None) -> None:
        self.jobs = Jobs(clock, faults, launcher or Kept(clock))
        doors = (FlexTemplatesService, JobsService, MessagesService)
        self._rpcs = [door(faults, self.jobs) for door in doors]

    def rpcs(self) -> Sequence[RpcService]:
        return self._rpcs

    def rests(self) -> Sequence[RestService]:
        return []

    async def run(self) -> None:
        return None

    def close(self) -> None:
        self.jobs.close()
