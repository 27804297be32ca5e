"""Rollups become rows of the example's table, and its view adds their panes up."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from beam_jobs.enrichment.rollups import rollup
from beam_jobs.enrichment.tallies import Group, Reading, Tally
from beam_jobs.warehouse.config import WarehouseConfig
from beam_jobs.warehouse.transforms import open_row_writer
from director.strict import load
from localcloud.cloud import LocalCloud

ENVIRONMENT = Path(__file__).parents[3] / "examples" / "environment"
START = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
SECOND = 1_000_000


def pane(*readings: Reading, field: str = "temperature") -> bytes:
    group = Group("device-1", field, "2026-01-02T12:00:00Z", "2026-01-02T12:01:00Z", keeps=True)
    return rollup(group, Tally.of(readings), "//pubsub.googleapis.com/projects/p/subscriptions/s")


def reading(value: float, second: int, late: bool = False) -> Reading:
    return Reading(value, int(START.timestamp() + second) * SECOND, late, second)


@pytest.fixture
def client(cloud: LocalCloud) -> Any:
    client = bigquery.Client("local-project", credentials=AnonymousCredentials())
    yield client
    client.close()


def test_rollups_fit_the_table_and_the_view_adds_their_panes_up(client: Any) -> None:
    config = load(ENVIRONMENT / "rollups.yaml", WarehouseConfig)
    client.create_dataset("telemetry", exists_ok=True)
    schema = [bigquery.SchemaField(column.name, column.type, column.mode) for column in config.columns]
    client.create_table(bigquery.Table(config.table, schema))
    client.query_and_wait((ENVIRONMENT / "rollups.sql").read_text())

    first = pane(reading(20.5, 1), reading(19.0, 5))
    second = pane(reading(21.0, 3), reading(18.5, 9, late=True))
    enormous = pane(reading(1.7e308, 1), reading(1.7e308, 2), field="pressure")
    result = open_row_writer(config)([first, second, first, enormous])
    assert (result.done, result.dead_letters) == (4, [])

    query = "SELECT * FROM `local-project.telemetry.rollups` ORDER BY field"
    pressure, temperature = (dict(row.items()) for row in client.query_and_wait(query))
    assert temperature == {
        "device": "device-1",
        "field": "temperature",
        "window_start": START,
        "window_end": START.replace(minute=1),
        "count": 4,
        "sum": 79.0,
        "min": 18.5,
        "max": 21.0,
        "mean": 19.75,
        "last": 18.5,
        "last_time": START.replace(second=9),
        "late": 1,
        "panes": 2,
    }
    assert (pressure["count"], pressure["sum"], pressure["max"]) == (2, None, 1.7e308)
