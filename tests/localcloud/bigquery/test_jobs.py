# ruff: noqa: S608 - the names are our own
"""Query jobs through Google's client."""

from collections.abc import Callable
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import bigquery

from localcloud.cloud import LocalCloud
from localcloud.faults import Fault

Make = Callable[..., str]
Run = Callable[..., list[tuple[Any, ...]]]


def test_a_job_can_be_looked_up_with_its_result(client: bigquery.Client) -> None:
    job = client.query("SELECT 1 AS a UNION ALL SELECT 2 ORDER BY a", job_id_prefix="mine-")
    assert [row["a"] for row in job.result()] == [1, 2]
    again = client.get_job(job.job_id)
    assert (again.state, again.statement_type, again.error_result) == ("DONE", "SELECT", None)
    assert [row["a"] for row in again.result()] == [1, 2]
    assert [row["a"] for row in client.list_rows(again.destination)] == [1, 2]
    assert job.job_id in [each.job_id for each in client.list_jobs(max_results=5)]


def test_results_come_in_pages(client: bigquery.Client) -> None:
    rows = client.query("SELECT x FROM UNNEST(GENERATE_ARRAY(1, 25)) AS x").result(page_size=10)
    assert [len(list(page)) for page in rows.pages] == [10, 10, 5]
    assert rows.total_rows == 25


def test_a_failed_job_tells_why(client: bigquery.Client) -> None:
    job = client.query("SELECT nope FROM UNNEST([1]) AS x")
    with pytest.raises(exceptions.BadRequest, match="Unrecognized name: nope"):
        job.result()
    assert client.get_job(job.job_id).error_result["reason"] == "invalidQuery"


def test_a_job_id_runs_once(client: bigquery.Client, make_table: Make, run: Run) -> None:
    name = make_table("n INTEGER")
    insert = f"INSERT INTO `{name}` (n) VALUES (1)"
    job_id = f"once-{name.replace('.', '-')}"
    client.query(insert, job_id=job_id, job_retry=None).result()
    with pytest.raises(exceptions.Conflict, match="Already Exists: Job"):
        client.query(insert, job_id=job_id, job_retry=None)
    assert run("SELECT COUNT(*) FROM t") == [(1,)]


def test_a_query_whose_answer_was_lost_is_not_run_again(
    cloud: LocalCloud, client: bigquery.Client, make_table: Make, run: Run
) -> None:
    make_table("n INTEGER")
    cloud.faults.add(Fault("bigquery.jobs.query", when="after", calls=1))
    run("INSERT INTO t (n) VALUES (1)")
    assert run("SELECT COUNT(*) FROM t") == [(1,)]


def test_a_dry_run_gives_the_schema_and_changes_nothing(client: bigquery.Client, make_table: Make, run: Run) -> None:
    name = make_table("n INTEGER")
    dry = bigquery.QueryJobConfig(dry_run=True)
    job = client.query(f"SELECT n, COUNT(*) AS c FROM `{name}` GROUP BY n", job_config=dry)
    assert [(field.name, field.field_type) for field in job.schema] == [("n", "INTEGER"), ("c", "INTEGER")]
    assert client.query(f"INSERT INTO `{name}` (n) VALUES (1)", job_config=dry).statement_type == "INSERT"
    client.query("CREATE TABLE somewhere.x (a INT64)", job_config=dry)
    assert run("SELECT COUNT(*) FROM t") == [(0,)]
    with pytest.raises(exceptions.BadRequest, match="Unrecognized name: m"):
        client.query(f"SELECT m FROM `{name}`", job_config=dry)


def test_a_result_can_go_into_a_table(client: bigquery.Client, dataset: str, run: Run) -> None:
    target = f"{client.project}.{dataset}.target"
    config = bigquery.QueryJobConfig(destination=target)
    client.query("SELECT 1 AS n", job_config=config).result()
    with pytest.raises(exceptions.Conflict, match="Already Exists"):
        client.query("SELECT 2 AS n", job_config=config).result()
    config.write_disposition = "WRITE_APPEND"
    client.query("SELECT 2 AS n", job_config=config).result()
    assert run("SELECT n FROM target ORDER BY n") == [(1,), (2,)]
    with pytest.raises(exceptions.BadRequest, match="does not match"):
        client.query("SELECT 'x' AS n", job_config=config).result()
    config.write_disposition = "WRITE_TRUNCATE"
    assert [row.values() for row in client.query("SELECT 'x' AS s", job_config=config).result()] == [("x",)]
    assert run("SELECT s FROM target") == [("x",)]
    config.create_disposition = "CREATE_NEVER"
    config.destination = f"{client.project}.{dataset}.nowhere"
    with pytest.raises(exceptions.NotFound):
        client.query("SELECT 1 AS n", job_config=config).result()


def test_a_job_can_be_cancelled_and_deleted(client: bigquery.Client) -> None:
    job = client.query("SELECT 1")
    job.result()
    assert client.cancel_job(job.job_id).state == "DONE"
    client.delete_job_metadata(job)
    with pytest.raises(exceptions.NotFound):
        client.get_job(job.job_id)


def test_a_long_query_is_cancelled(client: bigquery.Client) -> None:
    numbers = "UNNEST(GENERATE_ARRAY(1, 100000))"
    job = client.query(f"SELECT COUNT(*) FROM {numbers} AS a, {numbers} AS b WHERE MOD(a * b, 7) = 3")
    assert job.running()
    job.cancel()
    with pytest.raises(exceptions.GoogleAPICallError, match="cancelled"):
        job.result(retry=None)


def test_legacy_sql_is_refused(client: bigquery.Client) -> None:
    config = bigquery.QueryJobConfig(use_legacy_sql=True)
    with pytest.raises(exceptions.MethodNotImplemented, match="Legacy SQL"):
        client.query_and_wait("SELECT 1", job_config=config)
