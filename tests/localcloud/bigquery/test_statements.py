# ruff: noqa: S608 - the names are our own
"""DML through Google's client: what changes, how much, and what is refused."""

from collections.abc import Callable
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import bigquery

Run = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def stock(run: Run) -> Run:
    run("CREATE TABLE stock (id STRING NOT NULL, n INT64, at STRUCT<x INT64, y INT64>)")
    run("INSERT INTO stock (id, n) VALUES ('a', 1), ('b', 2), ('c', 3)")
    return run


@pytest.fixture
def change(client: bigquery.Client, dataset: str) -> Callable[[str], tuple[int, ...]]:
    """Runs DML as a job; gives how many rows were inserted, updated and deleted."""

    def changed(sql: str) -> tuple[int, ...]:
        config = bigquery.QueryJobConfig(default_dataset=f"{client.project}.{dataset}")
        job = client.query(sql, job_config=config)
        job.result()
        stats = job.dml_stats
        counts = (stats.inserted_row_count, stats.updated_row_count, stats.deleted_row_count)
        assert job.num_dml_affected_rows == sum(counts)
        return counts

    return changed


def test_insert_of_values_and_of_a_query(stock: Run, change: Any) -> None:
    assert change("INSERT INTO stock (id, n) VALUES ('d', 4), ('e', NULL)") == (2, 0, 0)
    assert change("INSERT stock (n, id) SELECT n * 10, CONCAT(id, id) FROM stock WHERE n > 2") == (2, 0, 0)
    assert stock("SELECT id, n FROM stock ORDER BY id") == [
        ("a", 1), ("b", 2), ("c", 3), ("cc", 30), ("d", 4), ("dd", 40), ("e", None),
    ]  # fmt: skip


def test_update_and_delete(stock: Run, change: Any) -> None:
    assert change("UPDATE stock SET n = n + 1, id = UPPER(id) WHERE n > 1") == (0, 2, 0)
    assert change("DELETE FROM stock AS s WHERE s.n = 3") == (0, 0, 1)
    assert change("DELETE stock WHERE FALSE") == (0, 0, 0)
    assert stock("SELECT id, n FROM stock ORDER BY id") == [("C", 4), ("a", 1)]
    assert change("TRUNCATE TABLE stock") == (0, 0, 2)


def test_update_from_another_table_needs_one_value_for_each_row(stock: Run, change: Any) -> None:
    assert change("UPDATE stock s SET n = o.v FROM (SELECT 'a' AS id, 7 AS v) o WHERE s.id = o.id") == (0, 1, 0)
    assert stock("SELECT n FROM stock WHERE id = 'a'") == [(7,)]
    with pytest.raises(exceptions.BadRequest, match="must match at most one source row"):
        change("UPDATE stock s SET n = v FROM (SELECT 'a' AS k, v FROM UNNEST([1, 2]) AS v) o WHERE s.id = o.k")


def test_merge(stock: Run, change: Any) -> None:
    source = "(SELECT 'a' AS id, 10 AS n UNION ALL SELECT 'b', 0 UNION ALL SELECT 'z', 26)"
    assert change(
        f"""MERGE stock T USING {source} S ON T.id = S.id
        WHEN MATCHED AND S.n = 0 THEN DELETE
        WHEN MATCHED THEN UPDATE SET n = S.n
        WHEN NOT MATCHED THEN INSERT (id, n) VALUES (S.id, S.n)
        WHEN NOT MATCHED BY SOURCE THEN UPDATE SET n = -1"""
    ) == (1, 2, 1)
    assert stock("SELECT id, n FROM stock ORDER BY id") == [("a", 10), ("c", -1), ("z", 26)]


def test_merge_with_insert_row(run: Run, change: Any) -> None:
    run("CREATE TABLE target (id STRING, n INT64)")
    rows = "(SELECT 1 AS n, 'a' AS id)"
    merge = f"MERGE target USING {rows} S ON target.id = S.id WHEN NOT MATCHED THEN INSERT ROW"
    assert change(merge) == (1, 0, 0)
    assert change(merge) == (0, 0, 0)
    assert run("SELECT * FROM target") == [("a", 1)]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("UPDATE stock SET n = 1", "must have a WHERE clause"),
        ("DELETE FROM stock", "must have a WHERE clause"),
        ("INSERT INTO stock (n) VALUES (1)", "id cannot be null"),
        ("INSERT INTO stock (id, nope) VALUES ('x', 1)", "nope is not present"),
        ("INSERT INTO stock (id) VALUES ('x', 1)", "wrong column count"),
        ("INSERT INTO stock (id, at) VALUES ('x', STRUCT(1 AS x, 2 AS y, 3 AS z))", "at has 2 fields, the value has 3"),
        ("INSERT INTO nowhere (id) VALUES ('x')", "Not found: Table"),
        ("UPDATE stock SET at.x = 1 WHERE TRUE", "Qualified column names"),
        (
            "MERGE stock T USING (SELECT 'a' AS id UNION ALL SELECT 'a') S ON T.id = S.id WHEN MATCHED THEN DELETE",
            "at most one",
        ),
    ],
)  # fmt: skip
def test_what_would_break_rules_is_refused_and_changes_nothing(stock: Run, sql: str, reason: str) -> None:
    before = stock("SELECT id, n FROM stock ORDER BY id")
    with pytest.raises((exceptions.BadRequest, exceptions.NotFound), match=reason):
        stock(sql)
    assert stock("SELECT id, n FROM stock ORDER BY id") == before
