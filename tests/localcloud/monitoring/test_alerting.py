"""Notification channels and alert policies of Cloud Monitoring, through Google's own clients."""

import uuid
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.cloud.monitoring_v3 import AlertPolicyServiceClient, NotificationChannelServiceClient
from google.cloud.monitoring_v3.services.alert_policy_service.transports import AlertPolicyServiceGrpcTransport
from google.cloud.monitoring_v3.services.notification_channel_service.transports import (
    NotificationChannelServiceGrpcTransport,
)

from localcloud.cloud import LocalCloud

FILTER = 'metric.type="a" AND resource.type="b"'
EMAIL = {"type_": "email", "labels": {"email_address": "a@example.com"}}


@pytest.fixture
def opened(cloud: LocalCloud) -> Iterator[Any]:
    with grpc.insecure_channel(cloud.grpc_address) as channel:
        yield channel


@pytest.fixture
def channels(opened: Any) -> NotificationChannelServiceClient:
    return NotificationChannelServiceClient(transport=NotificationChannelServiceGrpcTransport(channel=opened))


@pytest.fixture
def policies(opened: Any) -> AlertPolicyServiceClient:
    return AlertPolicyServiceClient(transport=AlertPolicyServiceGrpcTransport(channel=opened))


@pytest.fixture
def project() -> str:
    return f"projects/p-{uuid.uuid4().hex[:8]}"


def threshold(**fields: Any) -> dict[str, Any]:
    inner = {"filter": FILTER, "comparison": "COMPARISON_GT", "duration": {"seconds": 60}, **fields}
    return {"display_name": "high", "condition_threshold": inner}


def policy(**fields: Any) -> dict[str, Any]:
    return {"display_name": "Backlog", "combiner": "OR", "conditions": [threshold()], **fields}


def test_a_channel_is_named_by_google_and_enabled(channels: Any, project: str) -> None:
    made = channels.create_notification_channel(name=project, notification_channel=EMAIL)
    assert made.name.startswith(f"{project}/notificationChannels/")
    assert made.enabled
    assert channels.get_notification_channel(name=made.name) == made


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"type_": "pigeon"}, "pigeon"),
        ({"type_": "email", "labels": {}}, "email_address"),
        ({**EMAIL, "user_labels": {"A": "b"}}, "user_labels"),
        ({**EMAIL, "verification_status": "VERIFIED"}, "verification_status"),
        ({**EMAIL, "display_name": "x" * 513}, "512"),
    ],
)
def test_channels_that_monitoring_would_not_take_are_refused(
    channels: Any, project: str, wrong: Any, said: str
) -> None:
    with pytest.raises(exceptions.InvalidArgument, match=said):
        channels.create_notification_channel(name=project, notification_channel=wrong)


def test_a_channels_secrets_are_not_told(channels: Any, project: str) -> None:
    labels = {"url": "https://example.com", "username": "a", "password": "hunter2"}
    made = channels.create_notification_channel(
        name=project, notification_channel={"type_": "webhook_basicauth", "labels": labels}
    )
    assert dict(made.labels) == {"url": "https://example.com", "username": "a", "password": "*" * 8}
    (listed,) = channels.list_notification_channels(name=project)
    assert "hunter2" not in str(listed)


def test_a_channel_is_updated_by_a_mask_and_keeps_its_type(channels: Any, project: str) -> None:
    made = channels.create_notification_channel(name=project, notification_channel={**EMAIL, "display_name": "a"})
    wanted = {"name": made.name, "display_name": "b", "description": "c"}
    request = {"notification_channel": wanted, "update_mask": {"paths": ["display_name"]}}
    updated = channels.update_notification_channel(request=request)
    assert (updated.display_name, updated.description) == ("b", "")
    with pytest.raises(exceptions.InvalidArgument, match="type cannot be changed"):
        channels.update_notification_channel(notification_channel={"name": made.name, "type_": "sms"})


def test_lists_are_filtered_by_labels_names_and_types(channels: Any, project: str) -> None:
    for name, label in (("one", "x"), ("two", "y")):
        wanted = {**EMAIL, "display_name": name, "user_labels": {"resource": label, "dataflow": "air"}}
        channels.create_notification_channel(name=project, notification_channel=wanted)

    def names(text: str) -> list[str]:
        request = {"name": project, "filter": text, "page_size": 1}
        return [each.display_name for each in channels.list_notification_channels(request=request)]

    assert names("") == ["one", "two"]
    assert names('user_labels.resource="x" AND user_labels.dataflow="air"') == ["one"]
    assert names("user_labels.dataflow='air'") == ["one", "two"]
    assert names('display_name="two" AND type="email"') == ["two"]
    assert names('user_labels.absent="x"') == []
    with pytest.raises(exceptions.MethodNotImplemented, match="this filter"):
        names('display_name=~"o.*"')


