"""Tables, through Google's BigQuery client."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from google.api_core.exceptions import PreconditionFailed

from director.documents.loading import Blueprint
from director.provisioning.base import Wanted
from director.provisioning.clients import Clients
from director.provisioning.plan import change
from director.resources.catalogue import wanted
from director.resources.columns import Column
from director.resources.datasets import Datasets
from director.resources.tables import Partitioning, State, Tables


@pytest.fixture
def tables(clients: Clients, blueprint: Blueprint) -> Tables:
    dataset = next(one for one in wanted(blueprint, "air") if one.kind == "bigquery_datasets")
    Datasets(clients.bigquery).create(dataset)
    return Tables(clients.bigquery)


@pytest.fixture
def table(blueprint: Blueprint) -> Wanted[State]:
    return next(one for one in wanted(blueprint, "air") if one.kind == "bigquery_tables")


def updated(tables: Tables, goal: Wanted[State]) -> None:
    observed = tables.observe(goal)
    todo = change(goal, observed)
    assert todo.action == "update"
    tables.update(goal, observed, todo.fields)  # type: ignore[arg-type]
    assert change(goal, tables.observe(goal)).reasons == ()


def test_a_created_table_is_as_wanted(tables: Tables, table: Wanted[State]) -> None:
    assert tables.observe(table) is None
    tables.create(table)
    observed = tables.observe(table)
    assert observed is not None
    assert (observed.state, observed.owner) == (table.state, table.owner)
    assert observed.state.partitioning == Partitioning("DAY", "at")
    assert observed.state.clustering_fields == ("device",)


def test_every_type_mode_and_depth_of_column_is_read_back(tables: Tables, table: Wanted[State]) -> None:
    names = ("STRING", "BYTES", "INT64", "FLOAT64", "NUMERIC", "BOOL", "TIMESTAMP", "DATE", "TIME", "DATETIME", "JSON")
    schema = (
        *table.state.schema,
        *(Column(f"c_{name.lower()}", name, description=f"A {name}.") for name in names),
        Column("many", "INT64", "REPEATED"),
        Column(
            "inner", "STRUCT", fields=(Column("x", "FLOAT64"), Column("deep", "STRUCT", fields=(Column("y", "BOOL"),)))
        ),
    )
    goal = replace(table, state=replace(table.state, schema=schema))
    tables.create(goal)
    assert change(goal, tables.observe(goal)).reasons == ()


def test_new_columns_are_added_and_rows_stay(tables: Tables, table: Wanted[State], clients: Clients) -> None:
    tables.create(table)
    live = clients.bigquery.get_table(table.full_name)
    assert clients.bigquery.insert_rows_json(live, [{"at": "2026-01-02T03:04:05Z", "device": "d-1"}]) == []
    schema = (Column("light", "FLOAT64", description="Lux."), *reversed(table.state.schema))
    updated(tables, replace(table, state=replace(table.state, schema=schema)))
    live = clients.bigquery.get_table(table.full_name)
    assert [field.name for field in live.schema] == ["at", "device", "light"]
    assert [row["device"] for row in clients.bigquery.list_rows(live)] == ["d-1"]


def test_a_required_column_may_be_relaxed(tables: Tables, table: Wanted[State]) -> None:
    tables.create(table)
    schema = (Column("at", "TIMESTAMP"), *table.state.schema[1:])
    updated(tables, replace(table, state=replace(table.state, schema=schema)))


def test_what_could_lose_data_is_refused(tables: Tables, table: Wanted[State]) -> None:
    tables.create(table)
    for schema in (table.state.schema[:1], (*table.state.schema[:1], Column("device", "INT64"))):
        goal = replace(table, state=replace(table.state, schema=schema))
        assert change(goal, tables.observe(goal)).action == "refuse"
    for partitioning in (None, Partitioning("HOUR", "at"), Partitioning("DAY", None)):
        goal = replace(table, state=replace(table.state, partitioning=partitioning))
        assert change(goal, tables.observe(goal)).action == "refuse"


def test_every_changeable_field_can_be_set_and_taken_back(tables: Tables, table: Wanted[State]) -> None:
    tables.create(table)
    state = replace(
        table.state,
        description="Rows.",
        expiration=timedelta(days=9),
        partition_expiration=timedelta(days=3),
        clustering_fields=(),
    )
    updated(tables, replace(table, state=state))
    updated(tables, table)


def test_an_expiration_counts_from_creation(tables: Tables, table: Wanted[State], clients: Clients) -> None:
    goal = replace(table, state=replace(table.state, expiration=timedelta(hours=5)))
    tables.create(goal)
    live = clients.bigquery.get_table(table.full_name)
    assert abs(live.expires - live.created - timedelta(hours=5)) < timedelta(seconds=30)
    assert change(goal, tables.observe(goal)).reasons == ()


def test_a_table_partitioned_by_arrival_is_as_wanted(tables: Tables, table: Wanted[State]) -> None:
    goal = replace(table, state=replace(table.state, partitioning=Partitioning("HOUR", None), clustering_fields=()))
    tables.create(goal)
    assert change(goal, tables.observe(goal)).reasons == ()


def test_an_update_that_crosses_another_is_not_made(tables: Tables, table: Wanted[State], clients: Clients) -> None:
    tables.create(table)
    observed = tables.observe(table)
    live = clients.bigquery.get_table(table.full_name)
    live.description = "Changed by hand."
    clients.bigquery.update_table(live, ["description"])
    with pytest.raises(PreconditionFailed):
        tables.update(table, observed, frozenset({"description"}))  # type: ignore[arg-type]


def test_a_deleted_table_is_gone(tables: Tables, table: Wanted[State]) -> None:
    tables.create(table)
    tables.delete(table)
    assert tables.observe(table) is None


def test_labels_of_others_survive_an_update(tables: Tables, table: Wanted[Any], clients: Clients) -> None:
    tables.create(table)
    live = clients.bigquery.get_table(table.full_name)
    live.labels = {**live.labels, "cost": "x", "team": "sea"}
    clients.bigquery.update_table(live, ["labels"])
    updated(tables, table)
    assert clients.bigquery.get_table(table.full_name).labels == {**table.state.labels, "cost": "x"}
