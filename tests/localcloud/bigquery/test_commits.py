# ruff: noqa: S608 - the names are our own
"""Appends that arrive together are committed together, unless one spoils it."""

import asyncio

import duckdb
import pyarrow as pa

from localcloud.bigquery.catalog import Catalog
from localcloud.bigquery.commits import Commits
from localcloud.bigquery.database import Database
from localcloud.bigquery.entities import Table
from localcloud.bigquery.names import DatasetName, TableName
from localcloud.bigquery.schema import Field
from localcloud.bigquery.streams import Append, WriteStreams
from localcloud.clock import Clock

ROWS = pa.table({"n": [1, 2]})


async def made_table(database: Database, catalog: Catalog, name: str) -> Table:
    table = TableName("p", "d", name)
    return await database.write(lambda tx: catalog.create_table(tx, table, {}, (Field("n", "INTEGER"),)))


async def story() -> None:
    database = Database(None)
    catalog = Catalog(database, Clock())
    await database.write(lambda tx: catalog.create_dataset(tx, DatasetName("p", "d"), {}))
    kept, dropped = [await made_table(database, catalog, name) for name in ("kept", "dropped")]
    commits = Commits(database, WriteStreams(database, catalog, Clock()))

    together = [commits.submit(Append(kept, None, None, ROWS)) for _ in range(10)]
    assert await asyncio.gather(*together) == [None] * 10

    await database.write(lambda tx: catalog.delete_table(tx, dropped.name))
    good, bad = (commits.submit(Append(table, None, None, ROWS)) for table in (kept, dropped))
    assert await good is None
    assert isinstance((await asyncio.gather(bad, return_exceptions=True))[0], duckdb.CatalogException)

    count = await database.read(lambda cursor: cursor.execute(f"SELECT count(*) FROM {kept.storage}").fetchall())
    assert count == [(22,)]
    database.close()


def test_one_bad_append_does_not_spoil_the_others() -> None:
    asyncio.run(story())
