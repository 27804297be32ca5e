"""The DuckDB database behind everything: one writer at a time, readers beside it, no way out to files or the network.

A transaction is durable against kill -9 when `write` returns: DuckDB has written and synced its log by then.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from localcloud.bigquery.macros import MACROS
from localcloud.bigquery.schema import quoted

T = TypeVar("T")

_SETTINGS: dict[str, Any] = {
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,  # a query must not reach this process's variables
    "threads": 1,
}
_READERS = 4


class Transaction:
    """What a piece of writing may do. Actions given to `afterwards` run once it is durable, on the writer's thread."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self.actions: list[Callable[[], object]] = []

    def execute(self, sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        """Rows of the answer; for INSERT, UPDATE and DELETE one row with the count."""
        answer: list[tuple[Any, ...]] = self.connection.execute(sql, parameters).fetchall()
        return answer

    def insert(self, target: str, rows: pa.Table) -> None:
        """Appends columns by name; the others get their defaults."""
        self.connection.register("incoming", rows)  # after a failure the next registration takes its place
        self.execute(f"INSERT INTO {quoted(target)} BY NAME SELECT * FROM incoming")  # noqa: S608 - a number of ours
        self.connection.unregister("incoming")

    def keep(self, kind: str, name: str, body: str | None) -> None:
        """Stores, replaces or (with None) removes a record."""
        if body is None:
            self.execute("DELETE FROM records WHERE kind = ? AND name = ?", [kind, name])
        elif self.execute("UPDATE records SET body = ? WHERE kind = ? AND name = ?", [body, kind, name]) == [(0,)]:
            self.execute("INSERT INTO records VALUES (?, ?, ?)", [kind, name, body])

    def afterwards(self, action: Callable[[], object]) -> None:
        self.actions.append(action)


class Database:
    """In a file inside `folder`, or in memory."""

    def __init__(self, folder: Path | None) -> None:
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
        self._root = duckdb.connect(str(folder / "warehouse.duckdb") if folder else ":memory:", config=_SETTINGS)
        self._root.execute("SET GLOBAL TimeZone = 'UTC'")
        self._root.execute("SET GLOBAL lock_configuration = true")
        self._writer = self._root.cursor()
        self._writing = ThreadPoolExecutor(1, "bigquery-write")
        self._reading = ThreadPoolExecutor(_READERS, "bigquery-read")
        self._prepare()

    def _prepare(self) -> None:
        self._writer.begin()
        self._writer.execute("CREATE TABLE IF NOT EXISTS records (kind VARCHAR, name VARCHAR, body VARCHAR)")
        self._writer.execute("CREATE TABLE IF NOT EXISTS held (stream VARCHAR, first BIGINT, rows BLOB)")
        for macro in MACROS:
            self._writer.execute(f"CREATE OR REPLACE MACRO {macro}")
        self._writer.commit()

    def records(self, kind: str) -> Iterator[tuple[str, str]]:
        """Name and body of all records of a kind; for start-up."""
        yield from self._writer.execute("SELECT name, body FROM records WHERE kind = ?", [kind]).fetchall()

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Runs `work` as one transaction, after all earlier ones; an exception undoes it."""
        return await asyncio.get_running_loop().run_in_executor(self._writing, self._transact, work)

    async def read(self, work: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """Runs `work` on a connection of its own, which sees every transaction that is done; stops when cancelled."""
        cursor = self._root.cursor()
        reading = self._reading.submit(_with_cursor, cursor, work)
        try:
            return await asyncio.wrap_future(reading)
        except asyncio.CancelledError:
            while not reading.done():  # an interruption between two statements is lost
                _interrupt(cursor)
                await asyncio.sleep(0.01)
            raise

    def close(self) -> None:
        self._writing.shutdown()
        self._reading.shutdown()
        self._writer.close()
        self._root.close()

    def _transact(self, work: Callable[[Transaction], T]) -> T:
        transaction = Transaction(self._writer)
        self._writer.begin()
        try:
            result = work(transaction)
        except BaseException:
            self._writer.rollback()
            raise
        self._writer.commit()
        for action in transaction.actions:
            action()
        return result


def _interrupt(cursor: duckdb.DuckDBPyConnection) -> None:
    with suppress(duckdb.ConnectionException):  # it was closed just now
        cursor.interrupt()


def _with_cursor(cursor: duckdb.DuckDBPyConnection, work: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
    with cursor:
        return work(cursor)
