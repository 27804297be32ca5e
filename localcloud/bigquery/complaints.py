"""DuckDB's errors in the words BigQuery would use."""

import re
from collections.abc import Mapping

import duckdb

from localcloud.bigquery.entities import Table
from localcloud.bigquery.errors import invalid_query
from localcloud.rest import HttpError

_WORDS = (
    (r'Referenced column "(.+?)" not found', r"Unrecognized name: \1"),
    (r'Column "(.+?)" referenced that exists in the SELECT clause', r"Unrecognized name: \1"),
    (r'(?:Table|Values list) "(.+?)" does not have a column named "(.+?)"', r"Name \2 not found inside \1"),
    (r'Ambiguous reference to column name "(.+?)"', r"Column name \1 is ambiguous"),
    (
        r'column "(.+?)" must appear in the GROUP BY clause',
        r"SELECT list expression references column \1 which is neither grouped nor aggregated",
    ),
    (r"NOT NULL constraint failed: \w+\.(\w+)", r"Required field \1 cannot be null"),
    (
        r"MERGE INTO command cannot affect the same target row more than once",
        "UPDATE/MERGE must match at most one source row for each target row",
    ),
)
_KIND = re.compile(r"^(?:\w+ )+Error: ")


def query_error(error: duckdb.Error, tables: Mapping[str, Table]) -> HttpError:
    """`tables` are those of the query, by what DuckDB calls them."""
    message = str(error).splitlines()[0]
    for pattern, words in _WORDS:
        if match := re.search(pattern, message):
            return invalid_query(_renamed(match.expand(words), tables))
    return invalid_query(_renamed(_KIND.sub("", message), tables))


def _renamed(message: str, tables: Mapping[str, Table]) -> str:
    return re.sub(r"\bt\d+\b", lambda match: _name(match[0], tables), message)


def _name(word: str, tables: Mapping[str, Table]) -> str:
    return str(tables[word].name) if word in tables else word
