"""Real payloads, and a table behind the real wire."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from localcloud.cloud import LocalCloud
from tests.beam_jobs.warehouse.tables import Table


@pytest.fixture(scope="session")
def payload_samples() -> list[dict[str, Any]]:
    lines = (Path(__file__).parent / "data" / "payload_samples.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture
def bigquery_client(cloud: LocalCloud) -> Iterator[bigquery.Client]:
    client = bigquery.Client("test-project", credentials=AnonymousCredentials())
    yield client
    client.close()


@pytest.fixture
def table(bigquery_client: bigquery.Client) -> Iterator[Table]:
    made = Table(bigquery_client)
    yield made
    made.close()
