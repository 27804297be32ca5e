"""B5, B8, B11 for the warehouse: whatever fails between a row and its answer, each id is in the table once in effect.

Rows go through the real wire to localcloud's BigQuery, which is told to misbehave. "Once in effect" is what the
deduplicating query shows, the same that the director's view is made of.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from beam_jobs.embedded import Graph, Metrics
from beam_jobs.errors import Misconfigured, RetryLater
from beam_jobs.stages import Result
from beam_jobs.warehouse import storage_write
from beam_jobs.warehouse.config import WarehouseConfig
from beam_jobs.warehouse.pipeline import build
from beam_jobs.warehouse.transforms import RowWriter
from bridge import envelope
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from tests.beam_jobs.warehouse.tables import Table, ids, messages

APPEND = "bigquerystorage.AppendRows"
SUBSCRIPTION = "projects/test-project/subscriptions/warehouse"
REQUESTS, ROWS = 4, 3  # requests of a batch, and rows of a request


@pytest.fixture
def table(cloud: LocalCloud) -> Iterator[Table]:
    client = bigquery.Client("test-project", credentials=AnonymousCredentials())
    made = Table(client)
    yield made
    made.close()
    client.close()


@pytest.fixture(autouse=True)
def small_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_write, "REQUEST_ROWS", ROWS)


def stage(table: Table, **options: Any) -> RowWriter:
    """As a process has it that has just begun."""
    return RowWriter(table.encoder, table.writer(**options), SUBSCRIPTION)


def until_done(table: Table, batch: Sequence[bytes], one: RowWriter | None, most: int = 3) -> Result:
    """As an engine does: the same batch again while the service is away; with `one` None by a new process each time."""
    for _ in range(most):
        try:
            return (one or stage(table))(batch)
        except RetryLater:
            continue
    raise AssertionError(f"not done after {most} tries")


def dead(result: Result) -> dict[str, Any]:
    return {(message := envelope.parse(raw)).attributes["ce-id"]: message for raw in result.dead_letters}


@pytest.mark.parametrize("fresh", [False, True], ids=["same process", "new process"])
@pytest.mark.parametrize("warm", [False, True], ids=["first connection", "kept connection"])
@pytest.mark.parametrize("action", ["fail", "reset"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("request_number", range(REQUESTS))
def test_b5_a_failure_at_any_request_before_or_after_its_effect_leaves_each_id_once(
    cloud: LocalCloud, table: Table, request_number: int, when: Any, action: Any, warm: bool, fresh: bool
) -> None:
    batch = messages(ids(REQUESTS * ROWS))
    one = stage(table)
    if warm:
        assert one(messages(["warm"])).done == 1
    struck = ids(REQUESTS * ROWS)[request_number * ROWS]
    cloud.faults.add(Fault(method=APPEND, when=when, action=action, calls=1, marker=struck))
    result = until_done(table, batch, None if fresh and not warm else one)
    assert (result.done, result.dead_letters) == (len(batch), [])
    assert [one for one in table.ids_once() if one != "warm"] == ids(REQUESTS * ROWS)
    assert len(table.ids()) <= 2 * len(batch) + warm
    assert cloud.faults.log[-1].method == APPEND


def test_b5_a_bundle_that_is_run_again_after_all_its_effects_changes_nothing(table: Table) -> None:
    batch = messages(ids(10))
    for _ in range(3):
        assert stage(table)(batch).done == 10
    assert table.ids() == sorted(ids(10) * 3)
    assert table.ids_once() == ids(10)


def test_b5_another_cut_of_the_batches_changes_nothing_either(table: Table) -> None:
    batch = messages(ids(10))
    one = stage(table)
    for part in (batch[:7], batch[5:], batch[::-1]):
        one(part)
    assert table.ids_once() == ids(10)


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_b8_errors_at_random_are_outlived_without_loss(cloud: LocalCloud, table: Table, share: float) -> None:
    for seed, code in enumerate(("INTERNAL", "RESOURCE_EXHAUSTED", "UNAVAILABLE")):
        for when in ("before", "after"):
            cloud.faults.add(Fault(method=APPEND, code=code, when=when, share=share / 6, seed=seed))  # type: ignore[arg-type]
    one = stage(table)
    for start in range(0, 60, 12):
        until_done(table, messages(ids(60)[start : start + 12]), one, most=50)
    cloud.faults.clear()
    assert table.ids_once() == ids(60)


def test_b8_bad_rows_are_dead_letters_with_the_reason_and_hold_nobody_up(table: Table) -> None:
    good = messages(ids(8))
    bad = envelope.data(b'{"facts": "x"}') + envelope.attributes({"other": "no id"})
    result = stage(table)([*good[:4], bad, *good[4:]])
    assert (result.done, len(result.dead_letters)) == (8, 1)
    (letter,) = (envelope.parse(raw) for raw in result.dead_letters)
    assert letter.attributes["dead_letter.reason"] == "missing_value"
    assert letter.attributes["dead_letter.message"] == "column ce_id: REQUIRED, and there is none"
    assert letter.data == b'{"facts": "x"}'
    assert table.ids() == ids(8)


def test_b8_what_bigquery_refuses_is_a_dead_letter_in_its_words(table: Table) -> None:
    """The column in the table is shorter than the mapping can know."""
    table.client.delete_table(table.name)
    schema = [
        bigquery.SchemaField("ce_id", "STRING", "REQUIRED", max_length=7),
        bigquery.SchemaField("facts", "JSON"),
        bigquery.SchemaField("written_at", "TIMESTAMP", "REQUIRED"),
    ]
    table.client.create_table(bigquery.Table(table.name, schema))
    batch = messages([*ids(5), "much longer", *ids(8)[5:]])
    result = stage(table)(batch)
    assert result.done == 8
    (letter,) = dead(result).values()
    assert letter.attributes["dead_letter.reason"] == "row_refused"
    assert "ce_id" in letter.attributes["dead_letter.message"]
    assert "maximum length 7" in letter.attributes["dead_letter.message"]
    assert table.ids() == ids(8)


def test_b8_quota_is_waited_for(cloud: LocalCloud, table: Table) -> None:
    cloud.faults.add(Fault(method=APPEND, code="RESOURCE_EXHAUSTED", calls=2))
    one = stage(table)
    for _ in range(2):
        with pytest.raises(RetryLater, match="RESOURCE_EXHAUSTED"):
            one(messages(ids(2)))
    assert one(messages(ids(2))).done == 2
    assert table.ids_once() == ids(2)


def test_b8_a_schema_that_cannot_be_read_is_waited_for_too(cloud: LocalCloud, table: Table) -> None:
    cloud.faults.add(Fault(method="bigquerystorage.GetWriteStream", calls=1))
    one = stage(table)
    with pytest.raises(RetryLater, match="reading the schema"):
        one(messages(ids(2)))
    cloud.faults.add(Fault(method="bigquerystorage.GetWriteStream", code="PERMISSION_DENIED", calls=1))
    with pytest.raises(Misconfigured, match="PERMISSION_DENIED"):
        one(messages(ids(2)))
    assert one(messages(ids(2))).done == 2


def test_b8_schema_drift_keeps_the_job_alive(table: Table) -> None:
    one, other = stage(table), stage(table, on_schema_change="dead_letter")
    for each in (one, other):
        assert each(messages(["before"])).done == 1
    table.recreate([table.columns[0], table.columns[2]])
    with pytest.raises(Misconfigured, match="column facts"):
        one(messages(ids(2)))
    result = other(messages(ids(2)))
    assert (result.done, dead(result).keys()) == (0, set(ids(2)))
    table.recreate(table.columns)
    assert one(messages(ids(2))).done == 2
    assert other(messages(ids(2))).done == 2
    assert table.ids_once() == ids(2)


def test_b11_whatever_comes_in_is_a_row_or_a_dead_letter_by_id(table: Table) -> None:
    payloads = [
        b"", b"no json", b"\xff\xfe", b"{}", b"null", b"[" * 5_000, b'{"facts": 1e999}', b'{"facts": NaN}',
        b'{"facts": "\\ud800"}', b'{"facts": "\\u0000"}', b'{"facts": ' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"facts": ' + b"9" * 400 + b"}", b'{"facts": "' + b"x" * 2_000_000 + b'"}', "{\"facts\": \"ü\"}".encode(),
    ]  # fmt: skip
    names = ids(len(payloads))
    batch = [raw for name, payload in zip(names, payloads, strict=True) for raw in messages([name], payload)]
    result = stage(table)(batch)
    assert result.done + len(result.dead_letters) == len(batch)
    assert sorted([*table.ids(), *dead(result)]) == names
    assert all(letter.attributes["dead_letter.reason"] for letter in dead(result).values())


def test_the_job_counts_what_becomes_of_rows(cloud: LocalCloud, table: Table) -> None:
    config = WarehouseConfig(
        subscription=SUBSCRIPTION,
        dead_letter_topic=_topic(table),
        table=table.name,
        columns=table.columns,
    )
    graph = Graph("warehouse", lambda pipeline, edges: build(pipeline, config, edges))
    first: Metrics = graph.run([*messages(ids(7)), envelope.data(b"no id")])
    assert first.outcomes == {"in": 8, "out": 7, "dead_lettered": 1}
    assert first.details == {"connections": 1, "requests": 3, "bytes": first.details["bytes"], "rows": 7}
    cloud.faults.add(Fault(method=APPEND, calls=1, marker="id-0004"))
    table.add(bigquery.SchemaField("new", "STRING"))
    second = graph.run(messages(ids(7)))
    assert second.details["rows"] == 7
    assert second.details["connections"] == 1
    assert second.details["resent_rows"] >= ROWS
    assert second.details["schema_updates"] == 1
    assert table.ids_once() == ids(7)


def _topic(table: Table) -> str:
    from google.pubsub_v1 import PublisherClient
    from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

    from director.endpoints import channel

    name = f"projects/test-project/topics/dead-{table.name.rsplit('.', 1)[-1]}"
    with PublisherClient(transport=PublisherGrpcTransport(channel=channel("pubsub"))) as publisher:
        publisher.create_topic(name=name)
    return name
