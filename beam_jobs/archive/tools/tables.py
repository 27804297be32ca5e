"""The ids that a table of BigQuery has of a time."""

from typing import Any

from google.api_core.exceptions import GoogleAPICallError, NotFound
from google.cloud import bigquery

from beam_jobs.archive.reading.place import Span
from beam_jobs.archive.tools.verify import Held, hashed
from beam_jobs.errors import Misconfigured, RetryLater, signed_in
from director.endpoints import credentials


def ids(table: str, column: str, time_column: str, span: Span, payload_column: str | None = None) -> dict[str, Held]:
    """Rows by id, some 200 bytes of memory each. Raises Misconfigured, RetryLater."""
    with signed_in():
        client = bigquery.Client(table.split(".", maxsplit=1)[0], credentials=credentials("bigquery"))
    try:
        return _held(client.query_and_wait(_query(table, column, time_column, span, payload_column)))
    except NotFound as error:
        raise Misconfigured(f"{table}: {error.message}") from error
    except GoogleAPICallError as error:
        kind = Misconfigured if 400 <= (error.code or 500) < 500 else RetryLater
        raise kind(f"{table}: {error.message}; --column and --time-column name its columns") from error
    finally:
        client.close()


def _query(table: str, column: str, time_column: str, span: Span, payload: str | None) -> str:
    for name in (column, time_column, payload or column):
        if not name.isidentifier():
            raise Misconfigured(f"{name!r} is no name of a column")
    bounds = {">=": span.since, "<": span.until}
    tests = [f"`{time_column}` {sign} TIMESTAMP '{bound}'" for sign, bound in bounds.items() if bound]
    where = f" WHERE {' AND '.join(tests)}" if tests else ""
    values = f"`{column}` AS id" + (f", `{payload}` AS payload" if payload else "")
    return f"SELECT {values} FROM `{table}`{where}"  # noqa: S608 - names and times are checked


def _held(rows: Any) -> dict[str, Held]:
    found: dict[str, Held] = {}
    for row in rows:
        before = found.get(row["id"])
        payload = row.get("payload")
        digest = b"" if payload is None else hashed(payload if isinstance(payload, bytes) else payload.encode())
        found[row["id"]] = Held(before.times + 1 if before else 1, digest)
    return found
