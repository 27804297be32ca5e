"""Rows are there once they are answered; bad ones come back with the reason; an outage is waited for by the caller."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from hypothesis import given
from hypothesis import strategies as st

from beam_jobs.errors import Misconfigured, RetryLater
from beam_jobs.warehouse import storage_write
from beam_jobs.warehouse.config import Column
from beam_jobs.warehouse.rows import RowEncoder
from beam_jobs.warehouse.storage_write import TableWriter, parts
from director.endpoints import channel
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault

COLUMNS = (
    Column(name="id", type="STRING", mode="REQUIRED", attribute="ce-id"),
    Column(name="facts", type="JSON", attribute="facts"),
)
_numbers = itertools.count()


class Table:
    """A table of this test's own, and a writer to it."""

    def __init__(self, client: bigquery.Client) -> None:
        self.name = f"test-project.storage_write.t{next(_numbers)}"
        self._client = client
        schema = [bigquery.SchemaField("id", "STRING", "REQUIRED"), bigquery.SchemaField("facts", "JSON")]
        client.create_dataset("storage_write", exists_ok=True)
        client.create_table(bigquery.Table(self.name, schema))
        self.encoder = RowEncoder(COLUMNS)
        self.channel = channel("bigquerystorage")
        self.writer = TableWriter(self.channel, self.name, self.encoder.descriptor)

    def row(self, identity: str) -> bytes:
        return self.encoder._row(id=identity).SerializeToString()

    def bad_row(self) -> bytes:
        return self.encoder._row(id="bad", facts="{no json").SerializeToString()

    def ids(self) -> list[str]:
        query = f"SELECT id FROM `{self.name}` ORDER BY id"  # noqa: S608 - our own name
        return [row.id for row in self._client.query_and_wait(query)]


@pytest.fixture
def table(cloud: LocalCloud) -> Iterator[Table]:
    client = bigquery.Client("test-project", credentials=AnonymousCredentials())
    made = Table(client)
    yield made
    made.channel.close()
    client.close()


def test_rows_that_were_answered_are_there(table: Table) -> None:
    for start in range(0, 30, 10):
        assert table.writer.append([table.row(f"{number:02d}") for number in range(start, start + 10)]) == {}
    assert table.ids() == [f"{number:02d}" for number in range(30)]


def test_b8_a_bad_row_comes_back_with_the_reason_and_the_others_are_written(table: Table) -> None:
    rows = [table.row("a"), table.bad_row(), table.row("b"), table.bad_row()]
    refused = table.writer.append(rows)
    assert refused.keys() == {1, 3}
    assert all(reason.startswith("FIELDS_ERROR") for reason in refused.values())
    assert table.ids() == ["a", "b"]
    assert table.writer.append([table.row("c")]) == {}


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "INTERNAL"])
def test_b8_a_service_that_is_away_is_for_later_and_the_next_try_succeeds(
    cloud: LocalCloud, table: Table, code: str
) -> None:
    cloud.faults.add(Fault(method="bigquerystorage.AppendRows", code=code, calls=1))
    with pytest.raises(RetryLater) as caught:
        table.writer.append([table.row("a")])
    assert not isinstance(caught.value, Misconfigured)
    assert table.writer.append([table.row("a")]) == {}
    assert table.ids() == ["a"]


def test_b5_an_answer_lost_after_the_effect_writes_the_same_id_again(cloud: LocalCloud, table: Table) -> None:
    cloud.faults.add(Fault(method="bigquerystorage.AppendRows", when="after", calls=1))
    with pytest.raises(RetryLater):
        table.writer.append([table.row("a")])
    assert table.writer.append([table.row("a")]) == {}
    assert table.ids() == ["a", "a"]


def test_a_row_larger_than_a_request_is_refused_and_the_others_are_written(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage_write, "REQUEST_BYTES", 100)
    refused = table.writer.append([table.row("a"), table.row("x" * 200), table.row("b")])
    assert refused.keys() == {1}
    assert table.ids() == ["a", "b"]


def test_no_answer_at_all_ends_in_time(cloud: LocalCloud, table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_write, "ANSWER_SECONDS", 0.3)
    fault = cloud.faults.add(Fault(method="bigquerystorage.AppendRows", action="hang"))
    with pytest.raises(RetryLater):
        table.writer.append([table.row("a")])
    cloud.faults.remove(fault)
    monkeypatch.undo()


def test_an_old_connection_is_replaced_before_it_is_used(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    assert table.writer.append([table.row("a")]) == {}
    monkeypatch.setattr(storage_write, "CONNECTION_SECONDS", 0.0)
    assert table.writer.append([table.row("b")]) == {}
    assert table.ids() == ["a", "b"]


def test_a_missing_table_is_someone_s_to_make(cloud: LocalCloud, table: Table) -> None:
    writer: Any = TableWriter(table.channel, "test-project.storage_write.nobody", table.encoder.descriptor)
    with pytest.raises(Misconfigured, match=r"storage_write\.nobody"):
        writer.append([table.row("a")])


@given(sizes=st.lists(st.integers(0, 9_000_000), max_size=8))
def test_requests_hold_every_row_once_in_order_and_stay_below_the_limit(sizes: list[int]) -> None:
    rows = [b"x" * size for size in sizes]
    made = parts(rows)
    assert [index for part in made for index in part] == [n for n, size in enumerate(sizes) if size <= 8_000_000]
    assert all(len(part) == 1 or sum(len(rows[index]) for index in part) <= 8_000_000 for part in made)
