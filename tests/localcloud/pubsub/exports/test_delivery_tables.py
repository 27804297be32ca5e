"""BigQuery subscriptions: what is published appears as rows, and nothing is lost on the way."""

import base64
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from google.api_core import exceptions
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1.types import BigQueryConfig, Subscription

from localcloud.cloud import LocalCloud, Options, in_thread
from localcloud.faults import Fault

Eventually = Callable[..., None]


def export(lab: Any, topic: str, table: str, **settings: Any) -> str:
    config = {key: settings.pop(key) for key in list(settings) if key in BigQueryConfig.meta.fields}
    name: str = lab.subscription(topic, bigquery_config={"table": table, **config}, **settings)
    return name


def state(lab: Any, subscription: str) -> tuple[str, str]:
    found = lab.subscriber.get_subscription(subscription=subscription)
    return found.state.name, found.bigquery_config.state.name


def test_metadata_and_any_bytes_appear_with_their_values(
    cloud: LocalCloud, lab: Any, sinks: Any, metadata: Iterable[str], eventually: Eventually
) -> None:
    table, topic = sinks.table(*metadata, "data:BYTES"), lab.topic()
    subscription = export(lab, topic, table, write_metadata=True)
    payload = bytes(range(256))
    before = cloud.clock.time()
    (number,) = lab.publish(topic, payload, ordering_key="k", **{"dead_letter.reason": "ü"})
    eventually(lambda: sinks.rows(table))
    (row,) = sinks.rows(table)
    published = row.pop("publish_time")
    assert before - 0.001 <= published.timestamp() <= cloud.clock.time()
    assert row == {
        "subscription_name": subscription,
        "message_id": number,
        "attributes": {"dead_letter.reason": "ü", "ordering_key": "k"},
        "data": payload,
    }
    assert state(lab, subscription) == ("ACTIVE", "ACTIVE")


def test_attributes_may_be_text_and_data_text_or_json(lab: Any, sinks: Any, eventually: Eventually) -> None:
    columns = ("subscription_name:STRING", "message_id:STRING", "publish_time:TIMESTAMP", "attributes:STRING")
    text, document, topic = sinks.table(*columns, "data:STRING"), sinks.table(*columns, "data:JSON"), lab.topic()
    for table in (text, document):
        export(lab, topic, table, write_metadata=True)
    lab.publish(topic, b'{"a": [1]}', site="north")
    eventually(lambda: sinks.rows(text) and sinks.rows(document))
    assert (sinks.rows(text)[0]["data"], sinks.rows(document)[0]["data"]) == ('{"a": [1]}', {"a": [1]})
    assert json.loads(sinks.rows(text)[0]["attributes"]) == {"site": "north"}


def test_without_metadata_only_the_data_is_written(lab: Any, sinks: Any, eventually: Eventually) -> None:
    table, topic = sinks.table("data:BYTES"), lab.topic()
    export(lab, topic, table)
    lab.publish(topic, b"one", b"two")
    eventually(lambda: sinks.column(table, "data") == [b"one", b"two"])


def test_with_the_table_s_schema_fields_of_the_payload_become_columns(
    lab: Any, sinks: Any, eventually: Eventually
) -> None:
    table = sinks.table("device:STRING", "value:FLOAT64", "at:TIMESTAMP", "raw:BYTES", "extra:JSON", "site:STRING")
    topic = lab.topic()
    export(lab, topic, table, use_table_schema=True)
    payload = {
        "device": "d-1",
        "value": 20.5,
        "at": 1_700_000_000_000_001,
        "raw": base64.b64encode(b"\x00\xff").decode(),
        "extra": {"a": [1, None]},
    }
    lab.publish(topic, json.dumps(payload).encode())
    eventually(lambda: sinks.rows(table))
    assert sinks.rows(table) == [
        {
            "device": "d-1",
            "value": 20.5,
            "at": datetime.fromtimestamp(1_700_000_000, UTC).replace(microsecond=1),
            "raw": b"\x00\xff",
            "extra": {"a": [1, None]},
            "site": None,
        }
    ]


def test_unknown_fields_are_refused_or_dropped_as_the_subscription_says(
    lab: Any, sinks: Any, eventually: Eventually
) -> None:
    strict, lax, topic, dead = sinks.table("a:INT64"), sinks.table("a:INT64"), lab.topic(), lab.topic()
    desk = lab.subscription(dead)
    policy = {"dead_letter_topic": dead, "max_delivery_attempts": 5}
    export(lab, topic, strict, use_table_schema=True, dead_letter_policy=policy)
    export(lab, topic, lax, use_table_schema=True, drop_unknown_fields=True)
    lab.publish(topic, b'{"a": 1, "b": 2}', b'{"a": 3}')
    eventually(lambda: sinks.column(lax, "a") == [1, 3])
    eventually(lambda: lab.data(desk) == [b'{"a": 1, "b": 2}'])
    assert sinks.column(strict, "a") == [3]


