"""Views, through Google's client."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.cloud import bigquery

from director.documents.loading import Blueprint, load
from director.provisioning.base import Wanted
from director.provisioning.clients import Clients
from director.provisioning.plan import change, layers
from director.provisioning.provisioner import Provisioner
from director.resources.catalogue import providers, wanted
from director.resources.views import State, Views
from director.retries import Retries

ROWS = """\
          schema: [{name: at, type: TIMESTAMP, mode: REQUIRED}, {name: device, type: STRING}]
"""
VIEWS = """\
      bigquery_views:
        - name: devices
          dataset: telemetry
          query: SELECT DISTINCT device FROM telemetry.`once`
        - name: once
          dataset: telemetry
          description: One row for each device.
          labels: {team: air}
          deduplicate: {table: rows, key: [device], order_by: [at]}
        - name: latest
          dataset: telemetry
          deduplicate: {table: telemetry.rows, key: [device], order_by: [at], keep: last}
"""


@pytest.fixture
def blueprint(document: Path) -> Blueprint:
    document.write_text(document.read_text().replace(ROWS, ROWS + VIEWS))
    return load(document)


@pytest.fixture
def once(blueprint: Blueprint) -> Wanted[State]:
    return next(each for each in wanted(blueprint, "air") if each.full_name.endswith(".once"))


@pytest.fixture
def views(clients: Clients, blueprint: Blueprint) -> Views:
    project = blueprint.architecture.project_id
    clients.bigquery.create_dataset(f"{project}.telemetry")
    fields = [bigquery.SchemaField("at", "TIMESTAMP", "REQUIRED"), bigquery.SchemaField("device", "STRING")]
    clients.bigquery.create_table(bigquery.Table(f"{project}.telemetry.rows", fields))
    return Views(clients.bigquery)


def test_a_view_comes_after_all_that_its_query_names(blueprint: Blueprint) -> None:
    order = [[each.full_name.rpartition(".")[2] for each in layer] for layer in layers(wanted(blueprint, "air"))]
    places = {name: index for index, names in enumerate(order) for name in names}
    assert places["telemetry"] < places["rows"] < places["once"] < places["devices"]
    assert places["once"] == places["latest"]


def test_everything_is_applied_once_and_then_as_wanted(
    clients: Clients, blueprint: Blueprint, retries: Retries
) -> None:
    loop = Provisioner(providers(clients, blueprint), retries)
    resources = wanted(blueprint, "air")
    assert {outcome.result for outcome in loop.apply(resources)} == {"created"}
    assert {outcome.result for outcome in loop.apply(resources)} == {"unchanged"}


def test_a_deduplicating_view_shows_one_row_of_each_key(
    clients: Clients, blueprint: Blueprint, retries: Retries
) -> None:
    Provisioner(providers(clients, blueprint), retries).apply(wanted(blueprint, "air"))
    project = blueprint.architecture.project_id
    rows = [{"device": device, "at": f"2026-01-0{day}T00:00:00Z"} for device in ("a", "b") for day in (2, 1, 3)]
    assert clients.bigquery.insert_rows_json(f"{project}.telemetry.rows", rows) == []

    def shown(view: str) -> list[tuple[str, int]]:
        query = f"SELECT device, at FROM `{project}.telemetry.{view}` ORDER BY device"  # noqa: S608 - own names
        return [(row["device"], row["at"].day) for row in clients.bigquery.query_and_wait(query)]

    assert shown("once") == [("a", 1), ("b", 1)]
    assert shown("latest") == [("a", 3), ("b", 3)]


def test_the_query_is_plain_googlesql(once: Wanted[State], blueprint: Blueprint) -> None:
    assert once.state.query == (
        f"SELECT *\nFROM `{blueprint.architecture.project_id}.telemetry.rows`\nWHERE TRUE\n"
        "QUALIFY ROW_NUMBER() OVER (PARTITION BY `device` ORDER BY `at`) = 1"
    )


def test_every_field_is_created_and_read_back(views: Views, once: Wanted[State]) -> None:
    assert views.observe(once) is None
    views.create(once)
    observed = views.observe(once)
    assert observed is not None
    assert (observed.state, observed.owner) == (once.state, once.owner)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"query": "SELECT 1 AS one"}, "query"),
        ({"description": "Other."}, "description"),
        ({"description": ""}, "description"),
        ({"labels": {"team": "sea"}}, "labels"),
    ],
)
def test_drift_in_any_field_is_mended(views: Views, once: Wanted[State], changes: dict[str, Any], field: str) -> None:
    views.create(once)
    if "labels" in changes:
        changes = {"labels": {**once.state.labels, **changes["labels"]}}
    goal = replace(once, state=replace(once.state, **changes))
    todo = change(goal, views.observe(goal))
    assert (todo.action, todo.fields) == ("update", {field})
    views.update(goal, views.observe(goal), todo.fields)  # type: ignore[arg-type]
    assert change(goal, views.observe(goal)).action == "none"


def test_a_table_in_its_place_is_refused(views: Views, once: Wanted[State], clients: Clients) -> None:
    table = bigquery.Table(once.full_name, [bigquery.SchemaField("a", "STRING")])
    table.labels = dict(once.state.labels)
    clients.bigquery.create_table(table)
    todo = change(once, views.observe(once))
    assert todo.action == "refuse"
    assert "type: live TABLE, wanted VIEW" in todo.reasons[0]


def test_somebody_else_s_view_is_refused(views: Views, once: Wanted[State], clients: Clients) -> None:
    foreign = bigquery.Table(once.full_name)
    foreign.view_query = "SELECT 1 AS one"
    clients.bigquery.create_table(foreign)
    todo = change(once, views.observe(once))
    assert todo.action == "refuse"
    assert "is not ours" in todo.reasons[0]


def test_a_deleted_one_is_gone(views: Views, once: Wanted[State]) -> None:
    views.create(once)
    views.delete(once)
    assert views.observe(once) is None
