"""BigQuery in documents: datasets, tables and views."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from director.documents.regions import Location
from director.documents.specs.resource import Link, Resource
from director.names import ColumnName, DatasetName, KmsKey, Labels, TableName
from director.strict import Duration, Strict, between


class Dataset(Resource):
    """A BigQuery dataset; in the architecture's location unless it names its own.

    The key (of tables made from now on) and the time travel stay as they are where nothing is said.
    """

    name: DatasetName
    labels: Labels = Field(default_factory=dict)
    location: Location | None = None
    default_table_expiration: Annotated[Duration, between("1h", "3650d")] | None = None
    default_partition_expiration: Annotated[Duration, between("1h", "3650d")] | None = None
    default_kms_key_name: KmsKey | None = None
    max_time_travel_hours: Literal[48, 72, 96, 120, 144, 168] | None = None


ColumnType = Literal[
    "STRING", "BYTES", "INT64", "FLOAT64", "NUMERIC", "BIGNUMERIC", "BOOL", "TIMESTAMP", "DATE", "TIME", "DATETIME",
    "INTERVAL", "GEOGRAPHY", "JSON", "STRUCT",
]  # fmt: skip


class Column(Strict):
    """A column of a table; a STRUCT has `fields` of its own."""

    name: ColumnName
    type: ColumnType
    mode: Literal["NULLABLE", "REQUIRED", "REPEATED"] = "NULLABLE"
    description: Annotated[str, Field(max_length=1024)] = ""
    fields: tuple["Column", ...] = ()

    @model_validator(mode="after")
    def _fields_of_structs(self) -> Self:
        if (self.type == "STRUCT") != bool(self.fields):
            raise ValueError("a STRUCT, and nothing else, has fields; add them or change the type")
        if self.fields:
            _distinct(self.fields)
        return self


def _distinct(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    if not columns:
        raise ValueError("is empty; add a column")
    names = [column.name.lower() for column in columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"columns named alike (BigQuery ignores case): {', '.join(twice)}; keep one of each")
    return columns


MOST_PARTITIONS = 10_000  # of a table; cloud.google.com/bigquery/quotas
_NO_KEYS = ("STRUCT", "JSON", "GEOGRAPHY", "INTERVAL", "FLOAT64")
Columns = Annotated[tuple[Column, ...], Field(max_length=10_000), AfterValidator(_distinct)]


class Ranges(Strict):
    """Partitions of `interval` from `start` up to, and without, `end` of an INT64 column; the rest lies in one more."""

    field: str
    start: int
    end: int
    interval: Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def _some(self) -> Self:
        count = -(-(self.end - self.start) // self.interval)
        if not 1 <= count <= MOST_PARTITIONS:
            raise ValueError(
                f"makes {count} partitions; from 1 to {MOST_PARTITIONS:,} are allowed: change the interval"
            )
        return self


class Table(Resource):
    """A BigQuery table, by its schema; partitioned by a field, by time of arrival where only a type is given, or by
    ranges of numbers. Key and primary key stay as they are where nothing is said.
    """

    name: TableName
    dataset: str
    labels: Labels = Field(default_factory=dict)
    columns: Columns = Field(alias="schema")
    time_partitioning_field: str | None = None
    time_partitioning_type: Literal["HOUR", "DAY", "MONTH", "YEAR"] | None = None
    time_partitioning_expiration: Annotated[Duration, between("1h", "3650d")] | None = None
    range_partitioning: Ranges | None = None
    require_partition_filter: bool = False
    clustering_fields: Annotated[tuple[str, ...], Field(max_length=4)] = ()
    primary_key: Annotated[tuple[str, ...], Field(min_length=1, max_length=16)] | None = None
    expiration: Annotated[Duration, between("1h", "3650d")] | None = None
    kms_key_name: KmsKey | None = None
    producers: tuple[Link, ...] = ()
    consumers: tuple[Link, ...] = ()

    @property
    def partitioned(self) -> bool:
        return bool(self.time_partitioning_field or self.time_partitioning_type)

    @model_validator(mode="after")
    def _fields_exist(self) -> Self:
        columns = {column.name: column for column in self.columns}
        field = self.time_partitioning_field
        if field is not None and (field not in columns or not _partitions(columns[field])):
            raise ValueError(f"time_partitioning_field: {field!r} is no DATE, DATETIME or TIMESTAMP column; name one")
        if field is not None and columns[field].type == "DATE" and self.time_partitioning_type == "HOUR":
            advice = "write DAY, MONTH or YEAR, or name another column"
            raise ValueError(f"time_partitioning_type: a DATE has no hours; {advice}")
        if self.time_partitioning_expiration and not self.partitioned:
            raise ValueError("time_partitioning_expiration: the table is not partitioned; add time_partitioning_field")
        for name in self.clustering_fields:
            if name not in columns or not _clusters(columns[name]):
                raise ValueError(f"clustering_fields: {name!r} is no column that BigQuery clusters by; name another")
        if len(set(self.clustering_fields)) < len(self.clustering_fields):
            raise ValueError("clustering_fields: names a column twice; keep one")
        return self

    @model_validator(mode="after")
    def _ranges_fit(self) -> Self:
        ranges = self.range_partitioning
        if ranges is None:
            if self.require_partition_filter and not self.partitioned:
                raise ValueError("require_partition_filter: the table is not partitioned; remove it")
            return self
        if self.partitioned:
            raise ValueError("range_partitioning: the table is partitioned by time already; remove one of the two")
        found = next((column for column in self.columns if column.name == ranges.field), None)
        if found is None or found.type != "INT64" or found.mode == "REPEATED":
            raise ValueError(f"range_partitioning: {ranges.field!r} is no INT64 column; name one")
        return self

    @model_validator(mode="after")
    def _keys_exist(self) -> Self:
        columns = {column.name: column for column in self.columns}
        for name in self.primary_key or ():
            if name not in columns or columns[name].mode == "REPEATED" or columns[name].type in _NO_KEYS:
                raise ValueError(f"primary_key: {name!r} is no column that BigQuery takes as a key; name another")
        if self.primary_key and len(set(self.primary_key)) < len(self.primary_key):
            raise ValueError("primary_key: names a column twice; keep one")
        return self


def _partitions(column: Column) -> bool:
    return column.mode != "REPEATED" and column.type in ("DATE", "DATETIME", "TIMESTAMP")


def _clusters(column: Column) -> bool:
    return column.mode != "REPEATED" and column.type not in ("FLOAT64", "STRUCT", "JSON", "BYTES", "TIME", "INTERVAL")


class Deduplication(Strict):
    """One row of `table` for each `key`: the first by `order_by`, or the last."""

    table: str
    key: Annotated[tuple[ColumnName, ...], Field(min_length=1)]
    order_by: Annotated[tuple[ColumnName, ...], Field(min_length=1)]
    keep: Literal["first", "last"] = "first"


class View(Resource):
    """A BigQuery view: its `query`, in GoogleSQL with tables as `project.dataset.table`, or what makes one."""

    name: TableName
    dataset: str
    labels: Labels = Field(default_factory=dict)
    query: Annotated[str, Field(min_length=1, max_length=256 << 10)] | None = None
    deduplicate: Deduplication | None = None
    consumers: tuple[Link, ...] = ()

    @model_validator(mode="after")
    def _one_query(self) -> Self:
        if (self.query is None) == (self.deduplicate is None):
            raise ValueError("has a query or deduplicate, and not both; add one or remove one")
        return self
