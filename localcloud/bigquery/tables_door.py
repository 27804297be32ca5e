"""REST: datasets, tables and views."""

from typing import Any

from aiohttp import web

from localcloud.bigquery.catalog import Catalog
from localcloud.bigquery.database import Database, Transaction
from localcloud.bigquery.doors import API, Door, answer, body_of, page
from localcloud.bigquery.entities import Dataset, Table
from localcloud.bigquery.jobs import Jobs
from localcloud.bigquery.names import DatasetName, TableName, dataset_name, table_name
from localcloud.bigquery.results import counting
from localcloud.bigquery.schema import schema_from_resource, schema_resource
from localcloud.bigquery.views import Views
from localcloud.faults import Faults
from localcloud.rest import route

DATASETS = f"{API}/datasets"
TABLES = f"{DATASETS}/{{dataset}}/tables"


class Tables(Door):
    """Decodes, calls the catalog, encodes."""

    def __init__(self, faults: Faults, database: Database, catalog: Catalog, views: Views, jobs: Jobs) -> None:
        super().__init__(faults)
        self._database = database
        self._catalog = catalog
        self._views = views
        self._jobs = jobs

    @route("POST", DATASETS, "datasets.insert")
    async def insert_dataset(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        dataset_id = str((body.get("datasetReference") or {}).get("datasetId") or "")
        name = dataset_name(request.match_info["project"], dataset_id)
        dataset = await self._database.write(lambda tx: self._catalog.create_dataset(tx, name, body))
        return answer(dataset.resource())

    @route("GET", DATASETS, "datasets.list")
    async def list_datasets(self, request: web.Request) -> web.Response:
        datasets = self._catalog.datasets(request.match_info["project"])
        return page(request, "datasets", "bigquery#datasetList", datasets, _dataset_summary)

    @route("GET", f"{DATASETS}/{{dataset}}", "datasets.get")
    async def get_dataset(self, request: web.Request) -> web.Response:
        return answer(self._catalog.dataset(_dataset(request)).resource())

    @route("PATCH", f"{DATASETS}/{{dataset}}", "datasets.patch")
    async def patch_dataset(self, request: web.Request) -> web.Response:
        return await self._change_dataset(request, whole=False)

    @route("PUT", f"{DATASETS}/{{dataset}}", "datasets.update")
    async def update_dataset(self, request: web.Request) -> web.Response:
        return await self._change_dataset(request, whole=True)

    @route("DELETE", f"{DATASETS}/{{dataset}}", "datasets.delete")
    async def delete_dataset(self, request: web.Request) -> web.Response:
        name, contents = _dataset(request), request.query.get("deleteContents", "").lower() == "true"
        await self._database.write(lambda tx: self._catalog.delete_dataset(tx, name, contents))
        return web.Response(status=204)

    @route("POST", TABLES, "tables.insert")
    async def insert_table(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        table_id = str((body.get("tableReference") or {}).get("tableId") or "")
        name = table_name(request.match_info["project"], request.match_info["dataset"], table_id)
        schema = schema_from_resource(body.get("schema"))

        def create(transaction: Transaction) -> Table:
            columns = self._views.schema(transaction, name, body["view"]) if body.get("view") else schema
            return self._catalog.create_table(transaction, name, body, columns)

        return answer((await self._database.write(create)).resource(0))

    @route("GET", TABLES, "tables.list")
    async def list_tables(self, request: web.Request) -> web.Response:
        tables = self._catalog.tables(_dataset(request))
        return page(request, "tables", "bigquery#tableList", tables, Table.summary)

    @route("GET", f"{TABLES}/{{table}}", "tables.get")
    async def get_table(self, request: web.Request) -> web.Response:
        name = _table(request)
        result = self._jobs.result_of(name.dataset, name.table)
        if result is not None:
            return answer(_result_resource(name, result.schema, result.rows.num_rows))
        table = self._catalog.table(name)
        return answer(table.resource(await self._rows(table)))

    @route("PATCH", f"{TABLES}/{{table}}", "tables.patch")
    async def patch_table(self, request: web.Request) -> web.Response:
        return await self._change_table(request, whole=False)

    @route("PUT", f"{TABLES}/{{table}}", "tables.update")
    async def update_table(self, request: web.Request) -> web.Response:
        return await self._change_table(request, whole=True)

    @route("DELETE", f"{TABLES}/{{table}}", "tables.delete")
    async def delete_table(self, request: web.Request) -> web.Response:
        name = _table(request)
        await self._database.write(lambda tx: self._catalog.delete_table(tx, name))
        return web.Response(status=204)

    async def _change_dataset(self, request: web.Request, whole: bool) -> web.Response:
        name, body, etag = _dataset(request), await body_of(request), request.headers.get("If-Match")
        dataset = await self._database.write(lambda tx: self._catalog.update_dataset(tx, name, body, whole, etag))
        return answer(dataset.resource())

    async def _change_table(self, request: web.Request, whole: bool) -> web.Response:
        name, body, etag = _table(request), await body_of(request), request.headers.get("If-Match")

        def change(transaction: Transaction) -> Table:
            if body.get("view"):
                self._views.schema(transaction, name, body["view"])
            return self._catalog.update_table(transaction, name, body, whole, etag)

        table = await self._database.write(change)
        return answer(table.resource(await self._rows(table)))

    async def _rows(self, table: Table) -> int:
        if table.view_query or not table.schema:
            return 0
        count: int = await self._database.read(lambda cursor: cursor.execute(counting(table.storage)).fetchall()[0][0])
        return count


def _dataset(request: web.Request) -> DatasetName:
    return DatasetName(request.match_info["project"], request.match_info["dataset"])


def _table(request: web.Request) -> TableName:
    return TableName(request.match_info["project"], request.match_info["dataset"], request.match_info["table"])


def _dataset_summary(dataset: Dataset) -> dict[str, Any]:
    shown = ("kind", "id", "datasetReference", "labels", "friendlyName", "location")
    return {key: value for key, value in dataset.resource().items() if key in shown}


def _result_resource(name: TableName, schema: Any, rows: int) -> dict[str, Any]:
    return {
        "kind": "bigquery#table",
        "id": str(name),
        "tableReference": name.reference,
        "type": "TABLE",
        "schema": schema_resource(schema),
        "numRows": str(rows),
    }
