"""The ids that a table of BigQuery has of a time."""

from typing import Any

from google.api_core.exceptions import GoogleAPICallError, NotFound, RetryError
from google.auth.exceptions import GoogleAuthError, TransportError
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_JOB_RETRY, DEFAULT_RETRY
from requests.exceptions import RequestException

from beam_jobs.archive.reading.place import Span
from beam_jobs.archive.tools.verify import Held, hashed
from beam_jobs.errors import Misconfigured, RetryLater, signed_in
from director.endpoints import credentials

PATIENCE = 120.0  # seconds that BigQuery may be away


def ids(
    table: str,
    column: str,
    time_column: str,
    span: Span,
    payload_column: str | None = None,
    patience: float = PATIENCE,
) -> dict[str | None, Held]:
    """Rows by id, some 200 bytes of memory each; None for those without. Raises Misconfigured, RetryLater."""
    query = _query(table, column, time_column, span, payload_column)
    retries = {"retry": DEFAULT_RETRY.with_timeout(patience), "job_retry": DEFAULT_JOB_RETRY.with_timeout(patience)}
    with signed_in():
        client = bigquery.Client(table.split(".", maxsplit=1)[0], credentials=credentials("bigquery"))
    try:
        rows = client.query_and_wait(query, **retries)
        _check(table, rows.schema, {"id": column, "payload": payload_column or ""})
        return _held(rows)
    except NotFound as error:
        raise Misconfigured(f"{table}: {error.message}") from error
    except GoogleAPICallError as error:
        kind = Misconfigured if 400 <= (error.code or 500) < 500 else RetryLater
        raise kind(f"{table}: {error.message}; --column and --time-column name its columns") from error
    except TransportError as error:
        raise RetryLater(f"{table}: {error}") from error
    except GoogleAuthError as error:
        raise Misconfigured(f"{table}: no usable credentials: {error}") from error
    except (RetryError, RequestException) as error:
        raise RetryLater(f"{table}: {error}") from error
    finally:
        client.close()


def _check(table: str, schema: Any, columns: dict[str, str]) -> None:
    for one in schema:
        fit = ("STRING", "BYTES") if one.name == "payload" else ("STRING",)
        if one.field_type not in fit or one.mode == "REPEATED":
            what = f"{columns[one.name]} is of type {one.field_type}"
            raise Misconfigured(f"{table}: {what}, and has to be {' or '.join(fit)}; name another column, or none")


def _query(table: str, column: str, time_column: str, span: Span, payload: str | None) -> str:
    for name in (column, time_column, payload or column):
        if not name.isidentifier():
            raise Misconfigured(f"{name!r} is no name of a column")
    bounds = {">=": span.since, "<": span.until}
    tests = [f"`{time_column}` {sign} TIMESTAMP '{bound}'" for sign, bound in bounds.items() if bound]
    where = f" WHERE {' AND '.join(tests)}" if tests else ""
    values = f"`{column}` AS id" + (f", `{payload}` AS payload" if payload else "")
    return f"SELECT {values} FROM `{table}`{where}"  # noqa: S608 - names and times are checked


def _held(rows: Any) -> dict[str | None, Held]:
    found: dict[str | None, Held] = {}
    for row in rows:
        before = found.get(row["id"])
        payload = row.get("payload")
        digest = b"" if payload is None else hashed(payload if isinstance(payload, bytes) else payload.encode())
        found[row["id"]] = Held(before.times + 1 if before else 1, digest)
    return found
