"""Views: checked when they are made, by describing their query."""

from collections.abc import Mapping
from typing import Any

import duckdb

from localcloud.bigquery.catalog import Catalog
from localcloud.bigquery.complaints import query_error
from localcloud.bigquery.database import Transaction
from localcloud.bigquery.dialect import statement
from localcloud.bigquery.errors import unsupported
from localcloud.bigquery.literals import now_micros, timestamp_text
from localcloud.bigquery.names import TableName
from localcloud.bigquery.resolution import Context, Resolution
from localcloud.bigquery.results import described
from localcloud.bigquery.schema import Schema
from localcloud.bigquery.sql import rendered
from localcloud.clock import Clock


class Views:
    """What the query of a view gives."""

    def __init__(self, catalog: Catalog, clock: Clock) -> None:
        self._catalog = catalog
        self._clock = clock

    def schema(self, transaction: Transaction, name: TableName, view: Mapping[str, Any]) -> Schema:
        """Raises HttpError if the query is none that could run."""
        if view.get("useLegacySql", True) is not False:
            raise unsupported(f"View {name}: legacy SQL")
        context = Context(name.project, None, timestamp_text(now_micros(self._clock.time())))
        resolution = Resolution(self._catalog, context)
        sql = rendered(resolution.translated(statement(str(view.get("query") or ""))))
        try:
            return described(transaction.connection, sql)
        except duckdb.Error as error:
            raise query_error(error, resolution.tables) from error
