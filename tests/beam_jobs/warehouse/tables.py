"""Tables of a test's own behind the real wire, and what is in them."""

import itertools
import json
from collections.abc import Sequence
from typing import Any

from google.cloud import bigquery

from beam_jobs.warehouse.config import Column
from beam_jobs.warehouse.rows import RowEncoder
from beam_jobs.warehouse.storage_write import TableWriter
from bridge import envelope
from director.endpoints import channel

COLUMNS = (
    Column(name="ce_id", type="STRING", mode="REQUIRED", attribute="ce-id"),
    Column(name="facts", type="JSON", pointer="/facts"),
    Column(name="written_at", type="TIMESTAMP", mode="REQUIRED", envelope="now"),
)
_numbers = itertools.count()


class Table:
    """A table made for `columns`."""

    def __init__(self, client: bigquery.Client, columns: Sequence[Column] = COLUMNS) -> None:
        self.name = f"test-project.warehouse.t{next(_numbers)}"
        self.columns = tuple(columns)
        self.client = client
        self.encoder = RowEncoder(self.columns)
        self.channel = channel("bigquerystorage")
        client.create_dataset("warehouse", exists_ok=True)
        self.create(self.columns)

    def create(self, columns: Sequence[Column]) -> None:
        schema = [bigquery.SchemaField(one.name, one.type, one.mode) for one in columns]
        self.client.create_table(bigquery.Table(self.name, schema))

    def recreate(self, columns: Sequence[Column]) -> None:
        """The same name with another schema, as after a column was dropped."""
        self.client.delete_table(self.name)
        self.create(columns)

    def add(self, *fields: bigquery.SchemaField) -> None:
        table = self.client.get_table(self.name)
        table.schema = [*table.schema, *fields]
        self.client.update_table(table, ["schema"])

    def writer(self, **options: Any) -> TableWriter:
        return TableWriter(self.channel, self.name, self.columns, self.encoder.descriptor, **options)

    def row(self, identity: str, filling: str = "") -> bytes:
        return self.encoder.row_class(ce_id=identity, facts=json.dumps(filling), written_at=0).SerializeToString()

    def bad_row(self, identity: str = "bad") -> bytes:
        return self.encoder.row_class(ce_id=identity, facts="{no json", written_at=0).SerializeToString()

    def rows(self, count: int) -> list[bytes]:
        return [self.row(identity) for identity in ids(count)]

    def ids(self) -> list[str]:
        """Of every row, copies too."""
        return self._ids(f"SELECT ce_id FROM `{self.name}` ORDER BY ce_id")  # noqa: S608 - our own name

    def ids_once(self) -> list[str]:
        """As the deduplicating view shows them."""
        return self._ids(
            f"SELECT ce_id FROM (SELECT * FROM `{self.name}` QUALIFY ROW_NUMBER() OVER "  # noqa: S608
            "(PARTITION BY ce_id ORDER BY written_at) = 1) ORDER BY ce_id"
        )

    def close(self) -> None:
        self.channel.close()

    def _ids(self, query: str) -> list[str]:
        return [row.ce_id for row in self.client.query_and_wait(query)]


def ids(count: int) -> list[str]:
    return [f"id-{number:04d}" for number in range(count)]


def messages(identities: Sequence[str], payload: bytes = b"{}") -> list[bytes]:
    return [envelope.data(payload) + envelope.attributes({"ce-id": one}) for one in identities]
