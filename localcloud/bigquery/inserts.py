"""tabledata.insertAll: which rows of a request go into a table.

A row whose insertId was seen a minute ago or less is taken for a repetition and not stored again; BigQuery promises no
more. https://cloud.google.com/bigquery/docs/streaming-data-into-bigquery
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from localcloud.bigquery import partitioning
from localcloud.bigquery.commits import Commits
from localcloud.bigquery.entities import Table
from localcloud.bigquery.errors import not_found
from localcloud.bigquery.literals import DAY, SECOND
from localcloud.bigquery.rows import RowError, Values, checked, columns
from localcloud.bigquery.streams import Append
from localcloud.clock import Clock

REMEMBERED = 60.0  # seconds
DAYS_PAST, DAYS_AHEAD = 3650, 366
STOPPED = RowError("", "", "stopped")

Errors = dict[int, RowError]


class Inserts:
    """Checks rows, drops repetitions, and stores the rest."""

    def __init__(self, commits: Commits, clock: Clock) -> None:
        self._commits = commits
        self._clock = clock
        self._seen: dict[tuple[int, str], float] = {}  # table and insertId, to when it was seen; oldest first

    async def insert(self, table: Table, rows: Sequence[Any], skip_invalid: bool, ignore_unknown: bool) -> Errors:
        """Why rows were not stored, by index. Without `skip_invalid` one bad row stops all others."""
        contents = [row.get("json") if isinstance(row, Mapping) else row for row in rows]
        good, errors = await asyncio.to_thread(self._checked, table, contents, ignore_unknown)
        if errors and not skip_invalid:
            return errors | dict.fromkeys(good, STOPPED)
        fresh = self._fresh(table, {index: _insert_id(rows[index]) for index in good})
        if fresh:
            await self._store(table, [good[index] for index in fresh], [_insert_id(rows[index]) for index in fresh])
        return errors

    async def _store(self, table: Table, rows: Sequence[Values], ids: Sequence[str | None]) -> None:
        arrow = await asyncio.to_thread(columns, table.schema, rows)
        try:
            await self._commits.submit(Append(table, None, None, arrow))
        except BaseException as error:
            for insert_id in ids:
                self._seen.pop((table.number, insert_id or ""), None)
            if isinstance(error, duckdb.CatalogException):  # the table went away meanwhile
                raise not_found(f"Table {table.name}") from error
            raise

    def _checked(self, table: Table, rows: Sequence[Any], ignore_unknown: bool) -> tuple[dict[int, Values], Errors]:
        values, errors = checked(table.schema, rows, ignore_unknown)
        places = (index for index in range(len(rows)) if index not in errors)
        good = dict(zip(places, values, strict=True))
        bounds = _Bounds.of(table, self._clock)
        outside = {index: error for index, row in good.items() if bounds and (error := bounds.error(row))}
        return {index: row for index, row in good.items() if index not in outside}, errors | outside

    def _fresh(self, table: Table, ids: Mapping[int, str | None]) -> list[int]:
        now = self._clock.monotonic()
        while self._seen and next(iter(self._seen.values())) < now - REMEMBERED:
            del self._seen[next(iter(self._seen))]
        fresh = []
        for index, insert_id in ids.items():
            key = (table.number, insert_id or "")
            if not insert_id or key not in self._seen:
                fresh.append(index)
            if insert_id and key not in self._seen:
                self._seen[key] = now
        return fresh


def _insert_id(row: Any) -> str | None:
    return str(row["insertId"]) if isinstance(row, Mapping) and row.get("insertId") else None


class _Bounds:
    """The range of times that may be streamed into a table partitioned by a column."""

    def __init__(self, table: Table, column: str, unit: int, now: float) -> None:
        self._table = table
        self._column = column
        today = int(now * SECOND) // DAY * DAY
        self._first = (today - DAYS_PAST * DAY) // unit
        self._last = (today + (DAYS_AHEAD + 1) * DAY) // unit - 1

    @classmethod
    def of(cls, table: Table, clock: Clock) -> "_Bounds | None":
        name = (partitioning.column(table.settings) or "").lower()
        for each in table.schema:
            if each.name.lower() == name:
                return cls(table, each.name, DAY if each.type == "DATE" else 1, clock.time())
        return None

    def error(self, row: Values) -> RowError | None:
        value = row[self._column]
        if value is None or self._first <= value <= self._last:
            return None
        message = (
            f"Value {value} for field {self._column} of the destination table {self._table.name} is outside the "
            f"allowed bounds. You can only stream to date range within {DAYS_PAST} days in the past and "
            f"{DAYS_AHEAD} days in the future relative to the current date."
        )
        return RowError(self._column, message)
