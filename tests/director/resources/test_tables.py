"""Tables, through Google's BigQuery client."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from google.api_core.exceptions import PreconditionFailed
from google.cloud import bigquery
from google.cloud.bigquery.schema import PolicyTagList

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
    assert (change(table, observed).action, observed.owner) == ("none", table.owner)
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
        require_partition_filter=True,
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


KEY = "projects/p/locations/eu/keyRings/r/cryptoKeys/k"


def test_a_table_partitioned_by_ranges_is_as_wanted_and_stays_so(tables: Tables, table: Wanted[State]) -> None:
    schema = (*table.state.schema, Column("number", "INT64"))
    ranges = Partitioning("RANGE", "number", (0, 100, 10))
    goal = replace(table, state=replace(table.state, schema=schema, partitioning=ranges, require_partition_filter=True))
    tables.create(goal)
    assert change(goal, tables.observe(goal)).reasons == ()
    other = replace(goal, state=replace(goal.state, partitioning=Partitioning("RANGE", "number", (0, 100, 20))))
    todo = change(other, tables.observe(other))
    assert todo.action == "refuse"
    assert "live RANGE of number from 0 to 100 by 10, wanted RANGE of number from 0 to 100 by 20" in todo.reasons[0]
    updated(tables, replace(goal, state=replace(goal.state, require_partition_filter=False)))


def test_a_primary_key_is_set_and_changed_and_left_alone_where_unsaid(tables: Tables, table: Wanted[State]) -> None:
    tables.create(table)
    for key in (("at",), ("at", "device")):
        updated(tables, replace(table, state=replace(table.state, primary_key=key)))
    updated(tables, replace(table, state=replace(table.state, description="Rows.")))
    observed = tables.observe(table)
    assert observed is not None
    assert observed.state.primary_key == ("at", "device")


def test_a_key_can_be_changed_for_another_and_is_for_new_tables_only(tables: Tables, table: Wanted[State]) -> None:
    keyed = replace(table, state=replace(table.state, kms_key=KEY))
    tables.create(keyed)
    assert change(keyed, tables.observe(keyed)).action == "none"
    updated(tables, replace(table, state=replace(table.state, kms_key=KEY + "2")))
    assert change(table, tables.observe(table)).action == "none"
    plain = replace(table, full_name=f"{table.full_name}_plain")
    tables.create(plain)
    todo = change(replace(plain, state=keyed.state), tables.observe(plain))
    assert todo.action == "refuse"
    assert "BigQuery gives keys to new tables only" in todo.reasons[0]


def test_a_key_of_the_dataset_is_no_drift(tables: Tables, table: Wanted[State], clients: Clients) -> None:
    dataset = clients.bigquery.get_dataset(table.full_name.rpartition(".")[0])
    dataset.default_encryption_configuration = bigquery.EncryptionConfiguration(kms_key_name=KEY)
    clients.bigquery.update_dataset(dataset, ["default_encryption_configuration"])
    tables.create(table)
    observed = tables.observe(table)
    assert observed is not None
    assert (observed.state.kms_key, change(table, observed).action) == (KEY, "none")


def test_a_version_of_a_key_is_that_key(tables: Tables, table: Wanted[State], clients: Clients) -> None:
    keyed = replace(table, state=replace(table.state, kms_key=KEY))
    tables.create(keyed)
    live = clients.bigquery.get_table(table.full_name)
    live.encryption_configuration = bigquery.EncryptionConfiguration(kms_key_name=f"{KEY}/cryptoKeyVersions/3")
    clients.bigquery.update_table(live, ["encryption_configuration"])
    assert change(keyed, tables.observe(keyed)).action == "none"


def test_what_no_document_says_of_a_column_survives_a_change_of_the_schema(
    tables: Tables, table: Wanted[State], clients: Clients
) -> None:
    tables.create(table)
    live = clients.bigquery.get_table(table.full_name)
    tags = PolicyTagList(["projects/p/locations/eu/taxonomies/1/policyTags/2"])
    at, device = live.schema
    tagged = bigquery.SchemaField(device.name, "STRING", policy_tags=tags, description="By hand.")
    live.schema = [at, tagged]
    clients.bigquery.update_table(live, ["schema"])
    updated(
        tables, replace(table, state=replace(table.state, schema=(*table.state.schema, Column("light", "FLOAT64"))))
    )
    device = clients.bigquery.get_table(table.full_name).schema[1]
    assert (device.policy_tags, device.description) == (tags, "")
