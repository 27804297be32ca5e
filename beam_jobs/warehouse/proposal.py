"""A proposed mapping: columns with where they come from, written as YAML for a service's config and for a table."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from beam_jobs.warehouse.config import Column

_RESERVED = re.compile(r"_TABLE_|_FILE_|_PARTITION|_ROW_TIMESTAMP|__ROOT__|_COLIDENTIFIER", re.IGNORECASE)
LONGEST_NAME = 300


@dataclass(frozen=True, slots=True)
class Proposed:
    """A column at a JSON pointer, or of an attribute or part of the envelope; `comment` is for people."""

    name: str
    type: str
    mode: str = "NULLABLE"
    origin: tuple[str, str] = ("pointer", "")
    comment: str = ""

    def column(self) -> dict[str, str]:
        return {**self.definition(), self.origin[0]: self.origin[1]}

    def definition(self) -> dict[str, str]:
        mode = {} if self.mode == "NULLABLE" else {"mode": self.mode}
        return {"name": self.name, "type": self.type, **mode}


# What every table should have: what rows are told apart by, partitioned and clustered by, and the whole message.
ENVELOPE = (
    Proposed("ce_id", "STRING", "REQUIRED", ("attribute", "ce-id")),
    Proposed("device", "STRING", "NULLABLE", ("attribute", "ce-subject")),
    Proposed("event_time", "TIMESTAMP", "REQUIRED", ("attribute", "ce-time")),
    Proposed("attributes", "JSON", "NULLABLE", ("envelope", "attributes")),
    Proposed("payload", "JSON", "NULLABLE", ("envelope", "payload")),
    Proposed("written_at", "TIMESTAMP", "REQUIRED", ("envelope", "now")),
)


class Names:
    """Column names made of keys: what BigQuery takes, each once whatever its case."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = {name.lower() for name in taken}

    def of(self, parts: Sequence[str]) -> str:
        name = re.sub(r"[^A-Za-z0-9]+", "_", "_".join(parts)).strip("_") or "value"
        if name[0].isdigit() or _RESERVED.match(name):
            name = f"c_{name}"
        name, number = name[: LONGEST_NAME - 5], 1
        while self._numbered(name, number).lower() in self._taken:
            number += 1
        self._taken.add(self._numbered(name, number).lower())
        return self._numbered(name, number)

    def _numbered(self, name: str, number: int) -> str:
        return name if number == 1 else f"{name}_{number}"


def as_yaml(table: str, columns: Sequence[Proposed]) -> str:
    """The mapping, and the table's schema for the director's `bigquery_tables`."""
    mapping = [_item(one.column(), one.comment) for one in columns]
    return "\n".join(["# for the service's config", "columns:", *mapping, "", *table_yaml(table, columns)])


def table_yaml(table: str, columns: Sequence[Proposed]) -> list[str]:
    """Lines for `bigquery_tables`: partitioned by event time and clustered by device where there are such columns."""
    kinds = {one.name: one.type for one in columns}
    lines = ["# for the resources of the dataflow; add the dataset", "bigquery_tables:", f"  - name: {_scalar(table)}"]
    lines += ["    dataset: DATASET"]
    if kinds.get("event_time") == "TIMESTAMP":
        lines += ["    time_partitioning_field: event_time", "    time_partitioning_type: DAY"]
    if kinds.get("device") == "STRING":
        lines += ["    clustering_fields: [device]"]
    return [*lines, "    schema:", *(f"    {_item(one.definition(), '')}" for one in columns)]


def of_columns(columns: Sequence[Column]) -> list[Proposed]:
    """The columns of a mapping that is there already."""
    return [Proposed(one.name, one.type, one.mode) for one in columns]


def _item(entry: dict[str, str], comment: str) -> str:
    line = f"  - {_flow(entry)}"
    return f"{line}  # {comment}" if comment else line


def _flow(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=False).strip()


def _scalar(text: str) -> str:
    return _flow([text])[1:-1]
