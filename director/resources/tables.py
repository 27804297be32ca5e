"""BigQuery tables."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from google.api_core.exceptions import NotFound
from google.cloud import bigquery

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
    Wanted,
    fixed,
    owner_in,
)
from director.provisioning.clients import Clients
from director.resources.columns import Column, Schema, from_specs, grown, grows, standard

ANEW = "use another name, or copy the rows into a new table"


@dataclass(frozen=True, slots=True)
class Partitioning:
    """By a column, or by time of arrival where the field is None. Without a type it is a kind we do not make."""

    type: str
    field: str | None

    def __str__(self) -> str:
        return f"{self.type} of {self.field or 'arrival'}"


@dataclass(frozen=True, slots=True)
class State:
    type: Annotated[str, fixed("use another name")] = "TABLE"
    partitioning: Annotated[Partitioning | None, fixed(ANEW)] = None
    schema: Annotated[Schema, grows] = ()
    partition_expiration: timedelta | None = None
    clustering_fields: tuple[str, ...] = ()
    expiration: timedelta | None = None
    description: str = ""
    labels: Labels = field(default_factory=dict)


_MASK = {
    "schema": "schema",
    "partition_expiration": "time_partitioning",
    "clustering_fields": "clustering_fields",
    "expiration": "expires",
    "description": "description",
    "labels": "labels",
}


def wanted(context: Context, spec: Table) -> Wanted[State]:
    partitioning = Partitioning(spec.time_partitioning_type or "DAY", spec.time_partitioning_field)
    state = State(
        partitioning=partitioning if spec.partitioned else None,
        schema=from_specs(spec.columns),
        partition_expiration=spec.time_partitioning_expiration,
        clustering_fields=spec.clustering_fields,
        expiration=spec.expiration,
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
        table = bigquery.Table(wanted.full_name, schema=_fields(state.schema))
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
    table.schema = _fields(schema)
    if state.partitioning:
        partitioning = bigquery.TimePartitioning(type_=state.partitioning.type, field=state.partitioning.field)
        # Said even where it is none: a patch leaves alone what it does not name.
        partitioning.expiration_ms = milliseconds(state.partition_expiration)
        table.time_partitioning = partitioning
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
        clustering_fields=tuple(found.clustering_fields or ()),
        expiration=_lifetime(found),
        description=found.description or "",
        labels=dict(found.labels),
    )


def _partitioning(found: Any) -> Partitioning | None:
    if found.range_partitioning:
        return Partitioning("RANGE", found.range_partitioning.field)
    by_time = found.time_partitioning
    return by_time and Partitioning(by_time.type_, by_time.field)


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


def _fields(schema: Schema) -> list[bigquery.SchemaField]:
    return [
        bigquery.SchemaField(
            column.name,
            column.type,
            mode=column.mode,
            fields=_fields(column.fields),
            **({"description": column.description} if column.description else {}),
        )
        for column in schema
    ]
