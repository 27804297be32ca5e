"""Cloud Run on one machine: services, revisions, jobs and executions are kept, no container is started."""

from collections.abc import Sequence

from localcloud.clock import Clock
from localcloud.faults import Faults
from localcloud.operations import Operations
from localcloud.rest import RestService
from localcloud.rpc import RpcService
from localcloud.run.executions import Executions
from localcloud.run.jobs import Jobs
from localcloud.run.services import Services


class CloudRun:
    """In memory. Operations end as soon as nothing holds them up: see `localcloud.operations`."""

    def __init__(self, clock: Clock, faults: Faults, operations: Operations) -> None:
        services = Services(faults, clock, operations)
        executions = Executions(faults, clock, operations)
        self._rpcs = [services, services.revisions, Jobs(faults, clock, operations, executions), executions]

    def rpcs(self) -> Sequence[RpcService]:
        return self._rpcs

    def rests(self) -> Sequence[RestService]:
        return []

    async def run(self) -> None:
        return None

    def close(self) -> None:
        return None
