"""BigQuery tables."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from google.api_core.exceptions import NotFound
from google.cloud import bigquery
from google.cloud.bigquery.table import PrimaryKey, TableConstraints

from director import keys
from director.documents.loading import Blueprint
from director.documents.specs.bigquery import Table
from director.durations import milliseconds
from director.provisioning.base import (
    CALL_TIMEOUT,
    Context,
    Holding,
    Labels,
    Observed,
    Provider,
    Verdict,
    Wanted,
    fixed,
    mutable,
    owner_in,
)
from director.provisioning.clients import Clients
from director.resources.columns import Column, Schema, from_specs, grown, grows, standard
from director.resources.rules import where_said, without_version

ANEW = "use another name, or copy the rows into a new table"


@dataclass(frozen=True, slots=True)
class Partitioning:
    """By a column, or by time of arrival where the field is None; RANGE has start, end and interval."""

    type: str
    field: str | None
    range: tuple[int, int, int] | None = None

    def __str__(self) -> str:
        ranges = " from {} to {} by {}".format(*self.range) if self.range else ""
        return f"{self.type} of {self.field or 'arrival'}{ranges}"


def rekeyed(live: str | None, wanted: str | None) -> Verdict | None:
    """The rule for the key: BigQuery changes one for another, but encrypts nothing that lies there without one."""
    if wanted is None:
        return None
    if live is None:
        return Verdict("refuse", f"has none, wanted {wanted}: BigQuery gives keys to new tables only; {ANEW}")
    return mutable(live, wanted)


@dataclass(frozen=True, slots=True)
class State:
    type: Annotated[str, fixed("use another name")] = "TABLE"
    partitioning: Annotated[Partitioning | None, fixed(ANEW)] = None
    schema: Annotated[Schema, grows] = ()
    partition_expiration: timedelta | None = None
    require_partition_filter: bool = False
    clustering_fields: tuple[str, ...] = ()
    primary_key: Annotated[tuple[str, ...] | None, where_said] = None
    expiration: timedelta | None = None
    kms_key: Annotated[str | None, rekeyed] = None
    description: str = ""
    labels: Labels = field(default_factory=dict)


_MASK = {
    "schema": "schema",
    "partition_expiration": "time_partitioning",
    "require_partition_filter": "require_partition_filter",
    "clustering_fields": "clustering_fields",
    "primary_key": "table_constraints",
    "kms_key": "encryption_configuration",
    "expiration": "expires",
    "description": "description",
    "labels": "labels",
}


def wanted(context: Context, spec: Table) -> Wanted[State]:
    state = State(
        partitioning=_wanted_partitioning(spec),
        schema=from_specs(spec.columns),
        partition_expiration=spec.time_partitioning_expiration,
        require_partition_filter=spec.require_partition_filter,
        clustering_fields=spec.clustering_fields,
        primary_key=spec.primary_key,
        expiration=spec.expiration,
        kms_key=spec.kms_key_name,
        description=spec.description,
        labels=context.labels(spec.labels),
    )
    return Wanted(
        *keys.table(context.project, spec.dataset, spec.name),
        state,
        context.owner,
        needs=(keys.dataset(context.project, spec.dataset),),
        services=context.services(spec),
    )


def _wanted_partitioning(spec: Table) -> Partitioning | None:
    ranges = spec.range_partitioning
    if ranges:
        return Partitioning("RANGE", ranges.field, (ranges.start, ranges.end, ranges.interval))
    by_time = Partitioning(spec.time_partitioning_type or "DAY", spec.time_partitioning_field)
    return by_time if spec.partitioned else None


def provider(clients: Clients, blueprint: Blueprint) -> Provider[State]:
    return Tables(clients.bigquery)


class Tables:
    """Tables through Google's client; updates carry the etag of what was observed."""

    def __init__(self, client: bigquery.Client) -> None:
        self._client: Any = client  # its hints do not know that retry may be None

    def observe(self, wanted: Wanted[State]) -> Observed[State] | None:
        try:
            found = self._client.get_table(wanted.full_name, retry=None, timeout=CALL_TIMEOUT)
        except NotFound:
            return None
        state = _state(found)
        return Observed(state, owner_in(state.labels), found)

    def create(self, wanted: Wanted[State]) -> None:
        state = wanted.state
        table = bigquery.Table(wanted.full_name)
        _fill(table, state, state.schema, datetime.now(UTC))
        self._client.create_table(table, retry=None, timeout=CALL_TIMEOUT)

    def update(self, wanted: Wanted[State], observed: Observed[State], fields: frozenset[str]) -> None:
        table = observed.handle
        _fill(table, wanted.state, grown(observed.state.schema, wanted.state.schema), table.created)
        mask = sorted(_MASK[field] for field in fields)
        self._client.update_table(table, mask, retry=None, timeout=CALL_TIMEOUT)

    def holding(self, wanted: Wanted[State], going: frozenset[str]) -> Holding | None:
        """Rows, those on their way through the streaming buffer included."""
        found = self._client.get_table(wanted.full_name, retry=None, timeout=CALL_TIMEOUT)
        if found.num_rows or found.streaming_buffer:
            return Holding("rows")
        rows = self._client.list_rows(found, max_results=1, retry=None, timeout=CALL_TIMEOUT)
        return Holding("rows") if next(iter(rows), None) is not None else None

    def delete(self, wanted: Wanted[State], data: bool = False) -> None:
        self._client.delete_table(wanted.full_name, retry=None, timeout=CALL_TIMEOUT)


