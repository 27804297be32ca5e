"""The register in BigQuery gives a record for each row and ABSENT for the rest."""

from collections.abc import Iterator

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from beam_jobs.enrichment.cache.bigquery import BigQuerySource
from beam_jobs.enrichment.cache.layers import ABSENT, Entry, LayerUnavailable
from beam_jobs.enrichment.cache.records import Records
from beam_jobs.enrichment.cache.statistics import Statistics
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from tests.beam_jobs.enrichment.parts import Clock, attributes

TABLE = "test-project.register.devices"


@pytest.fixture
def client(cloud: LocalCloud) -> Iterator[bigquery.Client]:
    made = bigquery.Client("test-project", credentials=AnonymousCredentials())
    yield made
    made.close()


@pytest.fixture
def source(client: bigquery.Client) -> BigQuerySource:
    client.create_dataset("register", exists_ok=True)
    hall = bigquery.SchemaField("hall", "STRING")
    schema = [
        bigquery.SchemaField("device", "STRING"),
        bigquery.SchemaField("floor", "INT64"),
        bigquery.SchemaField("site", "RECORD", fields=[hall]),
    ]
    client.delete_table(TABLE, not_found_ok=True)
    client.create_table(bigquery.Table(TABLE, schema))
    rows = [{"device": "d1", "floor": 3, "site": {"hall": "hall-1"}}, {"device": "d'2"}]
    assert client.insert_rows_json(TABLE, rows) == []
    records = Records({"floor": "floor", "site.hall": "location"}, Statistics())
    return BigQuerySource(client, TABLE, "device", records, Clock())


def test_it_gives_encoded_records_and_absent_for_the_rest(source: BigQuerySource) -> None:
    entries = source.fetch(["d1", "d'2", "d3", ""])
    assert attributes(entries["d1"].record) == {
        "device.floor": "3",
        "device.location": "hall-1",
        "enrichment.status": "ok",
    }
    assert attributes(entries["d'2"].record) == {"enrichment.status": "ok"}
    assert entries["d3"] == entries[""] == Entry(ABSENT, Clock().micros)


@pytest.mark.parametrize("code", ["UNAVAILABLE", "PERMISSION_DENIED", "NOT_FOUND"])
def test_a_register_that_is_away_says_so(code: str, cloud: LocalCloud, source: BigQuerySource) -> None:
    cloud.faults.add(Fault(method="bigquery.*", code=code))
    with pytest.raises(LayerUnavailable):
        source.fetch(["d1"])
