"""References to projects, datasets and tables, and the paths that name them."""

import re
from dataclasses import dataclass
from typing import Any

from localcloud.bigquery.errors import invalid, unsupported

_DATASET_ID = re.compile(r"[A-Za-z0-9_]{1,1024}")
_TABLE_ID = re.compile(r"[\w \-]{1,1024}")
_STREAM = re.compile(r"projects/([^/]+)/datasets/([^/]+)/tables/([^/]+)/(?:streams/)?([^/]+)")
_TABLE = re.compile(r"projects/([^/]+)/datasets/([^/]+)/tables/([^/]+)")
DEFAULT_STREAM = "_default"


@dataclass(frozen=True, slots=True, order=True)
class DatasetName:
    project: str
    dataset: str

    def __str__(self) -> str:
        return f"{self.project}:{self.dataset}"

    @property
    def reference(self) -> dict[str, Any]:
        return {"projectId": self.project, "datasetId": self.dataset}


@dataclass(frozen=True, slots=True, order=True)
class TableName:
    project: str
    dataset: str
    table: str

    def __str__(self) -> str:
        return f"{self.project}:{self.dataset}.{self.table}"

    @property
    def parent(self) -> DatasetName:
        return DatasetName(self.project, self.dataset)

    @property
    def reference(self) -> dict[str, Any]:
        return {"projectId": self.project, "datasetId": self.dataset, "tableId": self.table}

    @property
    def path(self) -> str:
        return f"projects/{self.project}/datasets/{self.dataset}/tables/{self.table}"


def dataset_name(project: str, dataset: str) -> DatasetName:
    """Raises HttpError for an id BigQuery would not take for a new dataset."""
    if not _DATASET_ID.fullmatch(dataset):
        raise invalid(
            f'Invalid dataset ID "{dataset}". Dataset IDs must be alphanumeric (plus underscores) '
            "and must be at most 1024 characters long."
        )
    return DatasetName(project, dataset)


def table_name(project: str, dataset: str, table: str) -> TableName:
    """Raises HttpError for an id BigQuery would not take for a new table."""
    if "$" in table or "@" in table:
        raise unsupported(f"The table decorator in {table}")
    if not _TABLE_ID.fullmatch(table):
        raise invalid(
            f'Invalid table ID "{table}". Table IDs must be alphanumeric (plus underscores) '
            "and must be at most 1024 characters long."
        )
    return TableName(project, dataset, table)


def stream_table(path: str) -> tuple[TableName, str] | None:
    """Table and stream id of a write stream's name; None for a malformed one."""
    match = _STREAM.fullmatch(path)
    return (TableName(match[1], match[2], match[3]), match[4]) if match else None


def path_table(path: str) -> TableName | None:
    """The table of `projects/p/datasets/d/tables/t`; None for a malformed path."""
    match = _TABLE.fullmatch(path)
    return TableName(match[1], match[2], match[3]) if match else None
