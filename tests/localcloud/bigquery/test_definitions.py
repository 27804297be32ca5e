"""DDL through Google's client, and how the tables it makes look over REST."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import bigquery

Run = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def look(client: bigquery.Client, dataset: str) -> Callable[[str], bigquery.Table]:
    return lambda name: client.get_table(f"{client.project}.{dataset}.{name}")


def test_a_table_with_columns_partitioning_and_options(run: Run, look: Any) -> None:
    run(
        """CREATE TABLE t (id STRING(36) NOT NULL OPTIONS (description = 'the id'), ts TIMESTAMP, price NUMERIC(10, 2),
        tags ARRAY<STRING>, points ARRAY<STRUCT<x FLOAT64, label STRING NOT NULL>>)
        PARTITION BY DATE(ts) CLUSTER BY id, ts
        OPTIONS (description = 'readings', labels = [('team', 'iot')], partition_expiration_days = 2,
        require_partition_filter = TRUE)"""
    )
    table = look("t")
    assert [(f.name, f.field_type, f.mode, f.max_length) for f in table.schema[:4]] == [
        ("id", "STRING", "REQUIRED", 36),
        ("ts", "TIMESTAMP", "NULLABLE", None),
        ("price", "NUMERIC", "NULLABLE", None),
        ("tags", "STRING", "REPEATED", None),
    ]
    assert table.schema[0].description == "the id"
    assert (table.schema[2].precision, table.schema[2].scale) == (10, 2)
    assert [(f.name, f.mode) for f in table.schema[4].fields] == [("x", "NULLABLE"), ("label", "REQUIRED")]
    assert (table.time_partitioning.type_, table.time_partitioning.field) == ("DAY", "ts")
    assert table.time_partitioning.expiration_ms == 2 * 86_400_000
    assert (table.clustering_fields, table.description, table.labels) == (["id", "ts"], "readings", {"team": "iot"})


def test_a_table_may_require_a_filter_on_its_partitions(run: Run) -> None:
    run("CREATE TABLE t (ts TIMESTAMP, n INT64) PARTITION BY DATE(ts) OPTIONS (require_partition_filter = TRUE)")
    run("CREATE VIEW v AS SELECT * FROM t WHERE ts > TIMESTAMP '2024-01-01'")
    for sql in ("SELECT COUNT(*) FROM t WHERE n = 1", "UPDATE t SET n = 1 WHERE TRUE"):
        with pytest.raises(exceptions.BadRequest, match=r"without a filter over column\(s\) 'ts'"):
            run(sql)
    assert run("SELECT COUNT(*) FROM t WHERE DATE(ts) = '2024-01-01'") == [(0,)]
    assert run("SELECT COUNT(*) FROM v") == [(0,)]


def test_a_table_from_a_query(run: Run, look: Any) -> None:
    run(
        """CREATE TABLE sums PARTITION BY TIMESTAMP_TRUNC(hour, HOUR) AS
        SELECT TIMESTAMP '2024-01-01' AS hour, SUM(x) AS total, ARRAY_AGG(x) AS xs, STRUCT(1 AS a) AS s
        FROM UNNEST([1, 2]) AS x"""
    )
    table = look("sums")
    assert [(f.name, f.field_type, f.mode) for f in table.schema] == [
        ("hour", "TIMESTAMP", "NULLABLE"),
        ("total", "INTEGER", "NULLABLE"),
        ("xs", "INTEGER", "REPEATED"),
        ("s", "RECORD", "NULLABLE"),
    ]
    assert table.time_partitioning.type_ == "HOUR"
    assert table.num_rows == 1
    assert run("SELECT total, s.a FROM sums") == [(3, 1)]


def test_if_not_exists_or_replace_and_drop(run: Run, client: bigquery.Client, dataset: str) -> None:
    def operation(sql: str) -> str:
        config = bigquery.QueryJobConfig(default_dataset=f"{client.project}.{dataset}")
        job = client.query(sql, job_config=config)
        job.result()
        return str(job.ddl_operation_performed)

    assert operation("CREATE TABLE t AS SELECT 1 AS a") == "CREATE"
    assert operation("CREATE TABLE IF NOT EXISTS t (b STRING)") == "SKIP"
    with pytest.raises(exceptions.Conflict):
        run("CREATE TABLE t (b STRING)")
    assert operation("CREATE OR REPLACE TABLE t AS SELECT a + 1 AS a FROM t") == "REPLACE"
    assert run("SELECT a FROM t") == [(2,)]
    assert operation("DROP TABLE t") == "DROP"
    assert operation("DROP TABLE IF EXISTS t") == "SKIP"
    with pytest.raises(exceptions.NotFound):
        run("DROP TABLE t")


def test_columns_are_added(run: Run, look: Any) -> None:
    run("CREATE TABLE t (id STRING)")
    run("INSERT INTO t (id) VALUES ('old')")
    run("ALTER TABLE t ADD COLUMN n INT64, ADD COLUMN tags ARRAY<STRING>")
    run("ALTER TABLE t ADD COLUMN IF NOT EXISTS n STRING")
    run("ALTER TABLE t SET OPTIONS (description = 'wider')")
    assert run("SELECT id, n, ARRAY_LENGTH(tags) FROM t") == [("old", None, 0)]
    assert look("t").description == "wider"
    with pytest.raises(exceptions.BadRequest, match="already exists"):
        run("ALTER TABLE t ADD COLUMN n STRING")


def test_a_view_sees_its_tables_as_they_are(run: Run, look: Any) -> None:
    run("CREATE TABLE t AS SELECT 'a' AS id, 1 AS version")
    run("CREATE VIEW newest AS SELECT * FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY version DESC) = 1")
    run("INSERT INTO t (id, version) VALUES ('a', 2)")
    assert run("SELECT id, version FROM newest") == [("a", 2)]
    assert look("newest").table_type == "VIEW"
    assert [field.name for field in look("newest").schema] == ["id", "version"]
    run("CREATE VIEW stacked AS WITH t AS (SELECT version FROM newest) SELECT MAX(version) AS m FROM t")
    assert run("SELECT m FROM stacked") == [(2,)]
    with pytest.raises(exceptions.BadRequest, match="not a table"):
        run("DROP TABLE newest")
    run("DROP VIEW stacked")


def test_schemas(client: bigquery.Client, dataset: str) -> None:
    name = f"{dataset}_more"
    client.query_and_wait(f"CREATE SCHEMA {name} OPTIONS (location = 'EU', description = 'd')")
    client.query_and_wait(f"CREATE SCHEMA IF NOT EXISTS `{client.project}.{name}`")
    made = client.get_dataset(name)
    assert (made.location, made.description) == ("EU", "d")
    client.query_and_wait(f"CREATE TABLE {name}.t (a INT64)")
    with pytest.raises(exceptions.BadRequest, match="still in use"):
        client.query_and_wait(f"DROP SCHEMA {name}")
    client.query_and_wait(f"DROP SCHEMA {name} CASCADE")
    with pytest.raises(exceptions.NotFound):
        client.get_dataset(name)


def test_a_table_may_expire(run: Run, look: Any, running_cloud: Any) -> None:
    soon = datetime.datetime.fromtimestamp(running_cloud.clock.time() + 3600, datetime.UTC)
    run(f"CREATE TABLE t (a INT64) OPTIONS (expiration_timestamp = TIMESTAMP '{soon:%Y-%m-%d %H:%M:%S}')")
    assert look("t").expires is not None
    running_cloud.clock.advance(3700)
    with pytest.raises(exceptions.NotFound):
        run("SELECT * FROM t")
    run("CREATE TABLE t (b INT64)")
    assert [field.name for field in look("t").schema] == ["b"]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("CREATE TEMP TABLE t (a INT64)", "TEMPORARY|TEMP"),
        ("CREATE TABLE t (a GEOGRAPHY)", "GEOGRAPHY"),
        ("CREATE TABLE t (a INT64 DEFAULT 1)", "DEFAULT"),
        ("CREATE TABLE t (a STRING) PARTITION BY DATE(a)", "partitioning"),
        ("CREATE TABLE t (a INT64, A STRING)", "Duplicate field name"),
        ("CREATE MATERIALIZED VIEW v AS SELECT 1 AS a", "MATERIALIZED"),
        ("CREATE VIEW v AS SELECT nope FROM UNNEST([1]) AS x", "Unrecognized name: nope"),
        ("CREATE FUNCTION f(x INT64) AS (x + 1)", "FUNCTION"),
        ("CREATE TABLE t LIKE s", "LIKE"),
        ("ALTER TABLE t RENAME TO u", "RENAME"),
        ("CREATE TABLE t (a INT64) OPTIONS (kms_key_name = 'k')", "kms_key_name"),
    ],
)
def test_what_is_not_supported_is_refused(run: Run, sql: str, reason: str) -> None:
    with pytest.raises((exceptions.BadRequest, exceptions.MethodNotImplemented), match=reason):
        run(sql)