@pytest.mark.parametrize("bad", [b"no json", b"[1]", b'{"a": "x"}', b'{"b": 1}', b"\xff"])
def test_a_row_bigquery_refuses_is_tried_again_and_goes_to_the_dead_letters(
    lab: Any, sinks: Any, eventually: Eventually, bad: bytes
) -> None:
    table, topic, dead = sinks.table("a:INT64:REQUIRED"), lab.topic(), lab.topic()
    desk = lab.subscription(dead)
    policy = {"dead_letter_topic": dead, "max_delivery_attempts": 5}
    subscription = export(lab, topic, table, use_table_schema=True, dead_letter_policy=policy)
    lab.publish(topic, b'{"a": 1}', bad, b'{"a": 2}', kind="x")
    eventually(lambda: sinks.column(table, "a") == [1, 2])
    letters: list[Any] = []
    eventually(lambda: letters.extend(lab.now(desk)) or letters)
    assert [letter.message.data for letter in letters] == [bad]
    assert letters[0].message.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
    assert letters[0].message.attributes["kind"] == "x"
    assert state(lab, subscription) == ("ACTIVE", "ACTIVE")  # one bad message is no bad subscription


def test_a_filter_keeps_out_what_it_does_not_match(lab: Any, sinks: Any, eventually: Eventually) -> None:
    table, topic = sinks.table("data:STRING"), lab.topic()
    export(lab, topic, table, filter='NOT attributes:"retry.to" OR attributes."retry.to" = "me"')
    lab.publish(topic, b"other", **{"retry.to": "you"})
    lab.publish(topic, b"mine", **{"retry.to": "me"})
    lab.publish(topic, b"plain")
    eventually(lambda: sinks.column(table, "data") == ["mine", "plain"])


def test_a_table_deleted_and_made_again_gets_all_that_was_published_meanwhile(
    cloud: LocalCloud, lab: Any, sinks: Any, eventually: Eventually
) -> None:
    table, topic = sinks.table("data:STRING"), lab.topic()
    subscription = export(lab, topic, table)
    lab.publish(topic, b"before")
    eventually(lambda: sinks.column(table, "data") == ["before"])
    sinks.bigquery.delete_table(table)
    lab.publish(topic, b"during")
    eventually(lambda: state(lab, subscription) == ("RESOURCE_ERROR", "NOT_FOUND"))
    sinks.table("data:BYTES", name=table)  # and of another type: what was known of the old one is forgotten
    lab.publish(topic, b"after")
    cloud.clock.advance(60)  # the longest pause between tries
    eventually(lambda: sinks.column(table, "data") == [b"after", b"during"])
    assert state(lab, subscription) == ("ACTIVE", "ACTIVE")


def test_a_table_that_lost_its_columns_is_told_as_a_mismatch(lab: Any, sinks: Any, eventually: Eventually) -> None:
    table, topic = sinks.table("data:STRING"), lab.topic()
    subscription = export(lab, topic, table)
    sinks.bigquery.delete_table(table)
    sinks.table("other:STRING", name=table)
    lab.publish(topic, b"x")
    eventually(lambda: state(lab, subscription) == ("RESOURCE_ERROR", "SCHEMA_MISMATCH"))


@pytest.mark.parametrize(
    "fault",
    [
        Fault(method="bigquery.tabledata.insertAll", code="UNAVAILABLE", calls=3),
        Fault(method="bigquery.tabledata.insertAll", code="RESOURCE_EXHAUSTED", calls=3),
        Fault(method="bigquery.tabledata.insertAll", action="reset", calls=2),
        Fault(method="bigquery.tables.get", code="INTERNAL", calls=2),
    ],
)
def test_a_bigquery_that_fails_in_passing_costs_nothing(
    cloud: LocalCloud, lab: Any, sinks: Any, eventually: Eventually, fault: Fault
) -> None:
    table, topic, dead = sinks.table("data:STRING"), lab.topic(), lab.topic()
    desk = lab.subscription(dead)
    export(lab, topic, table, dead_letter_policy={"dead_letter_topic": dead, "max_delivery_attempts": 5})
    number = cloud.faults.add(fault)
    lab.publish(topic, *(b"%d" % index for index in range(9)))
    eventually(lambda: sinks.column(table, "data") == [str(index) for index in range(9)])
    assert [decision.fault_id for decision in cloud.faults.log].count(number) == fault.calls
    assert lab.data(desk) == []


def test_a_lost_answer_doubles_rows_and_loses_none(
    cloud: LocalCloud, lab: Any, sinks: Any, eventually: Eventually
) -> None:
    """At least once, as the real service promises: `message_id` tells copies apart."""
    table, topic = sinks.table("data:STRING"), lab.topic()
    export(lab, topic, table)
    cloud.faults.add(Fault(method="bigquery.tabledata.insertAll", when="after", calls=1))
    lab.publish(topic, b"x")
    eventually(lambda: sinks.column(table, "data") == ["x", "x"])


