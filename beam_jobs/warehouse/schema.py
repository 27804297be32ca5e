"""Whether a table takes the rows of a mapping: its columns as BigQuery tells them, compared with the wanted ones.

The schema comes with the default stream (GetWriteStream, view FULL): no other service is asked, and of rights
bigquery.tables.get and bigquery.tables.updateData are enough, which BigQuery Data Editor has.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.cloud.bigquery_storage_v1 import types

from beam_jobs.errors import Misconfigured, of_status
from beam_jobs.warehouse.config import Column

GET_WRITE_STREAM = "/google.cloud.bigquery.storage.v1.BigQueryWrite/GetWriteStream"
CALL_SECONDS = 20.0
_STANDARD = {"DOUBLE": "FLOAT64"}
_Request: Any = type(types.GetWriteStreamRequest.pb(types.GetWriteStreamRequest()))
_Response: Any = type(types.WriteStream.pb(types.WriteStream()))


def default_stream(table: str) -> str:
    """The stream's name, of a table PROJECT.DATASET.TABLE."""
    project, dataset, name = table.split(".")
    return f"projects/{project}/datasets/{dataset}/tables/{name}/streams/_default"


@dataclass(frozen=True, slots=True)
class LiveColumn:
    """A column as the table has it."""

    name: str
    type: str
    mode: str

    def __str__(self) -> str:
        return f"{self.type} {self.mode}"


class TableSchema:
    """The live schema of one table, read when asked."""

    def __init__(self, channel: grpc.Channel, stream: str) -> None:
        self._stream = stream
        self._call = channel.unary_unary(GET_WRITE_STREAM, _Request.SerializeToString, _Response.FromString)

    def read(self) -> list[LiveColumn]:
        """Raises RetryLater or Misconfigured."""
        request = _Request(name=self._stream, view=types.WriteStreamView.FULL)
        metadata = (("x-goog-request-params", f"name={self._stream}"),)
        try:
            return live_columns(self._call(request, timeout=CALL_SECONDS, metadata=metadata).table_schema)
        except grpc.RpcError as error:
            raise of_status(
                error.code().name, f"reading the schema of {self._stream}", error.details() or ""
            ) from error


def live_columns(table_schema: Any) -> list[LiveColumn]:
    """Columns of a protobuf TableSchema."""
    return [LiveColumn(field.name, _type(field.type_), _mode(field.mode)) for field in table_schema.fields]


def check(table: str, columns: Sequence[Column], live: Sequence[LiveColumn]) -> None:
    """Raises Misconfigured with everything in which the table does not fit the columns."""
    problems = list(differences(columns, live))
    if problems:
        raise Misconfigured(f"{table}: {'; '.join(problems)}")


def differences(columns: Sequence[Column], live: Sequence[LiveColumn]) -> Iterator[str]:
    """What keeps rows of `columns` out of a table, and what to do about it; further columns that take null do not."""
    there = {column.name.lower(): column for column in live}
    for column in columns:
        wanted = f"column {column.name} {column.type} {column.mode}"
        found = there.pop(column.name.lower(), None)
        if found is None:
            yield f"{wanted} is wanted, but the table has none; let the director add it"
        elif found.type != column.type or (found.mode == "REPEATED") != (column.mode == "REPEATED"):
            yield f"{wanted} is wanted, but the table has {found}; change the mapping, or write to another column"
        elif found.mode == "REQUIRED" and column.mode != "REQUIRED":
            yield f"{wanted} is wanted, but the table has {found}; make it REQUIRED in the mapping, or relax the table"
    for extra in there.values():
        if extra.mode == "REQUIRED":
            yield f"column {extra.name} {extra} of the table is not in the mapping; add it, or relax the table"


def _type(number: int) -> str:
    name = str(types.TableFieldSchema.Type(number).name)
    return _STANDARD.get(name, name)


def _mode(number: int) -> str:
    name = str(types.TableFieldSchema.Mode(number).name)
    return "NULLABLE" if name == "MODE_UNSPECIFIED" else name
