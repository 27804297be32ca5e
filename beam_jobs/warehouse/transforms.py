"""The writing of a batch: rows encoded, appended in a few requests, and what cannot be a row made dead letters."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from beam_jobs.dead_letters import dead_letter
from beam_jobs.errors import CannotSucceed
from beam_jobs.stages import Result, Stage
from beam_jobs.warehouse.config import WarehouseConfig
from beam_jobs.warehouse.rows import RowEncoder
from beam_jobs.warehouse.storage_write import TableWriter
from director.endpoints import channel

STAGE = "warehouse"


class Table(Protocol):
    """Takes encoded rows; gives the indexes of those it refuses, and why."""

    def append(self, rows: Sequence[bytes]) -> dict[int, str]: ...


class RowWriter:
    """Messages as rows of a table. A bad row never holds up the others."""

    def __init__(self, encoder: RowEncoder, table: Table, subscription: str) -> None:
        self._encoder = encoder
        self._table = table
        self._subscription = subscription

    def __call__(self, batch: Sequence[bytes]) -> Result:
        rows, sources, dead = encoded(self._encoder, batch, self._subscription)
        refused = self._table.append(rows) if rows else {}
        for index, reason in refused.items():
            error = CannotSucceed(reason, "row_refused")
            dead.append(dead_letter(sources[index], STAGE, self._subscription, error))
        return Result(done=len(rows) - len(refused), dead_letters=dead)


def encoded(
    encoder: RowEncoder, batch: Sequence[bytes], subscription: str
) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """The rows of a batch, the message of each, and dead letters of the messages that make none."""
    now = datetime.now(UTC)
    rows: list[bytes] = []
    sources: list[bytes] = []
    dead: list[bytes] = []
    for raw in batch:
        try:
            rows.append(encoder.encode(raw, now))
            sources.append(raw)
        except CannotSucceed as error:
            dead.append(dead_letter(raw, STAGE, subscription, error))
    return rows, sources, dead


def open_row_writer(config: WarehouseConfig) -> Stage:
    encoder = RowEncoder(config.columns)
    table = TableWriter(
        channel("bigquerystorage"), config.table, config.columns, encoder.descriptor, config.on_schema_change
    )
    return RowWriter(encoder, table, config.subscription)
