"""Where export subscriptions write to, as Pub/Sub sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Why = Literal["NOT_FOUND", "PERMISSION_DENIED", "SCHEMA_MISMATCH"]  # as the states of an export subscription


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table, its type by BigQuery's older name (`INTEGER`, `RECORD`)."""

    name: str
    type: str
    fields: tuple["Column", ...] = ()


class Unwritable(Exception):
    """The destination takes nothing until somebody mends what `why` names."""

    def __init__(self, why: Why, message: str) -> None:
        super().__init__(message)
        self.why = why


class Unavailable(Exception):
    """The destination did not answer, or not well; it may have written all the same."""


class Tables(Protocol):
    """BigQuery. `table` is `project.dataset.table`; every call raises Unwritable or Unavailable."""

    async def columns(self, table: str) -> Sequence[Column]: ...

    async def insert(self, table: str, rows: Sequence[Mapping[str, Any]], drop_unknown: bool) -> Mapping[int, str]:
        """Why rows were not taken, by index; the others are stored."""


class Buckets(Protocol):
    """Cloud Storage. Every call raises Unwritable or Unavailable."""

    async def check(self, bucket: str) -> None: ...
    async def write(self, bucket: str, name: str, content: bytes, content_type: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Destinations:
    """What Pub/Sub is given to write to."""

    tables: Tables
    buckets: Buckets
