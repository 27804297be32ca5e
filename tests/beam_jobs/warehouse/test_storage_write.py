"""Rows are there once they are answered; bad ones come back with the reason; an outage is waited for by the caller."""

import threading
from typing import Any

import pytest
from google.cloud import bigquery
from hypothesis import given
from hypothesis import strategies as st

from beam_jobs.errors import Misconfigured, RetryLater
from beam_jobs.warehouse import storage_write
from beam_jobs.warehouse.config import Column
from beam_jobs.warehouse.storage_write import LARGEST_ROW, REQUEST_BYTES, REQUEST_ROWS, parts
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from tests.beam_jobs.warehouse.tables import COLUMNS, Table, ids

APPEND = "bigquerystorage.AppendRows"


def test_rows_that_were_answered_are_there(table: Table) -> None:
    writer = table.writer()
    assert writer.append(table.rows(30)) == {}
    assert writer.append([]) == {}
    assert table.ids() == ids(30)


def test_several_requests_are_under_way_at_once(
    cloud: LocalCloud, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers of one connection come in order: with the first held back, all requests are written all the same."""
    monkeypatch.setattr(storage_write, "REQUEST_ROWS", 2)
    writer = table.writer()
    assert writer.append(table.rows(1)) == {}
    hold = cloud.faults.add(Fault(method=APPEND, when="after", action="hang"))
    done = threading.Thread(target=writer.append, args=(table.rows(12),))
    done.start()
    while table.ids_once() != ids(12):  # all six are written while the first has no answer
        assert done.is_alive()
    cloud.faults.remove(hold)
    done.join(timeout=20)
    assert not done.is_alive()


@pytest.mark.parametrize("request_rows", [1, 3, 100])
def test_b8_bad_rows_come_back_with_the_reason_and_the_others_are_written(
    table: Table, request_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage_write, "REQUEST_ROWS", request_rows)
    writer = table.writer()
    rows = table.rows(12)
    for index in (1, 3, 11):
        rows[index] = table.bad_row()
    refused = writer.append(rows)
    assert refused.keys() == {1, 3, 11}
    assert all(reason.startswith("FIELDS_ERROR: Invalid JSON") for reason in refused.values())
    assert table.ids() == [one for number, one in enumerate(ids(12)) if number not in refused]
    assert writer.append([table.row("later")]) == {}


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "INTERNAL"])
def test_b8_a_service_that_is_away_is_for_later_and_the_next_try_succeeds(
    cloud: LocalCloud, table: Table, code: str
) -> None:
    writer = table.writer()
    cloud.faults.add(Fault(method=APPEND, code=code, calls=1))
    with pytest.raises(RetryLater) as caught:
        writer.append(table.rows(1))
    assert not isinstance(caught.value, Misconfigured)
    assert writer.append(table.rows(1)) == {}
    assert table.ids() == ids(1)


def test_b8_quota_is_for_later_on_a_connection_that_worked_too(cloud: LocalCloud, table: Table) -> None:
    writer = table.writer()
    assert writer.append(table.rows(1)) == {}
    cloud.faults.add(Fault(method=APPEND, code="RESOURCE_EXHAUSTED", calls=1))
    with pytest.raises(RetryLater, match="RESOURCE_EXHAUSTED"):
        writer.append([table.row("later")])


@pytest.mark.parametrize("action", ["fail", "reset"])
def test_a_connection_that_worked_and_ends_is_replaced_and_only_the_unanswered_is_sent_again(
    cloud: LocalCloud, table: Table, action: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage_write, "REQUEST_ROWS", 2)
    writer = table.writer()
    cloud.faults.add(Fault(method=APPEND, action=action, calls=1, marker="id-0004"))
    assert writer.append(table.rows(8)) == {}
    assert table.ids() == ids(8)


def test_b5_an_answer_lost_after_the_effect_writes_the_same_id_again(cloud: LocalCloud, table: Table) -> None:
    writer = table.writer()
    cloud.faults.add(Fault(method=APPEND, when="after", calls=1))
    with pytest.raises(RetryLater):
        writer.append(table.rows(1))
    assert writer.append(table.rows(1)) == {}
    assert table.ids() == ids(1) * 2
    assert table.ids_once() == ids(1)


def test_a_row_larger_than_a_request_is_refused_and_the_others_are_written(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage_write, "LARGEST_ROW", 100)
    refused = table.writer().append([table.row("a"), table.row("x" * 200), table.row("b")])
    assert refused.keys() == {1}
    assert table.ids() == ["a", "b"]


def test_rows_of_megabytes_go_through(table: Table) -> None:
    assert table.writer().append([table.row(one, "x" * 9_000_000) for one in ids(2)]) == {}
    assert table.ids() == ids(2)


def test_no_answer_at_all_ends_in_time(cloud: LocalCloud, table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_write, "ANSWER_SECONDS", 0.3)
    writer = table.writer()
    fault = cloud.faults.add(Fault(method=APPEND, action="hang"))
    with pytest.raises(RetryLater):
        writer.append(table.rows(1))
    cloud.faults.remove(fault)
    monkeypatch.undo()
    assert writer.append([table.row("later")]) == {}


def test_a_connection_that_was_idle_is_replaced_before_it_is_used(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = table.writer()
    assert writer.append([table.row("a")]) == {}
    first = writer.connection()
    writer.give_back(first)
    assert writer.connection() is first
    writer.give_back(first)
    monkeypatch.setattr(storage_write, "IDLE_SECONDS", 0.0)
    assert writer.connection() is not first
    assert writer.append([table.row("b")]) == {}
    assert table.ids() == ["a", "b"]


def test_threads_do_not_wait_for_one_another_s_answers(cloud: LocalCloud, table: Table) -> None:
    writer = table.writer()
    hold = cloud.faults.add(Fault(method=APPEND, action="hang", marker="held"))
    held = threading.Thread(target=writer.append, args=([table.row("held")],))
    held.start()
    assert writer.append([table.row("free")]) == {}
    cloud.faults.remove(hold)
    held.join(timeout=20)
    assert table.ids() == ["free", "held"]


def test_a_missing_table_is_someone_s_to_make(table: Table) -> None:
    writer = table.writer()
    table.client.delete_table(table.name)
    with pytest.raises(Misconfigured, match=r"streams/_default: NOT_FOUND"):
        writer.append(table.rows(1))
    table.create(COLUMNS)
    assert writer.append(table.rows(1)) == {}


def test_a_table_that_lacks_a_column_is_refused_before_anything_is_written(table: Table) -> None:
    table.recreate([COLUMNS[0], COLUMNS[2]])
    with pytest.raises(
        Misconfigured, match="column facts JSON NULLABLE is wanted, but the table has none; let the dir"
    ):
        table.writer().append(table.rows(1))
    assert table.ids() == []


def test_b8_a_column_that_is_added_meanwhile_changes_nothing(table: Table, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    writer = table.writer()
    assert writer.append([table.row("a")]) == {}
    table.add(bigquery.SchemaField("site", "STRING"))
    assert writer.append([table.row("b")]) == {}
    assert writer.append([table.row("c")]) == {}
    assert table.ids() == ["a", "b", "c"]
    assert caplog.text.count("has a new schema; not written by this job: site STRING NULLABLE") == 1


def test_b8_a_column_that_is_dropped_holds_the_rows_until_it_is_back(table: Table) -> None:
    writer = table.writer()
    assert writer.append([table.row("a")]) == {}
    table.recreate([COLUMNS[0], COLUMNS[2]])
    for _ in range(2):
        with pytest.raises(Misconfigured, match="column facts JSON NULLABLE is wanted, but the table has none"):
            writer.append([table.row("b")])
    table.add(bigquery.SchemaField("facts", "JSON"))
    assert writer.append([table.row("b")]) == {}
    assert table.ids() == ["b"]


def test_b8_or_makes_them_dead_with_an_alert_where_the_config_says_so(
    table: Table, caplog: pytest.LogCaptureFixture
) -> None:
    writer = table.writer(on_schema_change="dead_letter")
    assert writer.append([table.row("a")]) == {}
    table.recreate([COLUMNS[0], COLUMNS[2]])
    for _ in range(2):  # over the connection that is open, then over new ones
        refused = writer.append(table.rows(3))
        assert refused.keys() == {0, 1, 2}
        assert "schema_mismatch" in refused[0]
        assert "column facts" in refused[0]
    assert "the table no longer takes our rows" in caplog.text
    assert [record.levelname for record in caplog.records if "no longer" in record.message] == ["ERROR"] * 2
    table.recreate(COLUMNS)
    assert writer.append([table.row("b")]) == {}


def test_a_request_refused_whole_is_halved_until_the_row_to_blame_stands_alone(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """BigQuery may refuse a request as INVALID_ARGUMENT without naming a row: here for a request that is too large."""
    monkeypatch.setattr(storage_write, "LARGEST_ROW", 20_000_000)
    rows = table.rows(6)
    rows[4] = table.row("large", "x" * 10_500_000)
    monkeypatch.setattr(storage_write, "REQUEST_BYTES", 100_000_000)
    refused = table.writer().append(rows)
    assert refused.keys() == {4}
    assert "over the limit" in refused[4]
    assert table.ids() == [one for one in ids(6) if one != "id-0004"]


@given(sizes=st.lists(st.integers(0, 12_000_000), max_size=8))
def test_requests_hold_every_row_once_in_order_and_stay_below_the_limit(sizes: list[int]) -> None:
    rows = [b"x" * size for size in sizes]
    made = parts(rows)
    assert [index for part in made for index in part] == [n for n, size in enumerate(sizes) if size <= LARGEST_ROW]
    assert all(len(part) == 1 or sum(len(rows[index]) for index in part) <= REQUEST_BYTES for part in made)


def test_requests_hold_a_bounded_number_of_rows() -> None:
    made = parts([b"x"] * 1_201)
    assert [len(part) for part in made] == [REQUEST_ROWS, REQUEST_ROWS, 201]


def test_a_mapping_with_other_types_than_the_table_is_refused(table: Table) -> None:
    other = Column(name="facts", type="INT64", pointer="/x")
    table.recreate([COLUMNS[0], other, COLUMNS[2]])
    with pytest.raises(Misconfigured, match="facts JSON NULLABLE is wanted, but the table has INT64 NULLABLE"):
        table.writer().append(table.rows(1))
