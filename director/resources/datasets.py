"""BigQuery datasets."""

from dataclasses import dataclass, field
from typing import Annotated, Any

from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from director import keys
from director.documents.loading import Blueprint
from director.documents.specs.bigquery import Dataset
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
from director.resources.rules import where_said, without_version

ANEW = "use another name, or move the data and delete the dataset"


@dataclass(frozen=True, slots=True)
class State:
    """Fields are named as the client's properties, so that they are its update mask."""

    location: Annotated[str, fixed(ANEW)]
    description: str = ""
    default_table_expiration_ms: int | None = None
    default_partition_expiration_ms: int | None = None
    default_encryption_configuration: Annotated[str | None, where_said] = None
    max_time_travel_hours: Annotated[int | None, where_said] = None
    labels: Labels = field(default_factory=dict)


def wanted(context: Context, spec: Dataset) -> Wanted[State]:
    state = State(
        location=spec.location or context.architecture.location,
        description=spec.description,
        default_table_expiration_ms=milliseconds(spec.default_table_expiration),
        default_partition_expiration_ms=milliseconds(spec.default_partition_expiration),
        default_encryption_configuration=spec.default_kms_key_name,
        max_time_travel_hours=spec.max_time_travel_hours,
        labels=context.labels(spec.labels),
    )
    key = keys.dataset(context.project, spec.name)
    return Wanted(*key, state, context.owner, services=context.services(spec))


def provider(clients: Clients, blueprint: Blueprint) -> Provider[State]:
    return Datasets(clients.bigquery)


class Datasets:
    """Datasets through Google's client; updates carry the etag of what was observed."""

    def __init__(self, client: bigquery.Client) -> None:
        self._client: Any = client  # its hints do not know that retry may be None

    def observe(self, wanted: Wanted[State]) -> Observed[State] | None:
        try:
            found = self._client.get_dataset(wanted.full_name, retry=None, timeout=CALL_TIMEOUT)
        except NotFound:
            return None
        state = State(
            location=found.location or "",
            description=found.description or "",
            default_table_expiration_ms=found.default_table_expiration_ms,
            default_partition_expiration_ms=found.default_partition_expiration_ms,
            default_encryption_configuration=_key(found.default_encryption_configuration),
            max_time_travel_hours=int(found.max_time_travel_hours) if found.max_time_travel_hours else None,
            labels=dict(found.labels),
        )
        return Observed(state, owner_in(state.labels), found)

    def create(self, wanted: Wanted[State]) -> None:
        dataset = bigquery.Dataset(wanted.full_name)
        dataset.location = wanted.state.location
        _fill(dataset, wanted.state)
        self._client.create_dataset(dataset, retry=None, timeout=CALL_TIMEOUT)

    def update(self, wanted: Wanted[State], observed: Observed[State], fields: frozenset[str]) -> None:
        _fill(observed.handle, wanted.state)
        self._client.update_dataset(observed.handle, sorted(fields), retry=None, timeout=CALL_TIMEOUT)

    def holding(self, wanted: Wanted[State], going: frozenset[str]) -> Holding | None:
        """Tables and views that this dataflow does not delete."""
        tables = self._client.list_tables(wanted.full_name, retry=None, timeout=CALL_TIMEOUT)
        names = (f"{table.project}.{table.dataset_id}.{table.table_id}" for table in tables)
        staying = sorted(name for name in names if name not in going)
        return Holding(f"{', '.join(staying[:3])}{', ...' if staying[3:] else ''}", others=True) if staying else None

    def delete(self, wanted: Wanted[State], data: bool = False) -> None:
        """Refused by BigQuery while there are tables in it."""
        self._client.delete_dataset(wanted.full_name, retry=None, timeout=CALL_TIMEOUT)


def _fill(dataset: Any, state: State) -> None:
    dataset.description = state.description or None
    dataset.default_table_expiration_ms = state.default_table_expiration_ms
    dataset.default_partition_expiration_ms = state.default_partition_expiration_ms
    if state.default_encryption_configuration:
        key = bigquery.EncryptionConfiguration(kms_key_name=state.default_encryption_configuration)
        dataset.default_encryption_configuration = key
    if state.max_time_travel_hours:
        dataset.max_time_travel_hours = state.max_time_travel_hours
    dataset.labels = {**dataset.labels, **state.labels}


def _key(found: Any) -> str | None:
    return without_version(found.kms_key_name) if found else None