def test_a_denied_permission_is_the_state_until_it_is_given(
    cloud: LocalCloud, lab: Any, sinks: Any, eventually: Eventually
) -> None:
    table, topic = sinks.table("data:STRING"), lab.topic()
    subscription = export(lab, topic, table)
    number = cloud.faults.add(Fault(method="bigquery.tabledata.insertAll", code="PERMISSION_DENIED"))
    lab.publish(topic, b"x")
    eventually(lambda: state(lab, subscription) == ("RESOURCE_ERROR", "PERMISSION_DENIED"))
    cloud.faults.remove(number)
    cloud.clock.advance(60)
    eventually(lambda: sinks.column(table, "data") == ["x"])


@pytest.mark.parametrize(
    ("columns", "config", "error", "words"),
    [
        ((), {}, exceptions.NotFound, "Not found: Table"),
        (("other:STRING",), {}, exceptions.InvalidArgument, "column data must be BYTES or STRING or JSON"),
        (("data:INT64",), {}, exceptions.InvalidArgument, "column data"),
        (("data:BYTES",), {"write_metadata": True}, exceptions.InvalidArgument, "column subscription_name"),
        (("data:BYTES",), {"use_topic_schema": True}, exceptions.MethodNotImplemented, "use_topic_schema"),
        (("data:BYTES",), {"drop_unknown_fields": True}, exceptions.InvalidArgument, "use_table_schema"),
        (
            ("data:BYTES",),
            {"use_topic_schema": True, "use_table_schema": True},
            exceptions.InvalidArgument,
            "same time",
        ),
    ],
)
def test_a_table_that_does_not_fit_is_refused_at_creation(
    lab: Any, sinks: Any, columns: tuple[str, ...], config: dict[str, bool], error: type[Exception], words: str
) -> None:
    table = sinks.table(*columns) if columns else f"{sinks.project}.sink.absent"
    with pytest.raises(error, match=words):
        export(lab, lab.topic(), table, **config)


def test_other_settings_that_exclude_each_other_are_refused(lab: Any, sinks: Any) -> None:
    table, topic = sinks.table("data:BYTES"), lab.topic()
    with pytest.raises(exceptions.InvalidArgument, match="Exactly-once"):
        export(lab, topic, table, enable_exactly_once_delivery=True)
    with pytest.raises(exceptions.InvalidArgument, match="only one of"):
        export(lab, topic, table, cloud_storage_config={"bucket": "some-bucket"})
    with pytest.raises(exceptions.InvalidArgument, match=r"projectId\.datasetId\.tableId"):
        export(lab, topic, "sink.table")


def test_nobody_can_pull_from_it(lab: Any, sinks: Any) -> None:
    subscription = export(lab, lab.topic(), sinks.table("data:BYTES"))
    with pytest.raises(exceptions.FailedPrecondition, match="bigquery_config"):
        lab.subscriber.pull(subscription=subscription, max_messages=1)
    future = lab.subscriber.subscribe(subscription, callback=print)
    with pytest.raises(exceptions.FailedPrecondition, match="bigquery_config"):
        future.result(timeout=20)


def test_a_pull_subscription_can_become_an_export_and_back(
    lab: Any, sinks: Any, eventually: Eventually, until: Callable[[Callable[[], bool]], None]
) -> None:
    table, topic = sinks.table("data:STRING"), lab.topic()
    subscription = lab.subscription(topic)
    lab.publish(topic, b"early")
    mask = FieldMask(paths=["bigquery_config"])

    def set_to(config: BigQueryConfig | None) -> None:
        wanted = Subscription(name=subscription, bigquery_config=config)
        lab.subscriber.update_subscription(subscription=wanted, update_mask=mask)

    with pytest.raises(exceptions.NotFound):
        set_to(BigQueryConfig(table=f"{table}x"))
    set_to(BigQueryConfig(table=table))
    eventually(lambda: sinks.column(table, "data") == ["early"])
    set_to(None)
    lab.publish(topic, b"late")
    until(lambda: lab.data(subscription) == [b"late"])
    assert sinks.column(table, "data") == ["early"]


def test_what_waits_is_written_after_a_restart(
    tmp_path: Any, lab_at: Any, sinks_at: Any, eventually: Eventually
) -> None:
    with in_thread(Options(data=tmp_path)) as cloud:
        lab, sinks = lab_at(cloud.grpc_address), sinks_at(cloud)
        table, topic = sinks.table("data:STRING"), lab.topic()
        subscription = export(lab, topic, table)
        cloud.faults.add(Fault(method="bigquery.tabledata.insertAll"))
        lab.publish(topic, b"x")
        eventually(lambda: cloud.faults.log)
    with in_thread(Options(data=tmp_path)) as cloud:
        lab, again = lab_at(cloud.grpc_address), sinks_at(cloud)
        eventually(lambda: again.column(table, "data") == ["x"])
        assert lab.subscriber.get_subscription(subscription=subscription).bigquery_config.table == table
