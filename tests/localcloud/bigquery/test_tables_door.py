# ruff: noqa: S608 - the names are our own
"""Datasets, tables and views over REST through Google's client."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import bigquery

from localcloud.cloud import LocalCloud
from localcloud.faults import Fault

Make = Callable[..., str]
Field = bigquery.SchemaField


def test_a_dataset_is_made_changed_listed_and_deleted(client: bigquery.Client) -> None:
    dataset = bigquery.Dataset(f"{client.project}.made")
    dataset.location, dataset.description, dataset.labels = "EU", "first", {"team": "iot"}
    made = client.create_dataset(dataset)
    assert (made.location, made.description, made.labels) == ("EU", "first", {"team": "iot"})
    with pytest.raises(exceptions.Conflict, match="Already Exists: Dataset"):
        client.create_dataset(dataset)
    made.description, made.default_table_expiration_ms = "second", 3_600_000
    made.labels = {"team": None, "env": "test"}
    changed = client.update_dataset(made, ["description", "labels", "default_table_expiration_ms"])
    assert (changed.description, changed.labels) == ("second", {"env": "test"})
    assert changed.etag != made.etag
    assert "made" in [item.dataset_id for item in client.list_datasets()]
    table = client.create_table(bigquery.Table(f"{client.project}.made.t", schema=[Field("a", "STRING")]))
    assert abs(table.expires - table.created - datetime.timedelta(hours=1)) < datetime.timedelta(seconds=5)
    with pytest.raises(exceptions.BadRequest, match="still in use"):
        client.delete_dataset("made")
    client.delete_dataset("made", delete_contents=True)
    with pytest.raises(exceptions.NotFound, match="Not found: Dataset"):
        client.get_dataset("made")


def test_a_change_with_an_old_etag_is_refused(client: bigquery.Client, dataset: str) -> None:
    old = client.get_dataset(dataset)
    fresh = client.get_dataset(dataset)
    fresh.description = "newer"
    client.update_dataset(fresh, ["description"])
    old.description = "older"
    with pytest.raises(exceptions.PreconditionFailed):
        client.update_dataset(old, ["description"])


def test_a_table_keeps_all_it_was_made_with(client: bigquery.Client, dataset: str) -> None:
    table = bigquery.Table(
        f"{client.project}.{dataset}.t",
        schema=[
            Field("id", "STRING", "REQUIRED", description="the id"),
            Field("day", "DATE"),
            Field("point", "RECORD", fields=[Field("x", "FLOAT"), Field("tags", "STRING", "REPEATED")]),
        ],
    )
    table.time_partitioning = bigquery.TimePartitioning("MONTH", field="day", expiration_ms=86_400_000)
    table.clustering_fields, table.labels, table.description = ["id"], {"a": "b"}, "things"
    table.friendly_name, table.require_partition_filter = "Things", True
    client.create_table(table)
    kept = client.get_table(table)
    assert kept.schema == table.schema
    assert kept.schema[0].description == "the id"
    for name in ("time_partitioning", "clustering_fields", "labels", "description", "friendly_name"):
        assert getattr(kept, name) == getattr(table, name)
    assert (kept.require_partition_filter, kept.table_type, kept.num_rows, kept.location) == (True, "TABLE", 0, "US")
    (listed,) = client.list_tables(dataset)
    assert (listed.table_id, listed.labels, listed.clustering_fields) == ("t", {"a": "b"}, ["id"])


def test_lists_come_in_pages(client: bigquery.Client, dataset: str, make_table: Make) -> None:
    names = [f"t{number}" for number in range(5)]
    for name in names:
        make_table("a STRING", name=name)
    pages = [[item.table_id for item in page] for page in client.list_tables(dataset, page_size=2).pages]
    assert pages == [["t0", "t1"], ["t2", "t3"], ["t4"]]


def test_columns_can_be_added_and_relaxed(client: bigquery.Client, make_table: Make, run: Any) -> None:
    name = make_table(
        Field("id", "STRING", "REQUIRED"), Field("r", "RECORD", "REPEATED", fields=[Field("x", "INTEGER")])
    )
    client.insert_rows_json(name, [{"id": "old", "r": [{"x": 1}]}], row_ids=[None])
    table = client.get_table(name)
    table.schema = [
        Field("id", "STRING", "NULLABLE"),
        Field("r", "RECORD", "REPEATED", fields=[Field("x", "INTEGER"), Field("y", "STRING")]),
        Field("n", "INTEGER", description="new"),
    ]
    assert client.update_table(table, ["schema"]).schema == table.schema
    client.insert_rows_json(name, [{"r": [{"x": 2, "y": "z"}], "n": 5}], row_ids=[None])
    assert run("SELECT id, r, n FROM t ORDER BY n") == [
        ("old", [{"x": 1, "y": None}], None),
        (None, [{"x": 2, "y": "z"}], 5),
    ]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ([Field("id", "STRING")], "Field n is missing in new schema"),
        ([Field("id", "INTEGER"), Field("n", "INTEGER")], "Field id has changed type from STRING to INTEGER"),
        (
            [Field("id", "STRING", "REQUIRED"), Field("n", "INTEGER")],
            "Field id has changed mode from NULLABLE to REQUIRED",
        ),
        ([Field("id", "STRING", "REPEATED"), Field("n", "INTEGER")], "Field id has changed mode"),
        (
            [Field("id", "STRING"), Field("n", "INTEGER"), Field("m", "STRING", "REQUIRED")],
            "Cannot add required fields to an existing schema",
        ),
    ],
)
def test_changes_that_break_a_schema_are_refused(
    client: bigquery.Client, make_table: Make, fields: list[Field], reason: str
) -> None:
    table = client.get_table(make_table("id STRING", "n INTEGER"))
    table.schema = fields
    with pytest.raises(exceptions.BadRequest, match=reason):
        client.update_table(table, ["schema"])
    assert len(client.get_table(table).schema) == 2


def test_partitioning_can_be_given_a_longer_life_but_no_other_column(client: bigquery.Client, make_table: Make) -> None:
    name = make_table("ts TIMESTAMP", "other TIMESTAMP", name="plain")
    table = bigquery.Table(name.replace("plain", "parted"), schema=client.get_table(name).schema)
    table.time_partitioning = bigquery.TimePartitioning("DAY", field="ts")
    table = client.create_table(table)
    table.time_partitioning = bigquery.TimePartitioning("DAY", field="ts", expiration_ms=1000)
    assert client.update_table(table, ["time_partitioning"]).time_partitioning.expiration_ms == 1000
    table.time_partitioning = bigquery.TimePartitioning("DAY", field="other")
    table.etag  # noqa: B018
    with pytest.raises((exceptions.BadRequest, exceptions.PreconditionFailed)):
        client.update_table(table, ["time_partitioning"])
    table = client.get_table(table)
    table.time_partitioning = bigquery.TimePartitioning("DAY", field="other")
    with pytest.raises(exceptions.BadRequest, match="Cannot change partitioning"):
        client.update_table(table, ["time_partitioning"])


@pytest.mark.parametrize(
    ("setting", "value", "reason"),
    [
        ("time_partitioning", bigquery.TimePartitioning("DAY", field="nope"), "cannot be found in the schema: nope"),
        ("time_partitioning", bigquery.TimePartitioning("DAY", field="id"), "must be one of TIMESTAMP"),
        ("time_partitioning", bigquery.TimePartitioning("HOUR", field="day"), "HOUR"),
        ("clustering_fields", ["nope"], "nope"),
        ("clustering_fields", ["f"], "cannot be clustered"),
        ("clustering_fields", ["id", "day", "ts", "n", "b"], "1 to 4"),
    ],
)
def test_impossible_partitioning_and_clustering_are_refused(
    client: bigquery.Client, dataset: str, setting: str, value: Any, reason: str
) -> None:
    columns = {"id": "STRING", "day": "DATE", "ts": "TIMESTAMP", "n": "INTEGER", "b": "BOOLEAN", "f": "FLOAT"}
    schema = [Field(name, kind) for name, kind in columns.items()]
    table = bigquery.Table(f"{client.project}.{dataset}.t", schema=schema)
    setattr(table, setting, value)
    with pytest.raises(exceptions.BadRequest, match=reason):
        client.create_table(table)


def test_a_view_is_checked_when_it_is_made(client: bigquery.Client, dataset: str, make_table: Make, run: Any) -> None:
    name = make_table("id STRING")
    view = bigquery.Table(f"{client.project}.{dataset}.v")
    view.view_query = f"SELECT id, LENGTH(id) AS n FROM `{name}`"
    made = client.create_table(view)
    assert (made.table_type, [f.name for f in made.schema]) == ("VIEW", ["id", "n"])
    assert client.get_table(view).view_query == view.view_query
    bad = bigquery.Table(f"{client.project}.{dataset}.w")
    bad.view_query = f"SELECT nope FROM `{name}`"
    with pytest.raises(exceptions.BadRequest, match="Unrecognized name: nope"):
        client.create_table(bad)
    with pytest.raises(exceptions.BadRequest, match="currently a VIEW"):
        client.insert_rows_json(view.reference, [{"id": "x"}], row_ids=["1"])


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ([Field("1st", "STRING")], "Invalid field name"),
        ([Field("a", "STRING"), Field("A", "STRING")], "Duplicate field name"),
        ([Field("a", "NOPE")], "not a valid value"),
        ([Field("a", "RECORD")], "no schema"),
    ],
)
def test_malformed_schemas_are_refused(client: bigquery.Client, dataset: str, schema: Any, reason: str) -> None:
    with pytest.raises(exceptions.BadRequest, match=reason):
        client.create_table(bigquery.Table(f"{client.project}.{dataset}.t", schema=schema))


def test_names_and_parents_are_checked(client: bigquery.Client, dataset: str) -> None:
    with pytest.raises(exceptions.BadRequest, match="Invalid dataset ID"):
        client.create_dataset("no-dashes")
    with pytest.raises(exceptions.NotFound, match="Not found: Dataset"):
        client.create_table(bigquery.Table(f"{client.project}.nowhere.t"))
    with pytest.raises(exceptions.NotFound, match="Not found: Table"):
        client.get_table(f"{client.project}.{dataset}.nowhere")
    client.delete_table(f"{client.project}.{dataset}.nowhere", not_found_ok=True)


def test_types_that_are_not_here_answer_so(client: bigquery.Client, dataset: str) -> None:
    table = bigquery.Table(f"{client.project}.{dataset}.t", schema=[Field("where", "GEOGRAPHY")])
    with pytest.raises(exceptions.MethodNotImplemented, match="GEOGRAPHY is not supported by localcloud"):
        client.create_table(table)


def test_calls_that_are_not_here_answer_so(client: bigquery.Client, dataset: str) -> None:
    with pytest.raises(exceptions.MethodNotImplemented, match="routines"):
        list(client.list_routines(dataset))
    with pytest.raises(exceptions.MethodNotImplemented, match="upload"):
        client.load_table_from_json([{"a": 1}], f"{dataset}.t")


def test_a_fault_strikes_by_method_and_the_client_tries_again(
    cloud: LocalCloud, client: bigquery.Client, dataset: str
) -> None:
    cloud.faults.add(Fault("bigquery.datasets.get", calls=1))
    assert client.get_dataset(dataset).dataset_id == dataset
    assert [decision.method for decision in cloud.faults.log][-1] == "bigquery.datasets.get"
    cloud.faults.add(Fault("bigquery.datasets.get", code="PERMISSION_DENIED", calls=1))
    with pytest.raises(exceptions.Forbidden):
        client.get_dataset(dataset)


def test_tables_take_the_key_of_their_dataset_and_views_none(client: bigquery.Client, dataset: str) -> None:
    keys = [f"projects/p/locations/eu/keyRings/r/cryptoKeys/{name}" for name in ("ours", "own")]
    live = client.get_dataset(dataset)
    live.default_encryption_configuration = bigquery.EncryptionConfiguration(kms_key_name=keys[0])
    client.update_dataset(live, ["default_encryption_configuration"])
    plain, own = (
        bigquery.Table(f"{client.project}.{dataset}.{name}", schema=[Field("a", "STRING")]) for name in ("plain", "own")
    )
    own.encryption_configuration = bigquery.EncryptionConfiguration(kms_key_name=keys[1])
    made = [client.create_table(table).encryption_configuration.kms_key_name for table in (plain, own)]
    assert made == keys
    view = bigquery.Table(f"{client.project}.{dataset}.v")
    view.view_query = f"SELECT a FROM `{client.project}.{dataset}.plain`"
    assert client.create_table(view).encryption_configuration is None
