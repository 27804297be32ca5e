"""Rows in and out over REST through Google's client."""

from collections.abc import Callable
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import bigquery

from localcloud.cloud import LocalCloud
from localcloud.faults import Fault

Make = Callable[..., str]
Run = Callable[..., list[tuple[Any, ...]]]
Field = bigquery.SchemaField


def problems(errors: Any) -> dict[int, tuple[str, str]]:
    return {each["index"]: (each["errors"][0]["reason"], each["errors"][0]["location"]) for each in errors}


def test_rows_are_inserted_and_visible(client: bigquery.Client, make_table: Make, run: Run) -> None:
    name = make_table(
        "id STRING REQUIRED", "n INTEGER", "tags STRING REPEATED", Field("r", "RECORD", fields=[Field("x", "FLOAT")])
    )
    rows = [{"id": "a", "n": "5", "tags": ["x"], "r": {"x": 1}}, {"ID": 7, "n": None}]
    assert client.insert_rows_json(name, rows, row_ids=[None, None]) == []
    assert run("SELECT * FROM t ORDER BY id") == [("7", None, [], None), ("a", 5, ["x"], {"x": 1.0})]


def test_each_bad_row_is_named_and_stops_the_others(client: bigquery.Client, make_table: Make, run: Run) -> None:
    name = make_table("id STRING REQUIRED", "n INTEGER", "ts TIMESTAMP", "j JSON", "tags STRING REPEATED", "b BOOLEAN")
    rows = [
        {"id": "good"},
        {"n": 1},
        {"id": "x", "nope": 1},
        {"id": "x", "n": "seven"},
        {"id": "x", "ts": "yesterday"},
        {"id": "x", "j": "{"},
        {"id": "x", "tags": "single"},
        {"id": ["x"]},
        {"id": "x", "n": {"a": 1}},
        {"id": "x", "b": "maybe"},
        {"id": "x", "tags": [None]},
    ]
    errors = problems(client.insert_rows_json(name, rows, row_ids=[None] * len(rows)))
    assert errors == {
        0: ("stopped", ""),
        1: ("invalid", "id"),
        2: ("invalid", "nope"),
        3: ("invalid", "n"),
        4: ("invalid", "ts"),
        5: ("invalid", "j"),
        6: ("invalid", "tags"),
        7: ("invalid", "id"),
        8: ("invalid", "n"),
        9: ("invalid", "b"),
        10: ("invalid", "tags"),
    }
    assert run("SELECT COUNT(*) FROM t") == [(0,)]


def test_invalid_rows_can_be_skipped_and_unknown_values_ignored(
    client: bigquery.Client, make_table: Make, run: Run
) -> None:
    name = make_table("id STRING REQUIRED")
    errors = client.insert_rows_json(name, [{"id": "a"}, {}], row_ids=[None, None], skip_invalid_rows=True)
    assert problems(errors) == {1: ("invalid", "id")}
    assert client.insert_rows_json(name, [{"id": "b", "x": 1}], row_ids=[None], ignore_unknown_values=True) == []
    assert run("SELECT STRING_AGG(id ORDER BY id) FROM t") == [("a,b",)]


def test_an_insert_id_repeated_within_a_minute_is_stored_once(
    cloud: LocalCloud, client: bigquery.Client, make_table: Make, run: Run
) -> None:
    name = make_table("id STRING")
    for _ in range(2):
        assert client.insert_rows_json(name, [{"id": "a"}, {"id": "b"}], row_ids=["1", "2"]) == []
    assert client.insert_rows_json(name, [{"id": "c"}], row_ids=["3"]) == []
    assert run("SELECT STRING_AGG(id ORDER BY id) FROM t") == [("a,b,c",)]
    cloud.clock.advance(61)
    client.insert_rows_json(name, [{"id": "a"}], row_ids=["1"])
    assert run("SELECT COUNT(*) FROM t") == [(4,)]


def test_a_lost_answer_is_made_good_by_the_insert_id(
    cloud: LocalCloud, client: bigquery.Client, make_table: Make, run: Run
) -> None:
    name = make_table("id STRING")
    cloud.faults.add(Fault("bigquery.tabledata.insertAll", when="after", calls=1))
    assert client.insert_rows_json(name, [{"id": "a"}], row_ids=["once"]) == []
    assert run("SELECT COUNT(*) FROM t") == [(1,)]


def test_rows_far_from_today_are_refused_by_a_partitioned_table(client: bigquery.Client, dataset: str) -> None:
    table = bigquery.Table(f"{client.project}.{dataset}.t", schema=[Field("ts", "TIMESTAMP"), Field("d", "DATE")])
    table.time_partitioning = bigquery.TimePartitioning("DAY", field="ts")
    client.create_table(table)
    rows = [{"ts": "1999-01-01 00:00:00"}, {"d": "1999-01-01"}, {"ts": "2199-01-01 00:00:00"}]
    errors = client.insert_rows_json(table, rows, row_ids=[None] * 3, skip_invalid_rows=True)
    assert set(problems(errors)) == {0, 2}
    assert "outside the allowed bounds" in errors[0]["errors"][0]["message"]


def test_a_request_without_rows_and_a_missing_table_are_refused(client: bigquery.Client, dataset: str) -> None:
    with pytest.raises(exceptions.NotFound):
        client.insert_rows_json(f"{client.project}.{dataset}.nowhere", [{"a": 1}], row_ids=["1"])


def test_rows_are_listed_in_pages_and_by_columns(client: bigquery.Client, make_table: Make, run: Run) -> None:
    name = make_table("n INTEGER", "s STRING")
    run("INSERT INTO t (n, s) SELECT x, CAST(x AS STRING) FROM UNNEST(GENERATE_ARRAY(1, 25)) AS x")
    pages = client.list_rows(name, page_size=10).pages
    assert [[row["n"] for row in page] for page in pages] == [
        list(range(1, 11)),
        list(range(11, 21)),
        list(range(21, 26)),
    ]
    table = client.get_table(name)
    assert [row.values() for row in client.list_rows(table, selected_fields=[Field("s", "STRING")], max_results=2)] == [
        ("1",),
        ("2",),
    ]
    assert [row["n"] for row in client.list_rows(name, start_index=23)] == [24, 25]
