"""What may be asked of topics and subscriptions, and what is filled in."""

from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1.types import pubsub as types

from localcloud.pubsub import settings
from localcloud.pubsub.backlog import Policy
from localcloud.rpc import RpcError, pb

NAME = "projects/p/subscriptions/sub"
TOPIC = "projects/p/topics/topic"
RetryPolicy = pb(types.RetryPolicy)
DeadLetterPolicy = pb(types.DeadLetterPolicy)
ExpirationPolicy = pb(types.ExpirationPolicy)
PushConfig = pb(types.PushConfig)
BigQueryConfig = pb(types.BigQueryConfig)


def subscription(**wanted: Any) -> Any:
    return settings.subscription(settings.Subscription(name=NAME, topic=TOPIC, **wanted))


def test_defaults_are_google_s() -> None:
    stored = subscription(dead_letter_policy=DeadLetterPolicy(dead_letter_topic=TOPIC))
    assert stored.ack_deadline_seconds == 10
    assert stored.message_retention_duration.seconds == 7 * 24 * 3600
    assert stored.expiration_policy.ttl.seconds == 31 * 24 * 3600
    assert stored.dead_letter_policy.max_delivery_attempts == 5


def test_an_expiration_policy_without_ttl_means_never() -> None:
    assert not subscription(expiration_policy=ExpirationPolicy()).expiration_policy.HasField("ttl")


@pytest.mark.parametrize(
    "wanted",
    [
        {"ack_deadline_seconds": 9},
        {"ack_deadline_seconds": 601},
        {"message_retention_duration": Duration(seconds=599)},
        {"message_retention_duration": Duration(seconds=31 * 24 * 3600 + 1)},
        {"expiration_policy": ExpirationPolicy(ttl=Duration(seconds=3600))},
        {"dead_letter_policy": DeadLetterPolicy(dead_letter_topic="dead")},
        {"dead_letter_policy": DeadLetterPolicy(dead_letter_topic=TOPIC, max_delivery_attempts=4)},
        {"dead_letter_policy": DeadLetterPolicy(dead_letter_topic=TOPIC, max_delivery_attempts=101)},
        {"retry_policy": RetryPolicy(minimum_backoff=Duration(seconds=601))},
        {"retry_policy": RetryPolicy(maximum_backoff=Duration(seconds=5))},
        {"labels": {"Upper": "case"}},
        {"labels": {"key": "no spaces"}},
        {"labels": {f"k{number}": "" for number in range(65)}},
        {"filter": "nonsense"},
    ],
)
def test_values_out_of_range_are_refused(wanted: dict[str, Any]) -> None:
    with pytest.raises(RpcError) as refused:
        subscription(**wanted)
    assert refused.value.code is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("wanted", "named"),
    [
        ({"push_config": PushConfig(push_endpoint="https://example.com")}, "push"),
        ({"bigquery_config": BigQueryConfig(table="p.d.t", use_topic_schema=True)}, "use_topic_schema"),
    ],
)
def test_what_does_not_exist_here_is_named(wanted: dict[str, Any], named: str) -> None:
    with pytest.raises(RpcError, match=named) as refused:
        subscription(**wanted)
    assert refused.value.code is grpc.StatusCode.UNIMPLEMENTED


def test_topics_are_checked_too() -> None:
    with pytest.raises(RpcError, match="ingestion_data_source_settings") as refused:
        settings.topic(settings.Topic(name=TOPIC, ingestion_data_source_settings={"aws_kinesis": {}}))
    assert refused.value.code is grpc.StatusCode.UNIMPLEMENTED
    with pytest.raises(RpcError, match="kms_key_name"):
        settings.topic(settings.Topic(name=TOPIC, kms_key_name="key"))
    with pytest.raises(RpcError, match="allowed_persistence_regions"):
        settings.topic(settings.Topic(name=TOPIC, message_storage_policy={"enforce_in_transit": True}))
    with pytest.raises(RpcError, match="message_retention_duration"):
        settings.topic(settings.Topic(name=TOPIC, message_retention_duration=Duration(seconds=1)))


def test_a_mask_changes_its_fields_and_no_others() -> None:
    stored = subscription(labels={"a": "1", "b": "2"}, ack_deadline_seconds=20)
    wanted = settings.Subscription(labels={"c": "3"}, ack_deadline_seconds=30)
    result = settings.changed(stored, wanted, FieldMask(paths=["labels"]), settings.SUBSCRIPTION_CHANGES)
    assert (dict(result.labels), result.ack_deadline_seconds) == ({"c": "3"}, 20)
    assert dict(stored.labels) == {"a": "1", "b": "2"}


def test_a_mask_can_reach_into_a_field_and_clear_one() -> None:
    policy = DeadLetterPolicy(dead_letter_topic=TOPIC, max_delivery_attempts=5)
    stored = subscription(dead_letter_policy=policy, retry_policy=RetryPolicy())
    wanted = settings.Subscription(dead_letter_policy=DeadLetterPolicy(max_delivery_attempts=9))
    mask = FieldMask(paths=["dead_letter_policy.max_delivery_attempts", "retry_policy"])
    result = settings.changed(stored, wanted, mask, settings.SUBSCRIPTION_CHANGES)
    assert result.dead_letter_policy.dead_letter_topic == TOPIC
    assert result.dead_letter_policy.max_delivery_attempts == 9
    assert not result.HasField("retry_policy")


@pytest.mark.parametrize("paths", [[], ["name"], ["topic"], ["filter"], ["enable_message_ordering"], ["nonsense"]])
def test_other_masks_are_refused(paths: list[str]) -> None:
    with pytest.raises(RpcError, match="update_mask"):
        settings.changed(subscription(), subscription(), FieldMask(paths=paths), settings.SUBSCRIPTION_CHANGES)


def test_the_policy_follows_the_settings() -> None:
    assert settings.policy(subscription()) == Policy()
    stored = subscription(
        enable_message_ordering=True,
        dead_letter_policy=DeadLetterPolicy(dead_letter_topic=TOPIC, max_delivery_attempts=7),
        retry_policy=RetryPolicy(minimum_backoff=Duration(seconds=1, nanos=500_000_000)),
    )
    assert settings.policy(stored) == Policy(True, 7, 1.5, 600.0)
