"""Running one query: read, change or define, and into a table when one is asked for."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb

from localcloud.bigquery import parameters
from localcloud.bigquery.catalog import Catalog
from localcloud.bigquery.complaints import query_error
from localcloud.bigquery.database import Database, Transaction
from localcloud.bigquery.definitions import Definitions
from localcloud.bigquery.errors import duplicate, invalid, not_found, unsupported
from localcloud.bigquery.literals import now_micros, timestamp_text
from localcloud.bigquery.names import DatasetName, TableName, table_name
from localcloud.bigquery.resolution import Context
from localcloud.bigquery.results import Result, counting, described, selected
from localcloud.bigquery.schema import Schema, schema_resource
from localcloud.bigquery.statements import Change, Definition, Plan, Selection, planned
from localcloud.clock import Clock

_NOT_HERE = ("tableDefinitions", "userDefinedFunctionResources", "schemaUpdateOptions", "connectionProperties",
             "rangePartitioning", "continuous", "writeIncrementalResults")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Destination:
    """A table that takes the result of a query."""

    name: TableName
    create: bool
    write: str  # WRITE_EMPTY, WRITE_APPEND or WRITE_TRUNCATE
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for, checked."""

    sql: str
    project: str
    default_dataset: DatasetName | None
    parameters: Mapping[str, Any]
    destination: Destination | None

    @classmethod
    def of(cls, project: str, configuration: Mapping[str, Any]) -> "Request":
        """From a job's configuration. Raises HttpError for what is malformed or not supported."""
        query = _query(configuration)
        if query.get("useLegacySql", True) is not False and query.get("useLegacySql") != "false":
            raise unsupported("Legacy SQL")
        for key in _NOT_HERE:
            if query.get(key):
                raise unsupported(f"The query option {key}")
        if not query.get("query"):
            raise invalid("Required parameter is missing: query")
        default = query.get("defaultDataset")
        dataset = DatasetName(default.get("projectId") or project, default["datasetId"]) if default else None
        trees = parameters.expressions(query.get("queryParameters") or ())
        return cls(query["query"], project, dataset, trees, _destination(query))


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a query that has one, and the statistics of any."""

    result: Result | None
    facts: Mapping[str, Any]

    def statistics(self) -> dict[str, Any]:
        return {"totalBytesProcessed": "0", "cacheHit": False, **self.facts}


Record = Callable[[Transaction, Answer], None]


class Queries:
    """Runs requests against one database."""

    def __init__(self, database: Database, catalog: Catalog, clock: Clock) -> None:
        self._database = database
        self._catalog = catalog
        self._clock = clock
        self._definitions = Definitions(catalog)

    async def run(self, request: Request, record: Record) -> Answer:
        """`record` is called within the transaction of a request that changes something. Raises HttpError."""
        plan = await self._database.read(lambda _: self._plan(request))
        if isinstance(plan, Selection) and request.destination is None:
            return await self._database.read(lambda cursor: self._select(cursor, plan))
        return await self._database.write(lambda transaction: self._change(transaction, plan, request, record))

    async def dry_run(self, request: Request) -> Answer:
        """What the query would be: its schema and kind. Raises HttpError for one that could not run."""
        plan = await self._database.read(lambda _: self._plan(request))
        return await self._database.read(lambda cursor: _explained(cursor, plan))

    def _plan(self, request: Request) -> Plan:
        now = timestamp_text(now_micros(self._clock.time()))
        context = Context(request.project, request.default_dataset, now, request.parameters)
        return planned(self._catalog, request.sql, context, self._definitions.planned)

    def _select(self, cursor: duckdb.DuckDBPyConnection, plan: Selection) -> Answer:
        with _query_errors(plan):
            return Answer(selected(cursor, plan.sql), _facts(plan))

    def _change(self, transaction: Transaction, plan: Plan, request: Request, record: Record) -> Answer:
        with _query_errors(plan):
            answer = self._changed(transaction, plan, request.destination)
        record(transaction, answer)
        return answer

    def _changed(self, transaction: Transaction, plan: Plan, destination: Destination | None) -> Answer:
        if isinstance(plan, Change):
            counts = plan.run(transaction)
            self._catalog.touch(transaction, plan.table)
            stats = {
                "insertedRowCount": str(counts.inserted),
                "updatedRowCount": str(counts.updated),
                "deletedRowCount": str(counts.deleted),
            }
            return Answer(None, {**_facts(plan), "numDmlAffectedRows": str(counts.total), "dmlStats": stats})
        if isinstance(plan, Definition):
            outcome = plan.run(transaction)
            target = "ddlTargetTable" if isinstance(outcome.target, TableName) else "ddlTargetDataset"
            facts = {"ddlOperationPerformed": outcome.operation, target: outcome.target.reference}
            return Answer(None, {**_facts(plan), **facts})
        result = selected(transaction.connection, plan.sql)
        if destination is not None:
            self._store(transaction, destination, result)
        return Answer(result, _facts(plan))

    def _store(self, transaction: Transaction, destination: Destination, result: Result) -> None:
        existing = self._catalog.find(destination.name)
        if existing is None and not destination.create:
            raise not_found(f"Table {destination.name}")
        if existing is None or destination.write == "WRITE_TRUNCATE":
            table = self._catalog.create_table(
                transaction, destination.name, destination.settings, result.schema, anew=True
            )
        else:
            table = existing
            count = transaction.execute(counting(table.storage))[0][0]
            if count and destination.write == "WRITE_EMPTY":
                raise duplicate(f"Table {destination.name}")
            _check_same(destination.name, table.schema, result.schema)
        transaction.insert(table.storage, result.rows)


@contextmanager
def _query_errors(plan: Plan) -> Iterator[None]:
    """Turns DuckDB's errors into BigQuery's."""
    try:
        yield
    except duckdb.Error as error:
        raise query_error(error, plan.resolution.tables) from error


def _query(configuration: Mapping[str, Any]) -> Mapping[str, Any]:
    for kind in ("load", "copy", "extract"):
        if kind in configuration:
            raise unsupported(f"A {kind} job")
    if "query" not in configuration:
        raise invalid("Required parameter is missing: configuration.query")
    query: Mapping[str, Any] = configuration["query"]
    return query


def _destination(query: Mapping[str, Any]) -> Destination | None:
    table = query.get("destinationTable")
    if not table:
        return None
    name = table_name(table["projectId"], table["datasetId"], table["tableId"])
    settings = {key: query[key] for key in ("timePartitioning", "clustering") if query.get(key)}
    create = query.get("createDisposition", "CREATE_IF_NEEDED") == "CREATE_IF_NEEDED"
    return Destination(name, create, query.get("writeDisposition") or "WRITE_EMPTY", settings)


def _check_same(name: TableName, wanted: Schema, given: Schema) -> None:
    by_name = {each.name.lower(): each for each in wanted}
    for each in given:
        other = by_name.get(each.name.lower())
        if other is None or (other.type, other.repeated) != (each.type, each.repeated):
            raise invalid(f"Provided Schema does not match Table {name}. Field {each.name} does not fit")


def _facts(plan: Plan) -> dict[str, Any]:
    return {
        "statementType": plan.kind,
        "referencedTables": [name.reference for name in plan.resolution.referenced],
    }


def _explained(cursor: duckdb.DuckDBPyConnection, plan: Plan) -> Answer:
    with _query_errors(plan):
        if isinstance(plan, Selection):
            return Answer(None, {**_facts(plan), "schema": schema_resource(described(cursor, plan.sql))})
        if isinstance(plan, Change):
            cursor.execute(f"EXPLAIN {plan.check}").fetchall()
        return Answer(None, _facts(plan))
