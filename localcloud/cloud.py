"""All services of one machine behind two addresses: one for gRPC, one for HTTP."""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

import grpc
from aiohttp import web

from localcloud.accounts import Accounts
from localcloud.bigquery.service import BigQuery
from localcloud.clock import Clock
from localcloud.control import Control
from localcloud.dataflow.launching import Launcher
from localcloud.dataflow.service import Dataflow
from localcloud.faults import Faults
from localcloud.firestore.service import Firestore
from localcloud.monitoring.service import Monitoring
from localcloud.operations import Operations
from localcloud.projects import Projects
from localcloud.pubsub.exports.destinations import Destinations
from localcloud.pubsub.exports.over_http import Http, HttpBuckets, HttpTables
from localcloud.pubsub.service import PubSub
from localcloud.rest import RestService
from localcloud.rpc import RpcService
from localcloud.run.service import CloudRun
from localcloud.scheduler.service import Scheduler
from localcloud.secrets import SecretManager
from localcloud.storage.service import Storage

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
LARGEST_MESSAGE = 64 << 20


class Service(Protocol):
    """A stand-in for one Google service: its doors, and what it does between calls."""

    def rpcs(self) -> Sequence[RpcService]: ...
    def rests(self) -> Sequence[RestService]: ...
    async def run(self) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Options:
    """`data` keeps state over restarts, kill -9 included; without it state is in memory. Port 0 takes a free one.

    `launcher` makes, for a cloud, what runs the jobs that Dataflow launches; without it they run in name only.
    """

    grpc_port: int = 0
    http_port: int = 0
    data: Path | None = None
    launcher: "Callable[[LocalCloud], Launcher] | None" = None


class LocalCloud:
    """Pub/Sub, Firestore, Storage, BigQuery, Secret Manager, Monitoring and policies in this process, on loopback."""

    def __init__(self, options: Options = Options()) -> None:
        self._options = options
        self.clock = Clock()
        self.faults = Faults()
        self.operations = Operations(self.faults)  # of all services that have some
        data = options.data
        here = Http(lambda: self.http_address)
        destinations = Destinations(HttpTables(here), HttpBuckets(here))
        self.pubsub = PubSub(self.clock, self.faults, data and data / "pubsub", destinations)
        self.firestore = Firestore(self.clock, self.faults, self.operations, data and data / "firestore")
        self.storage = Storage(self.clock, self.faults, data and data / "storage")
        self.bigquery = BigQuery(self.clock, self.faults, data and data / "bigquery")
        self.secrets = SecretManager(self.clock, self.faults, data and data / "secrets")
        self.monitoring = Monitoring(self.clock, self.faults)
        self.cloud_run = CloudRun(self.clock, self.faults, self.operations)
        self.dataflow = Dataflow(self.clock, self.faults, options.launcher and options.launcher(self))
        self.scheduler = Scheduler(self.clock, self.faults, lambda: self.grpc_address)
        self.accounts = Accounts(self.faults)
        self.projects = Projects(self.faults)
        self._services: list[Service] = [
            self.pubsub,
            self.firestore,
            self.storage,
            self.bigquery,
            self.secrets,
            self.monitoring,
            self.operations,
            self.cloud_run,
            self.dataflow,
            self.scheduler,
            self.accounts,
            self.projects,
        ]
        self.grpc_address = self.http_address = ""

    async def start(self) -> None:
        """Raises OSError when a port is taken."""
        await self._start_grpc()
        await self._start_http()
        self._tasks = [asyncio.create_task(service.run()) for service in self._services]
        for task in self._tasks:
            task.add_done_callback(_told)

    async def stop(self) -> None:
        await _ended(self._tasks)
        await self._grpc.stop(grace=0)
        await self._runner.cleanup()
        for service in self._services:
            service.close()

    def variables(self) -> dict[str, str]:
        """The environment that points Google's clients, and the platform, here."""
        return {
            "PUBSUB_EMULATOR_HOST": self.grpc_address,
            "FIRESTORE_EMULATOR_HOST": self.grpc_address,
            "BIGQUERY_STORAGE_EMULATOR_HOST": self.grpc_address,
            "SECRET_MANAGER_EMULATOR_HOST": self.grpc_address,
            "MONITORING_EMULATOR_HOST": self.grpc_address,
            "CLOUD_SCHEDULER_EMULATOR_HOST": self.grpc_address,
            "CLOUD_RUN_EMULATOR_HOST": self.grpc_address,
            "DATAFLOW_EMULATOR_HOST": self.grpc_address,
            "STORAGE_EMULATOR_HOST": f"http://{self.http_address}",
            "BIGQUERY_EMULATOR_HOST": f"http://{self.http_address}",
            "RESOURCE_MANAGER_EMULATOR_HOST": f"http://{self.http_address}",
            "IAM_EMULATOR_HOST": f"http://{self.http_address}",
            "NO_GCE_CHECK": "true",
        }

    async def _start_grpc(self) -> None:
        self._grpc = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", LARGEST_MESSAGE),
                ("grpc.max_send_message_length", LARGEST_MESSAGE),
                ("grpc.so_reuseport", 0),
            ]
        )
        self._grpc.add_generic_rpc_handlers(
            tuple(rpc.handler() for service in self._services for rpc in service.rpcs())
        )
        try:
            port = self._grpc.add_insecure_port(f"{HOST}:{self._options.grpc_port}")
        except RuntimeError as error:
            raise OSError(f"port {self._options.grpc_port} is in use: choose another with --grpc-port") from error
        await self._grpc.start()
        self.grpc_address = f"{HOST}:{port}"

    async def _start_http(self) -> None:
        app = web.Application(client_max_size=1 << 30)
        for service in self._services:
            for rest in service.rests():
                rest.add_to(app)
        Control(self.faults, self.clock).add_to(app)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, self._options.http_port)
        try:
            await site.start()
        except OSError as error:
            await self._grpc.stop(grace=0)
            raise OSError(f"port {self._options.http_port} is in use: choose another with --http-port") from error
        self.http_address = f"{HOST}:{self._runner.addresses[0][1]}"


def _told(task: asyncio.Task[None]) -> None:
    """A service whose background work ended in an error goes on without it: nobody may miss that."""
    if not task.cancelled() and (error := task.exception()):
        log.critical("the background work of a service ended", exc_info=error)


async def _ended(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancels until all have ended: a task may miss a cancellation that comes just when what it awaits is done."""
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=0.5)


@contextmanager
def in_thread(options: Options = Options()) -> Iterator[LocalCloud]:
    """A running LocalCloud beside the caller, for tests. All of a process share one thread and event loop."""
    cloud = LocalCloud(options)
    asyncio.run_coroutine_threadsafe(cloud.start(), _background_loop()).result(timeout=30)
    try:
        yield cloud
    finally:
        asyncio.run_coroutine_threadsafe(cloud.stop(), _background_loop()).result(timeout=30)


@cache
def _background_loop() -> asyncio.AbstractEventLoop:
    """One for the life of the process: gRPC's asyncio machinery is shared by all loops and outlives each."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="localcloud", daemon=True).start()
    return loop
