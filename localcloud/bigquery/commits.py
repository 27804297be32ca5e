"""Appends of all connections, committed in groups: those that arrive while one group is being written form the next."""

import asyncio
from collections.abc import Sequence
from typing import Any

import duckdb

from localcloud.bigquery.database import Database
from localcloud.bigquery.streams import Append, WriteStreams

Waiting = tuple[Append, asyncio.Future[int | None]]


class Commits:
    """Rows are in the database, durably, when `append` returns."""

    def __init__(self, database: Database, streams: WriteStreams) -> None:
        self._database = database
        self._streams = streams
        self._waiting: list[Waiting] = []
        self._writing: asyncio.Task[None] | None = None

    def submit(self, append: Append) -> asyncio.Future[int | None]:
        """The offset of the first row, None on the default stream. Appends of a stream keep the order of submission.

        The future fails with StreamError, or with duckdb.Error when the table changed under the rows.
        """
        future: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((append, future))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        return future

    async def _write(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting, []
                await self._commit(group)
        finally:
            self._writing = None

    async def _commit(self, group: Sequence[Waiting]) -> None:
        appends = [append for append, _ in group]
        try:
            outcomes: Sequence[Any] = await self._database.write(lambda tx: self._streams.append(tx, appends))
        except Exception as error:  # goes to whoever waits for these rows
            if len(group) > 1 and isinstance(error, duckdb.Error):  # one of them spoils it for the others
                for each in group:
                    await self._commit([each])
                return
            outcomes = [error] * len(group)
        for (_, future), outcome in zip(group, outcomes, strict=True):
            _settle(future, outcome)


def _settle(future: asyncio.Future[int | None], outcome: int | Exception | None) -> None:
    if future.cancelled():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
