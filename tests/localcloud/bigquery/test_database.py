"""The database: transactions, and no way out of it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from localcloud.bigquery.database import Database, Transaction


@pytest.fixture
def database() -> Iterator[Database]:
    database = Database(None)
    yield database
    database.close()


def rows(database: Database, sql: str) -> list[tuple[Any, ...]]:
    return asyncio.run(database.read(lambda cursor: cursor.execute(sql).fetchall()))


def write(database: Database, *statements: str) -> None:
    def work(transaction: Transaction) -> None:
        for statement in statements:
            transaction.execute(statement)

    asyncio.run(database.write(work))


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    write(database, "CREATE TABLE t (n BIGINT)")
    with pytest.raises(duckdb.Error):
        write(database, "INSERT INTO t VALUES (1)", "INSERT INTO t VALUES ('x')")
    write(database, "INSERT INTO t VALUES (2)")
    assert rows(database, "SELECT n FROM t") == [(2,)]


def test_actions_run_only_after_a_commit(database: Database) -> None:
    done: list[str] = []

    def fail(transaction: Transaction) -> None:
        transaction.afterwards(lambda: done.append("failed"))
        raise ValueError

    with pytest.raises(ValueError):
        asyncio.run(database.write(fail))
    asyncio.run(database.write(lambda transaction: transaction.afterwards(lambda: done.append("committed"))))
    assert done == ["committed"]


def test_columns_are_inserted_by_name(database: Database) -> None:
    write(database, "CREATE TABLE t (a BIGINT, tags VARCHAR[] DEFAULT [], b VARCHAR)")
    asyncio.run(database.write(lambda transaction: transaction.insert("t", pa.table({"b": ["x"], "a": [1]}))))
    assert rows(database, "SELECT * FROM t") == [(1, [], "x")]


def test_records_are_replaced_and_removed(database: Database) -> None:
    for body in ("1", "2", None):
        asyncio.run(database.write(lambda transaction, body=body: transaction.keep("kind", "name", body)))
        assert list(database.records("kind")) == ([("name", body)] if body else [])


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "COPY (SELECT 1) TO '/tmp/out.csv'",
        "ATTACH '/tmp/other.duckdb' AS other",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SELECT * FROM read_parquet('https://example.com/x.parquet')",
        "SET enable_external_access = true",
        "SELECT * FROM this_variable",
    ],
)  # fmt: skip
def test_there_is_no_way_to_files_extensions_or_the_network(database: Database, sql: str) -> None:
    this_variable = pa.table({"a": [1]})
    assert this_variable.num_rows == 1
    with pytest.raises(duckdb.Error):
        rows(database, sql)


def test_a_cancelled_read_stops(database: Database) -> None:
    async def story() -> None:
        endless = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range % 7 = 3"
        reading = asyncio.create_task(database.read(lambda cursor: cursor.execute(endless).fetchall()))
        await database.read(lambda cursor: cursor.execute("SELECT 1").fetchall())
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    asyncio.run(asyncio.wait_for(story(), timeout=20))


def test_times_are_in_utc_on_every_connection(database: Database) -> None:
    assert rows(database, "SELECT CAST(TIMESTAMPTZ '2024-06-01 12:00:00+02' AS VARCHAR)") == [
        ("2024-06-01 10:00:00+00",)
    ]


def test_a_file_holds_what_was_written(tmp_path: Path) -> None:
    database = Database(tmp_path)
    write(database, "CREATE TABLE t AS SELECT 1 AS n")
    database.close()
    again = Database(tmp_path)
    assert rows(again, "SELECT n FROM t") == [(1,)]
    again.close()
