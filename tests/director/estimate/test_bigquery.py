"""What BigQuery costs."""

import pytest

from director.estimate.estimate import Line
from tests.director.estimate.plants import TOPICS, gaps, lines, plant, usage

GIB_A_DAY = 100 * 500 * 86400 / 2**30
MONTH = 730 / 24  # days


def table(more: str = "", dataset: str = "", producers: str = "[{name: job, lookup: {key: table}}]") -> str:
    return f"""
bigquery_datasets:
  - name: telemetry
    description: of the plant
{dataset}
bigquery_tables:
  - name: rows
    dataset: telemetry
    schema: [{{name: at, type: TIMESTAMP}}, {{name: data, type: BYTES}}]
    producers: {producers}
{more}
"""


PARTITIONED = "    time_partitioning_field: at"


def costs(resources: str, **said: object) -> dict[str, Line]:
    found = lines(plant(TOPICS + resources), usage(tables={"telemetry.rows": said}) if said else usage())
    return {what: line for (name, what), line in found.items() if name == "rows"}


def test_rows_cost_when_services_write_them_and_while_they_lie_there() -> None:
    found = costs(table())
    assert found["written"].quantity == pytest.approx(MONTH * GIB_A_DAY)
    assert found["stored"].quantity == pytest.approx(MONTH * GIB_A_DAY)
    assert "each further one adds as much" in found["stored"].assumption


def test_rows_that_pubsub_writes_cost_nothing_more_to_write() -> None:
    export = "  - {name: to-rows, topic: readings, bigquery: {table: telemetry.rows}}"
    found = lines(plant(TOPICS + export + table(producers="[]")))
    assert {what for name, what in found if name == "rows"} == {"stored"}


def test_rows_are_as_many_and_as_large_as_the_usage_says() -> None:
    found = costs(table(), share=0.5, row_bytes=2000)
    assert found["written"].quantity == pytest.approx(0.5 * 4 * MONTH * GIB_A_DAY)


@pytest.mark.parametrize("where", ["table", "dataset"])
def test_partitions_that_expire_bound_what_is_stored(where: str) -> None:
    if where == "table":
        expiring = table(f"{PARTITIONED}\n    time_partitioning_expiration: 60d")
    else:
        expiring = table(PARTITIONED, "    default_partition_expiration: 60d")
    assert costs(expiring)["stored"].quantity == pytest.approx(60 * GIB_A_DAY)
    assert costs(expiring, stored_months=1.0)["stored"].quantity == pytest.approx(MONTH * GIB_A_DAY)
    assert costs(expiring, stored_months=12.0)["stored"].quantity == pytest.approx(60 * GIB_A_DAY)


def test_a_table_that_expires_as_a_whole_holds_no_more_than_until_then() -> None:
    assert costs(table("    expiration: 10d"))["stored"].quantity == pytest.approx(10 * GIB_A_DAY)
    assert costs(table("    expiration: 365d"))["stored"].quantity == pytest.approx(MONTH * GIB_A_DAY)
    by_default = table(dataset="    default_table_expiration: 10d")
    assert costs(by_default)["stored"].quantity == pytest.approx(10 * GIB_A_DAY)


def test_partitions_cost_less_after_90_days_without_a_change() -> None:
    found = costs(table(PARTITIONED), stored_months=12.0)
    assert found["stored"].quantity == pytest.approx(90 * GIB_A_DAY)
    assert found["stored, unchanged for 90d"].quantity == pytest.approx((365 - 90) * GIB_A_DAY)


def test_a_table_without_partitions_is_never_long_unchanged() -> None:
    assert set(costs(table(), stored_months=12.0)) == {"written", "stored"}


def test_a_table_nobody_writes_to_is_told() -> None:
    found = gaps(plant(TOPICS + table(producers="[]")))
    assert found["rows", "rows"] == "nothing is assumed to be written to it"
