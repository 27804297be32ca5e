"""Cloud Storage subscriptions: what is published appears in files, and nothing is lost on the way."""

import io
import re
from collections.abc import Callable
from typing import Any

import fastavro
import pytest
from google.api_core import exceptions
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1.types import Subscription

from localcloud.cloud import LocalCloud
from localcloud.faults import Fault

Eventually = Callable[..., None]


def export(lab: Any, topic: str, bucket: str, ack_deadline_seconds: int = 60, **config: Any) -> str:
    wanted = {"bucket": bucket, "max_duration": Duration(seconds=60), **config}
    name: str = lab.subscription(topic, cloud_storage_config=wanted, ack_deadline_seconds=ack_deadline_seconds)
    return name


def state(lab: Any, subscription: str) -> tuple[str, str]:
    found = lab.subscriber.get_subscription(subscription=subscription)
    return found.state.name, found.cloud_storage_config.state.name


def records(content: bytes) -> list[Any]:
    return list(fastavro.reader(io.BytesIO(content)))


@pytest.fixture
def files(cloud: LocalCloud, sinks: Any, eventually: Eventually) -> Callable[..., list[tuple[str, bytes]]]:
    """The files of a bucket once there are so many, time running fast meanwhile."""

    def wait(bucket: str, count: int = 1, fast: bool = True) -> list[tuple[str, bytes]]:
        found: list[tuple[str, bytes]] = []

        def there() -> bool:
            if fast:
                cloud.clock.advance(10)
            found[:] = sinks.files(bucket)
            return len(found) >= count

        eventually(there)
        return found

    return wait


def test_avro_files_hold_all_metadata(cloud: LocalCloud, lab: Any, sinks: Any, files: Any) -> None:
    bucket, topic = sinks.bucket(), lab.topic()
    subscription = export(
        lab, topic, bucket, avro_config={"write_metadata": True}, filename_prefix="dead/", filename_suffix=".avro"
    )
    before = cloud.clock.time()
    number, second = lab.publish(topic, bytes(range(256)), b"", ordering_key="k", ä="ü")
    ((name, content),) = files(bucket)
    assert re.fullmatch(r"dead/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00_[0-9a-f]{12}\.avro", name)
    first, last = records(content)
    published = first.pop("publish_time").timestamp()
    assert before - 0.001 <= published <= cloud.clock.time()
    assert first == {
        "subscription_name": subscription,
        "message_id": number,
        "attributes": {"ä": "ü", "ordering_key": "k"},
        "data": bytes(range(256)),
    }
    assert (last["message_id"], last["data"]) == (second, b"")


def test_avro_files_without_metadata_hold_the_data_alone(lab: Any, sinks: Any, files: Any) -> None:
    bucket, topic = sinks.bucket(), lab.topic()
    export(lab, topic, bucket, avro_config={})
    lab.publish(topic, b"a", b"b")
    ((_, content),) = files(bucket)
    assert records(content) == [{"data": b"a"}, {"data": b"b"}]


def test_text_files_have_a_message_a_line(lab: Any, sinks: Any, files: Any) -> None:
    bucket, topic = sinks.bucket(), lab.topic()
    export(lab, topic, bucket, filename_datetime_format="YYYY/MM/DD/hh_mm_ssZ")
    lab.publish(topic, b"one", b"two")
    ((name, content),) = files(bucket)
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\d\d_\d\d_\d\dZ_[0-9a-f]{12}", name)
    assert content == b"one\ntwo"


def test_a_file_ends_with_its_messages(lab: Any, sinks: Any, files: Any, cloud: LocalCloud) -> None:
    bucket, topic = sinks.bucket(), lab.topic()
    export(lab, topic, bucket, max_messages=1000)
    lab.publish(topic, *(b"%d" % number for number in range(1000)))
    lab.publish(topic, *(b"%d" % number for number in range(1000, 1500)))
    ((_, content),) = files(bucket, fast=False)
    assert len(content.split(b"\n")) == 1000
    contents = [content for _, content in files(bucket, 2)]
    lines = [line for content in contents for line in content.split(b"\n")]
    assert sorted(lines, key=int) == [b"%d" % number for number in range(1500)]


def test_a_file_ends_with_its_bytes_and_may_hold_one_message_that_is_larger(lab: Any, sinks: Any, files: Any) -> None:
    bucket, topic = sinks.bucket(), lab.topic()
    export(lab, topic, bucket, max_bytes=1000)
    lab.publish(topic, b"a" * 5000, b"b" * 600, b"c" * 600)
    found = sorted(content for _, content in files(bucket, 3))
    assert found == [b"a" * 5000, b"b" * 600, b"c" * 600]


def test_a_file_ends_with_its_age_and_not_before(cloud: LocalCloud, lab: Any, sinks: Any, files: Any) -> None:
    bucket, topic = sinks.bucket(), lab.topic()
    subscription = export(lab, topic, bucket)
    lab.publish(topic, b"x")
    idle = lab.subscription(topic)
    for seconds in (0, 50):
        cloud.clock.advance(seconds)
        lab.subscriber.pull(subscription=idle, max_messages=1)  # takes a second, and with it many looks of the export
    assert sinks.files(bucket) == []
    assert [content for _, content in files(bucket)] == [b"x"]
    assert state(lab, subscription) == ("ACTIVE", "ACTIVE")


