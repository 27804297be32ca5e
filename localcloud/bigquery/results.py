"""What DuckDB answers, with BigQuery's types."""

from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from localcloud.bigquery.errors import invalid_query
from localcloud.bigquery.schema import Schema, column_type, quoted, result_schema


@dataclass(frozen=True, slots=True)
class Result:
    schema: Schema
    rows: pa.Table


def described(connection: duckdb.DuckDBPyConnection, sql: str) -> Schema:
    """The columns of a query, without running it. Raises duckdb.Error, or HttpError for what has no type here."""
    return _schema(connection.sql(sql))


def selected(connection: duckdb.DuckDBPyConnection, sql: str) -> Result:
    """The answer to a query. Raises as `described` does."""
    schema = described(connection, sql)
    return Result(schema, connection.sql(normal(sql, schema)).to_arrow_table())


def counting(storage: str) -> str:
    """A query for the number of rows."""
    return f"SELECT count(*) FROM {quoted(storage)}"  # noqa: S608 - the name is a number of ours


def normal(sql: str, schema: Schema) -> str:
    """The query with its columns in the types that the schema has in DuckDB: HUGEINT as BIGINT, and so on."""
    columns = ", ".join(f"CAST({quoted(each.name)} AS {column_type(each)}) AS {quoted(each.name)}" for each in schema)
    return f"SELECT {columns} FROM ({sql}) AS result"  # noqa: S608 - translated from a tree, and read-only


def _schema(relation: Any) -> Schema:
    names = [str(name) for name in relation.columns]
    folded = [name.lower() for name in names]
    twice = sorted({name for name in names if folded.count(name.lower()) > 1})
    if twice:
        raise invalid_query(
            f"Duplicate column names in the result are not supported. Found duplicate(s): {', '.join(twice)}"
        )
    return result_schema(names, relation.types)
