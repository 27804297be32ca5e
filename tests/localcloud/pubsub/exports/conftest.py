"""Destinations of export subscriptions on the running localcloud, through Google's own clients."""

import itertools
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, storage

from localcloud.cloud import LocalCloud

METADATA = ("subscription_name:STRING", "message_id:STRING", "publish_time:TIMESTAMP", "attributes:JSON")


class Sinks:
    """Tables and buckets with names of their own."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.project = f"p-{uuid.uuid4().hex[:8]}"
        endpoint = f"http://{cloud.http_address}"
        credentials = AnonymousCredentials()
        self.bigquery = bigquery.Client(
            self.project, credentials=credentials, client_options={"api_endpoint": endpoint}
        )
        self.storage = storage.Client(self.project, credentials=credentials, client_options={"api_endpoint": endpoint})
        self.bigquery.create_dataset(f"{self.project}.sink")
        self._numbers = itertools.count(1)

    def table(self, *columns: str, name: str = "") -> str:
        """By columns such as `data:BYTES`; answers with its full name."""
        name = name or f"{self.project}.sink.t{next(self._numbers)}"
        fields = [bigquery.SchemaField(*column.split(":")) for column in columns]
        self.bigquery.create_table(bigquery.Table(name, fields))
        return name

    def rows(self, table: str, order: str = "1") -> list[Mapping[str, Any]]:
        found = self.bigquery.query_and_wait(f"SELECT * FROM `{table}` ORDER BY {order}")  # noqa: S608 - own names
        return [dict(row.items()) for row in found]

    def column(self, table: str, name: str) -> list[Any]:
        return [row[name] for row in self.rows(table, name)]

    def bucket(self) -> str:
        return str(self.storage.create_bucket(f"{self.project}-b{next(self._numbers)}").name)

    def files(self, bucket: str) -> Sequence[tuple[str, bytes]]:
        return [(blob.name, blob.download_as_bytes()) for blob in self.storage.list_blobs(bucket)]

    def close(self) -> None:
        self.bigquery.close()
        self.storage.close()


@pytest.fixture
def sinks(cloud: LocalCloud) -> Iterator[Sinks]:
    made = Sinks(cloud)
    yield made
    made.close()


@pytest.fixture
def sinks_at() -> Iterator[Callable[[LocalCloud], Sinks]]:
    """On a localcloud of the test's own."""
    made: list[Sinks] = []

    def make(cloud: LocalCloud) -> Sinks:
        made.append(Sinks(cloud))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def metadata() -> Sequence[str]:
    """The columns that metadata takes."""
    return METADATA