def test_a_bucket_deleted_and_made_again_gets_all_that_was_published_meanwhile(
    cloud: LocalCloud, lab: Any, sinks: Any, files: Any, eventually: Eventually
) -> None:
    bucket, topic = sinks.bucket(), lab.topic()
    subscription = export(lab, topic, bucket)
    sinks.storage.bucket(bucket).delete()
    lab.publish(topic, b"during")

    def told() -> bool:
        cloud.clock.advance(10)
        return state(lab, subscription) == ("RESOURCE_ERROR", "NOT_FOUND")

    eventually(told)
    sinks.storage.create_bucket(bucket)
    assert [content for _, content in files(bucket)] == [b"during"]
    eventually(lambda: state(lab, subscription) == ("ACTIVE", "ACTIVE"))


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", ["fail", "reset"])
def test_a_storage_that_fails_in_passing_costs_nothing_and_doubles_nothing(
    cloud: LocalCloud, lab: Any, sinks: Any, files: Any, kind: Any, when: Any
) -> None:
    bucket, topic = sinks.bucket(), lab.topic()
    export(lab, topic, bucket)
    number = cloud.faults.add(Fault(method="storage.objects.insert", action=kind, when=when, calls=1))
    lab.publish(topic, b"a", b"b")
    assert [content for _, content in files(bucket)] == [b"a\nb"]
    lab.publish(topic, b"c")
    assert sorted(content for _, content in files(bucket, 2)) == [b"a\nb", b"c"]
    assert [decision.fault_id for decision in cloud.faults.log].count(number) == 1


def test_a_failed_file_counts_as_a_delivery_and_ends_with_the_dead_letters(
    cloud: LocalCloud, lab: Any, sinks: Any, eventually: Eventually
) -> None:
    bucket, topic, dead = sinks.bucket(), lab.topic(), lab.topic()
    desk = lab.subscription(dead)
    policy = {"dead_letter_topic": dead, "max_delivery_attempts": 5}
    config = {"bucket": bucket, "max_duration": Duration(seconds=60)}
    lab.subscription(topic, cloud_storage_config=config, ack_deadline_seconds=60, dead_letter_policy=policy)
    cloud.faults.add(Fault(method="storage.objects.insert", code="PERMISSION_DENIED"))
    lab.publish(topic, b"x")
    letters: list[bytes] = []

    def arrived() -> bool:
        cloud.clock.advance(30)
        letters.extend(lab.data(desk))
        return bool(letters)

    eventually(arrived)
    assert letters == [b"x"]


def test_what_an_open_file_holds_goes_where_the_subscription_is_turned_to(
    lab: Any, sinks: Any, eventually: Eventually
) -> None:
    bucket, table, topic = sinks.bucket(), sinks.table("data:STRING"), lab.topic()
    subscription = export(lab, topic, bucket)
    lab.publish(topic, b"x")
    wanted = Subscription(name=subscription, bigquery_config={"table": table})
    mask = FieldMask(paths=["bigquery_config", "cloud_storage_config"])
    lab.subscriber.update_subscription(subscription=wanted, update_mask=mask)
    eventually(lambda: sinks.column(table, "data") == ["x"])
    assert lab.subscriber.get_subscription(subscription=subscription).state.name == "ACTIVE"
    assert sinks.files(bucket) == []


def test_defaults_are_google_s(lab: Any, sinks: Any) -> None:
    subscription = lab.subscription(lab.topic(), cloud_storage_config={"bucket": sinks.bucket()})
    found = lab.subscriber.get_subscription(subscription=subscription)
    assert found.cloud_storage_config.max_duration.total_seconds() == 300
    assert "text_config" in found.cloud_storage_config
    assert found.ack_deadline_seconds == 300


@pytest.mark.parametrize(
    ("config", "error", "words"),
    [
        ({"bucket": "no-such-bucket-here"}, exceptions.NotFound, "bucket does not exist"),
        ({"bucket": "gs://x"}, exceptions.InvalidArgument, "bare name"),
        ({"filename_suffix": "a/"}, exceptions.InvalidArgument, "filename_suffix"),
        ({"filename_datetime_format": "YYYY"}, exceptions.InvalidArgument, "it needs MM, once"),
        ({"max_duration": Duration(seconds=59)}, exceptions.InvalidArgument, "from 60 to 600"),
        ({"max_duration": Duration(seconds=601)}, exceptions.InvalidArgument, "from 60 to 600"),
        ({"max_duration": Duration(seconds=61)}, exceptions.InvalidArgument, "acknowledgment deadline"),
        ({"max_bytes": 999}, exceptions.InvalidArgument, "max_bytes"),
        ({"max_messages": 999}, exceptions.InvalidArgument, "max_messages"),
        ({"avro_config": {"use_topic_schema": True}}, exceptions.MethodNotImplemented, "use_topic_schema"),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    lab: Any, sinks: Any, config: dict[str, Any], error: type[Exception], words: str
) -> None:
    bucket, topic = sinks.bucket(), lab.topic()
    with pytest.raises(error, match=words):
        export(lab, topic, **{"bucket": bucket, **config})