def test_a_channel_in_use_is_deleted_only_by_force(channels: Any, policies: Any, project: str) -> None:
    made = channels.create_notification_channel(name=project, notification_channel=EMAIL)
    alert = policies.create_alert_policy(name=project, alert_policy=policy(notification_channels=[made.name]))
    with pytest.raises(exceptions.FailedPrecondition, match="is used by"):
        channels.delete_notification_channel(name=made.name)
    channels.delete_notification_channel(name=made.name, force=True)
    assert not policies.get_alert_policy(name=alert.name).notification_channels
    with pytest.raises(exceptions.NotFound):
        channels.get_notification_channel(name=made.name)


def test_a_policy_and_its_conditions_are_named_by_google_and_filled_in(policies: Any, project: str) -> None:
    promql = {"display_name": "up", "condition_prometheus_query_language": {"query": "up == 0"}}
    made = policies.create_alert_policy(name=project, alert_policy=policy(conditions=[threshold(), promql]))
    assert made.name.startswith(f"{project}/alertPolicies/")
    assert all(each.name.startswith(f"{made.name}/conditions/") for each in made.conditions)
    assert made.enabled
    assert made.conditions[0].condition_threshold.trigger.count == 1
    interval = made.conditions[1].condition_prometheus_query_language.evaluation_interval
    assert interval.total_seconds() == 30
    assert made.creation_record.mutate_time


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"display_name": ""}, "display_name"),
        ({"conditions": []}, "from 1 to 6"),
        ({"conditions": [threshold()] * 7}, "from 1 to 6"),
        ({"combiner": None}, "combiner"),
        ({"conditions": [threshold(filter='metric.type="a"')]}, "resource type"),
        ({"conditions": [threshold(comparison="COMPARISON_GE")]}, "COMPARISON_GT"),
        ({"conditions": [threshold(duration={"seconds": 90})]}, "multiple of a minute"),
        ({"conditions": [threshold(aggregations=[{"alignment_period": {"seconds": 10}}])]}, "alignment period"),
        ({"conditions": [{"display_name": "a", "condition_absent": {"filter": FILTER}}]}, "120 seconds"),
        ({"conditions": [{"display_name": "a", "condition_matched_log": {"filter": "x"}}]}, "localcloud takes"),
        ({"documentation": {"content": "x", "mime_type": "text/html"}}, "markdown"),
        ({"alert_strategy": {"auto_close": {"seconds": 60}}}, "30 minutes"),
        ({"user_labels": {"A": "b"}}, "user_labels"),
    ],
)
def test_policies_that_monitoring_would_not_take_are_refused(
    policies: Any, project: str, wrong: Any, said: str
) -> None:
    with pytest.raises(exceptions.InvalidArgument, match=said):
        policies.create_alert_policy(name=project, alert_policy=policy(**wrong))


def test_a_policy_names_channels_that_are_there(policies: Any, project: str) -> None:
    absent = f"{project}/notificationChannels/1"
    with pytest.raises(exceptions.NotFound, match="notification channel"):
        policies.create_alert_policy(name=project, alert_policy=policy(notification_channels=[absent]))


def test_conditions_with_their_names_are_changed_and_without_are_new(policies: Any, project: str) -> None:
    made = policies.create_alert_policy(name=project, alert_policy=policy())
    name = made.conditions[0].name
    made.conditions[0].condition_threshold.threshold_value = 5
    made.conditions.append(threshold())
    updated = policies.update_alert_policy(request={"alert_policy": made, "update_mask": {"paths": ["conditions"]}})
    assert updated.conditions[0].name == name
    assert updated.conditions[1].name not in ("", name)
    made.conditions[1].name = f"{project}/alertPolicies/0/conditions/0"
    with pytest.raises(exceptions.InvalidArgument, match="none of this policy"):
        policies.update_alert_policy(request={"alert_policy": made, "update_mask": {"paths": ["conditions"]}})


def test_a_policy_is_updated_by_a_mask_or_as_a_whole(policies: Any, project: str) -> None:
    made = policies.create_alert_policy(name=project, alert_policy=policy(severity="ERROR"))
    changed = {"name": made.name, "display_name": "Other", "severity": "WARNING"}
    masked = policies.update_alert_policy(request={"alert_policy": changed, "update_mask": {"paths": ["display_name"]}})
    assert (masked.display_name, masked.severity.name) == ("Other", "ERROR")
    whole = policies.update_alert_policy(alert_policy={"name": made.name, **policy()})
    assert (whole.display_name, whole.severity.name) == ("Backlog", "SEVERITY_UNSPECIFIED")


def test_a_deleted_policy_is_gone(policies: Any, project: str) -> None:
    made = policies.create_alert_policy(name=project, alert_policy=policy())
    policies.delete_alert_policy(name=made.name)
    assert not list(policies.list_alert_policies(name=project))
    with pytest.raises(exceptions.NotFound):
        policies.delete_alert_policy(name=made.name)


def test_what_is_not_covered_names_itself(channels: Any, project: str) -> None:
    with pytest.raises(exceptions.MethodNotImplemented, match="VerifyNotificationChannel"):
        channels.verify_notification_channel(name=f"{project}/notificationChannels/1", code="1")