def _fill(table: Any, state: State, schema: Schema, created: datetime) -> None:
    table.schema = _fields(schema, table.schema)
    if state.partitioning and state.partitioning.range:
        table.range_partitioning = _ranges(state.partitioning)
    elif state.partitioning:
        partitioning = bigquery.TimePartitioning(type_=state.partitioning.type, field=state.partitioning.field)
        # Said even where it is none: a patch leaves alone what it does not name.
        partitioning.expiration_ms = milliseconds(state.partition_expiration)
        table.time_partitioning = partitioning
    if state.partitioning:
        table.require_partition_filter = state.require_partition_filter
    if state.primary_key:
        key = PrimaryKey(list(state.primary_key))
        table.table_constraints = TableConstraints(
            key, table.table_constraints and table.table_constraints.foreign_keys
        )
    if state.kms_key:
        table.encryption_configuration = bigquery.EncryptionConfiguration(kms_key_name=state.kms_key)
    table.clustering_fields = list(state.clustering_fields) or None
    table.expires = created + state.expiration if state.expiration else None
    table.description = state.description or None
    table.labels = {**table.labels, **state.labels}


def _state(found: Any) -> State:
    partitioning = found.time_partitioning
    lasting = partitioning and partitioning.expiration_ms
    return State(
        type=found.table_type or "TABLE",
        partitioning=_partitioning(found),
        schema=_columns(found.schema),
        partition_expiration=timedelta(milliseconds=int(lasting)) if lasting else None,
        require_partition_filter=bool(found.require_partition_filter),
        clustering_fields=tuple(found.clustering_fields or ()),
        primary_key=_primary_key(found.table_constraints),
        expiration=_lifetime(found),
        kms_key=found.encryption_configuration and without_version(found.encryption_configuration.kms_key_name),
        description=found.description or "",
        labels=dict(found.labels),
    )


def _partitioning(found: Any) -> Partitioning | None:
    if found.range_partitioning:
        ranges = found.range_partitioning.range_
        return Partitioning("RANGE", found.range_partitioning.field, (ranges.start, ranges.end, ranges.interval))
    by_time = found.time_partitioning
    return by_time and Partitioning(by_time.type_, by_time.field)


def _ranges(partitioning: Partitioning) -> Any:
    start, end, interval = partitioning.range or (0, 0, 0)
    ranges = bigquery.PartitionRange(start=start, end=end, interval=interval)
    return bigquery.RangePartitioning(range_=ranges, field=partitioning.field)


def _primary_key(constraints: Any) -> tuple[str, ...]:
    return tuple(constraints.primary_key.columns) if constraints and constraints.primary_key else ()


def _lifetime(found: Any) -> timedelta | None:
    """From creation to expiry in whole minutes: BigQuery keeps the moment of expiry, and its clock is not ours."""
    if found.expires is None:
        return None
    return timedelta(minutes=round((found.expires - found.created) / timedelta(minutes=1)))


def _columns(fields: Any) -> Schema:
    return tuple(
        Column(
            field.name,
            standard(field.field_type),
            field.mode or "NULLABLE",
            field.description or "",
            _columns(field.fields),
        )
        for field in fields
    )


def _fields(schema: Schema, live: Iterable[bigquery.SchemaField] = ()) -> list[bigquery.SchemaField]:
    """As columns are in documents; what no document says of one, such as policy tags or a default, stays as it is."""
    there = {field.name.lower(): field for field in live}
    return [_field(column, there.get(column.name.lower())) for column in schema]


def _field(column: Column, live: bigquery.SchemaField | None) -> bigquery.SchemaField:
    kept = live.to_api_repr() if live else {}
    said: dict[str, Any] = {"name": column.name, "type": column.type, "mode": column.mode}
    if column.description or kept.get("description"):
        said["description"] = column.description
    if column.fields:
        said["fields"] = [each.to_api_repr() for each in _fields(column.fields, live.fields if live else ())]
    return bigquery.SchemaField.from_api_repr({**kept, **said})
