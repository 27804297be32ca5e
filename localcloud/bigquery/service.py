"""BigQuery on one machine: REST v2 and the Storage Write API over one DuckDB database."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

from localcloud.bigquery.catalog import Catalog
from localcloud.bigquery.commits import Commits
from localcloud.bigquery.data_door import Data
from localcloud.bigquery.database import Database
from localcloud.bigquery.doors import Door
from localcloud.bigquery.errors import unsupported
from localcloud.bigquery.jobs import Jobs
from localcloud.bigquery.jobs_door import JobsDoor
from localcloud.bigquery.policies_door import TablePolicies
from localcloud.bigquery.streams import WriteStreams
from localcloud.bigquery.tables_door import Tables
from localcloud.bigquery.views import Views
from localcloud.bigquery.write_door import Read, Write
from localcloud.clock import Clock
from localcloud.faults import Faults
from localcloud.rest import RestService, route
from localcloud.rpc import RpcService


class BigQuery:
    """The composition of this service. With `data` everything answered as done is there again after kill -9."""

    def __init__(self, clock: Clock, faults: Faults, data: Path | None) -> None:
        self._database = Database(data)
        catalog = Catalog(self._database, clock)
        streams = WriteStreams(self._database, catalog, clock)
        commits = Commits(self._database, streams)
        self._jobs = Jobs(self._database, catalog, clock)
        self._rpcs = [Write(faults, self._database, catalog, streams, commits), Read(faults)]
        self._rests = [
            Tables(faults, self._database, catalog, Views(catalog, clock), self._jobs),
            TablePolicies(faults, catalog),
            JobsDoor(faults, self._jobs),
            Data(faults, clock, self._database, catalog, commits, self._jobs),
            Absent(faults),
        ]

    def rpcs(self) -> Sequence[RpcService]:
        return self._rpcs

    def rests(self) -> Sequence[RestService]:
        return self._rests

    async def run(self) -> None:
        """Nothing happens between calls, but queries that still run at the end are cancelled."""
        try:
            await asyncio.Event().wait()
        finally:
            await self._jobs.stop()

    def close(self) -> None:
        self._database.close()


class Absent(Door):
    """Answers what no other door does, so that its absence is plain."""

    @route("*", "/bigquery/v2/{rest:.*}", "unsupported")
    @route("*", "/upload/bigquery/v2/{rest:.*}", "unsupported")
    async def refuse(self, request: web.Request) -> web.Response:
        raise unsupported(f"{request.method} {request.path}")
