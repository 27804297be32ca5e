"""REST: rows in (tabledata.insertAll) and out (tabledata.list)."""

import asyncio
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from localcloud.bigquery.catalog import Catalog
from localcloud.bigquery.commits import Commits
from localcloud.bigquery.database import Database
from localcloud.bigquery.doors import API, Door, answer, body_of, first_row, number
from localcloud.bigquery.entities import Table
from localcloud.bigquery.errors import invalid, not_found, unsupported
from localcloud.bigquery.inserts import Inserts
from localcloud.bigquery.jobs import Jobs
from localcloud.bigquery.jobs_door import LARGEST_PAGE
from localcloud.bigquery.names import TableName
from localcloud.bigquery.results import Result, counting
from localcloud.bigquery.schema import Schema, quoted
from localcloud.bigquery.wire import Encoding
from localcloud.clock import Clock
from localcloud.faults import Faults
from localcloud.rest import HttpError, route

TABLE = f"{API}/datasets/{{dataset}}/tables/{{table}}"
LARGEST_REQUEST = 10 << 20
MOST_ROWS = 50_000


class Data(Door):
    """Decodes, calls inserts or the database, encodes."""

    def __init__(
        self, faults: Faults, clock: Clock, database: Database, catalog: Catalog, commits: Commits, jobs: Jobs
    ) -> None:
        super().__init__(faults)
        self._database = database
        self._catalog = catalog
        self._jobs = jobs
        self._inserts = Inserts(commits, clock)

    @route("POST", f"{TABLE}/insertAll", "tabledata.insertAll")
    async def insert_all(self, request: web.Request) -> web.Response:
        if (request.content_length or 0) > LARGEST_REQUEST:
            raise HttpError(413, "uploadTooLarge", f"Request Entity Too Large: over {LARGEST_REQUEST} bytes")
        body = await body_of(request)
        if body.get("templateSuffix"):
            raise unsupported("templateSuffix")
        rows = body.get("rows") or []
        if not rows:
            raise invalid("No rows present in the request.")
        if len(rows) > MOST_ROWS:
            raise invalid(f"Too many rows present in the request, limit: {MOST_ROWS} row count: {len(rows)}.")
        table = self._stored_table(_name(request))
        errors = await self._inserts.insert(
            table,
            rows,
            skip_invalid=bool(body.get("skipInvalidRows")),
            ignore_unknown=bool(body.get("ignoreUnknownValues")),
        )
        resource: dict[str, Any] = {"kind": "bigquery#tableDataInsertAllResponse"}
        if errors:
            resource["insertErrors"] = [
                {"index": index, "errors": [error.resource()]} for index, error in sorted(errors.items())
            ]
        return answer(resource)

    @route("GET", f"{TABLE}/data", "tabledata.list")
    async def list(self, request: web.Request) -> web.Response:
        name, start = _name(request), first_row(request)
        size = number(request, "maxResults")
        count = LARGEST_PAGE if size is None else min(size, LARGEST_PAGE)
        encoding = Encoding(request.query.get("formatOptions.useInt64Timestamp", "").lower() == "true")
        result = self._jobs.result_of(name.dataset, name.table)
        if result is not None:
            total, part = result.rows.num_rows, Result(result.schema, result.rows.slice(start, count))
        else:
            fields = request.query.get("selectedFields")
            total, part = await self._part(self._stored_table(name), fields, start, count)
        rows = await asyncio.to_thread(encoding.rows, part.rows, part.schema)
        resource: dict[str, Any] = {"kind": "bigquery#tableDataList", "totalRows": str(total), "rows": rows}
        if start + count < total:
            resource["pageToken"] = str(start + count)
        return answer(resource)

    async def _part(self, table: Table, fields: str | None, start: int, count: int) -> tuple[int, Result]:
        schema = _chosen(table, fields)
        columns = ", ".join(quoted(each.name) for each in schema)
        storage = quoted(table.storage)

        def read(cursor: Any) -> tuple[int, Result]:
            total = cursor.execute(counting(table.storage)).fetchall()[0][0]
            sql = f"SELECT {columns} FROM {storage} LIMIT {count} OFFSET {start}"  # noqa: S608 - quoted names
            rows = cursor.sql(sql).to_arrow_table()
            return total, Result(schema, rows)

        return await self._database.read(read)

    def _stored_table(self, name: TableName) -> Table:
        table = self._catalog.table(name)
        if table.view_query:
            raise invalid(f"{name} is not allowed for this operation because it is currently a VIEW.")
        if not table.schema:
            raise invalid(f"The destination table has no schema: {name}")
        return table


def _name(request: web.Request) -> TableName:
    info: Mapping[str, str] = request.match_info
    if "$" in info["table"]:
        raise unsupported(f"The partition decorator in {info['table']}")
    return TableName(info["project"], info["dataset"], info["table"])


def _chosen(table: Table, fields: str | None) -> Schema:
    if not fields:
        return table.schema
    by_name = {each.name.lower(): each for each in table.schema}
    names = [name.strip().lower() for name in fields.split(",")]
    unknown = [name for name in names if name not in by_name]
    if unknown:
        raise not_found(f"Field {unknown[0]} of table {table.name}")
    return tuple(each for each in table.schema if each.name.lower() in names)
