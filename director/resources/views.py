"""BigQuery views."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from director import keys
from director.documents.loading import Blueprint
from director.documents.specs.bigquery import Deduplication, View
from director.keys import Key
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
    owner_in,
)
from director.provisioning.clients import Clients


def rewritten(live: str, wanted: str) -> Verdict | None:
    """Queries are too long for a plan; the live one stands in BigQuery's console."""
    return None if live == wanted else Verdict("update", "another query")


@dataclass(frozen=True, slots=True)
class State:
    type: Annotated[str, fixed("use another name")] = "VIEW"
    legacy_sql: Annotated[bool, fixed("delete the view and apply again: it holds no data")] = False
    query: Annotated[str, rewritten] = ""
    description: str = ""
    labels: Labels = field(default_factory=dict)


_MASK = {"query": "view_query", "description": "description", "labels": "labels"}


def wanted(context: Context, spec: View) -> Wanted[State]:
    query = spec.query or (deduplicated(context, spec.deduplicate) if spec.deduplicate else "")
    state = State(query=query, description=spec.description, labels=context.labels(spec.labels))
    key = keys.view(context.project, spec.dataset, spec.name)
    return Wanted(
        *key,
        state,
        context.owner,
        needs=(keys.dataset(context.project, spec.dataset), *(each for each in _named(context, query) if each != key)),
        services=context.services(spec),
    )


def deduplicated(context: Context, spec: Deduplication) -> str:
    """GoogleSQL for one row of each key; QUALIFY wants a WHERE beside it."""
    _, table = context.table(spec.table)
    direction = " DESC" if spec.keep == "last" else ""
    keyed = ", ".join(f"`{column}`" for column in spec.key)
    ordered = ", ".join(f"`{column}`{direction}" for column in spec.order_by)
    return (
        f"SELECT *\nFROM `{table}`\nWHERE TRUE\nQUALIFY ROW_NUMBER() OVER (PARTITION BY {keyed} ORDER BY {ordered}) = 1"
    )


def _named(context: Context, query: str) -> Iterator[Key]:
    """The tables and views of the dataflow that a query names: they have to be there first."""
    resources = context.architecture.dataflows[context.dataflow].resources
    for kind, specs in ((keys.table, resources.bigquery_tables), (keys.view, resources.bigquery_views)):
        for spec in specs:
            if keys.mentioned(query, spec.dataset, spec.name):
                yield kind(context.project, spec.dataset, spec.name)


def provider(clients: Clients, blueprint: Blueprint) -> Provider[State]:
    return Views(clients.bigquery)


class Views:
    """Views through Google's client; updates carry the etag of what was observed."""

    def __init__(self, client: bigquery.Client) -> None:
        self._client: Any = client  # its hints do not know that retry may be None

    def observe(self, wanted: Wanted[State]) -> Observed[State] | None:
        try:
            found = self._client.get_table(wanted.full_name, retry=None, timeout=CALL_TIMEOUT)
        except NotFound:
            return None
        state = State(
            type=found.table_type or "TABLE",
            legacy_sql=bool(found.view_query) and bool(found.view_use_legacy_sql),
            query=found.view_query or "",
            description=found.description or "",
            labels=dict(found.labels),
        )
        return Observed(state, owner_in(state.labels), found)

    def create(self, wanted: Wanted[State]) -> None:
        view = bigquery.Table(wanted.full_name)
        _fill(view, wanted.state)
        self._client.create_table(view, retry=None, timeout=CALL_TIMEOUT)

    def update(self, wanted: Wanted[State], observed: Observed[State], fields: frozenset[str]) -> None:
        _fill(observed.handle, wanted.state)
        mask = sorted(_MASK[field] for field in fields)
        self._client.update_table(observed.handle, mask, retry=None, timeout=CALL_TIMEOUT)

    def holding(self, wanted: Wanted[State], going: frozenset[str]) -> Holding | None:
        """None: rows are those of its tables."""
        return None

    def delete(self, wanted: Wanted[State], data: bool = False) -> None:
        self._client.delete_table(wanted.full_name, retry=None, timeout=CALL_TIMEOUT)


def _fill(view: Any, state: State) -> None:
    view.view_query = state.query  # with it the client says that this is no legacy SQL
    view.description = state.description or None
    view.labels = {**view.labels, **state.labels}
