"""BigQuery in documents: datasets, tables and views."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from director.documents.regions import Location
from director.documents.specs.resource import Link, Resource
from director.names import ColumnName, DatasetName, Labels, TableName
from director.strict import Duration, Strict, between


class Dataset(Resource):
    """A BigQuery dataset; in the architecture's location unless it names its own."""

    name: DatasetName
    labels: Labels = Field(default_factory=dict)
    location: Location | None = None
    default_table_expiration: Annotated[Duration, between("1h", "3650d")] | None = None


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
        return self


def _distinct(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    if not columns:
        raise ValueError("is empty; add a column")
    names = [column.name.lower() for column in columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"columns named alike (BigQuery ignores case): {', '.join(twice)}; keep one of each")
    return columns


Columns = Annotated[tuple[Column, ...], Field(max_length=10_000), AfterValidator(_distinct)]


class Table(Resource):
    """A BigQuery table, by its schema; partitioned by a field, or by time of arrival where only a type is given."""

    name: TableName
    dataset: str
    labels: Labels = Field(default_factory=dict)
    columns: Columns = Field(alias="schema")
    time_partitioning_field: str | None = None
    time_partitioning_type: Literal["HOUR", "DAY", "MONTH", "YEAR"] | None = None
    time_partitioning_expiration: Annotated[Duration, between("1h", "3650d")] | None = None
    clustering_fields: Annotated[tuple[str, ...], Field(max_length=4)] = ()
    expiration: Annotated[Duration, between("1h", "3650d")] | None = None
    producers: tuple[Link, ...] = ()
    consumers: tuple[Link, ...] = ()

    @property
    def partitioned(self) -> bool:
        return bool(self.time_partitioning_field or self.time_partitioning_type)

    @model_validator(mode="after")
    def _fields_exist(self) -> Self:
        columns = {column.name: column for column in self.columns}
        field = self.time_partitioning_field
        if field is not None and (field not in columns or columns[field].type not in ("DATE", "DATETIME", "TIMESTAMP")):
            raise ValueError(f"time_partitioning_field: {field!r} is no DATE, DATETIME or TIMESTAMP column; name one")
        if self.time_partitioning_expiration and not self.partitioned:
            raise ValueError("time_partitioning_expiration: the table is not partitioned; add time_partitioning_field")
        for name in self.clustering_fields:
            if name not in columns or not _clusters(columns[name]):
                raise ValueError(f"clustering_fields: {name!r} is no column that BigQuery clusters by; name another")
        return self


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
