"""Beam's own sink for the Storage Write API, for images that have Java: rows encoded as ever, written by Beam.

It is a transform of Beam's Java SDK. While the graph is built, Beam starts an expansion service, a jar that it fetches
from Maven Central, and workers need a Java container.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import apache_beam as beam
import orjson
from apache_beam.io.gcp.bigquery import BigQueryDisposition, WriteToBigQuery
from apache_beam.utils.timestamp import Timestamp

from beam_jobs.dead_letters import dead_letter
from beam_jobs.errors import CannotSucceed
from beam_jobs.messages import Edges
from beam_jobs.stages import Result, Stage
from beam_jobs.warehouse.config import Column, WarehouseConfig
from beam_jobs.warehouse.rows import RowEncoder
from beam_jobs.warehouse.transforms import STAGE, encoded
from bridge import envelope
from director.strict import DocumentError, Problem

APPEND_ROWS = "use method: append_rows, which needs no Java"
TRIGGERING_SECONDS = 5
# What Beam's Python SDK has no type for goes as text, which BigQuery reads.
_AS_TEXT = {"JSON": str, "DATE": str, "DATETIME": str, "TIME": str, "BIGNUMERIC": str}
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_TO_BEAM: dict[str, Callable[[Any], Any]] = {
    "TIMESTAMP": lambda micros: Timestamp(micros=micros),
    "NUMERIC": Decimal,
    "DATE": lambda days: date.fromordinal(days + _EPOCH_DAY).isoformat(),
}


def check_possible(edges: Edges) -> None:
    """Raises DocumentError where Beam's sink cannot be built here."""
    if not edges.unending:
        raise _refused("storage_write_api does not run on the embedded engine; give --runner=DataflowRunner")
    home = os.environ.get("JAVA_HOME")
    if not shutil.which("java") and not (home and (Path(home) / "bin/java").exists()):
        raise _refused("storage_write_api needs Java where the graph is built, and there is none; install a JRE")


class Encode:
    """A stage that gives rows instead of writing them."""

    def __init__(self, encoder: RowEncoder, subscription: str) -> None:
        self._encoder = encoder
        self._subscription = subscription

    def __call__(self, batch: Sequence[bytes]) -> Result:
        rows, _, dead = encoded(self._encoder, batch, self._subscription)
        return Result(done=len(rows), messages=rows, dead_letters=dead)


def open_encoder(config: WarehouseConfig) -> Stage:
    return Encode(RowEncoder(config.columns), config.subscription)


class WriteThroughBeam(beam.PTransform):
    """Batches of encoded rows into the table; gives dead letters made of what BigQuery refused: the row as JSON."""

    def __init__(self, config: WarehouseConfig) -> None:
        super().__init__()
        self._config = config

    def expand(self, batches: Any) -> Any:
        rows = batches | "As dicts" >> beam.ParDo(AsDictsFn(self._config.columns))
        try:
            written = rows | "Storage Write" >> _sink(self._config)
        except (RuntimeError, OSError, ValueError) as error:
            raise _refused(f"Beam cannot build its sink: {str(error).splitlines()[0]}") from error
        table = self._config.table
        return written.failed_rows_with_errors | beam.Map(_refused_row, table).with_output_types(bytes)


def _sink(config: WarehouseConfig) -> WriteToBigQuery:
    return WriteToBigQuery(
        table=config.table.replace(".", ":", 1),
        schema={"fields": [{"name": one.name, "type": one.type, "mode": one.mode} for one in config.columns]},
        method=WriteToBigQuery.Method.STORAGE_WRITE_API,
        create_disposition=BigQueryDisposition.CREATE_NEVER,
        triggering_frequency=TRIGGERING_SECONDS,
        type_overrides=_AS_TEXT,
    )


class AsDictsFn(beam.DoFn):
    """Batches of encoded rows as what Beam's sink takes, one by one."""

    def __init__(self, columns: tuple[Column, ...]) -> None:
        self._columns = columns

    def setup(self) -> None:
        self._row = RowEncoder(self._columns).row_class

    def process(self, batch: Sequence[bytes]) -> Any:
        for row in batch:
            yield as_dict(self._columns, self._row.FromString(row))


def as_dict(columns: Sequence[Column], row: Any) -> dict[str, Any]:
    """An encoded row in Python types of Beam's; null where the column has no value."""
    made: dict[str, Any] = {}
    for column in columns:
        convert = _TO_BEAM.get(column.type, _same)
        if column.mode == "REPEATED":
            made[column.name] = [convert(one) for one in getattr(row, column.name)]
        else:
            made[column.name] = convert(getattr(row, column.name)) if row.HasField(column.name) else None
    return made


def _same(value: Any) -> Any:
    return value


def _refused_row(failure: dict[str, Any], table: str) -> bytes:
    """Beam keeps no message beside its rows: the letter holds the row, and names no subscription to try it on again."""
    row = failure["failed_row"]
    block = envelope.data(orjson.dumps(row, default=str)) + envelope.attribute(envelope.ID, str(row.get("ce_id", "")))
    return dead_letter(block, STAGE, table, CannotSucceed(str(failure["error_message"]), "row_refused"))


def _refused(what: str) -> DocumentError:
    return DocumentError([Problem("configuration", 0, 0, "method", f"{what}, or {APPEND_ROWS}")])
