"""Notification channels, through Google's client: found by labels, since Google names them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.api_core.exceptions import AlreadyExists
from google.cloud.monitoring_v3 import AlertPolicyServiceClient, NotificationChannelServiceClient
from google.cloud.monitoring_v3.services.alert_policy_service.transports import AlertPolicyServiceGrpcTransport
from google.cloud.monitoring_v3.services.notification_channel_service.transports import (
    NotificationChannelServiceGrpcTransport,
)

from director.keys import CHANNELS
from director.provisioning.base import Wanted
from director.provisioning.clients import Clients
from director.provisioning.plan import change
from director.provisioning.provisioner import Provisioner
from director.resources.catalogue import providers, wanted
from director.resources.notification_channels import NotificationChannels
from director.retries import Retries
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from tests.director.resources.discovery import body_of, complaints
from tests.director.resources.plants import Recorder, blueprint, only

EMAIL = {"name": "oncall", "type": "email", "channel_labels": {"email_address": "oncall@example.com"}}
CONDITION = {
    "display_name": "c",
    "condition_absent": {
        "filter": 'metric.type="a" AND resource.type="b"',
        "duration": {"seconds": 120},
    },
}


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def client(cloud: LocalCloud, recorder: Recorder) -> Any:
    channel = grpc.intercept_channel(grpc.insecure_channel(cloud.grpc_address), recorder)
    return NotificationChannelServiceClient(transport=NotificationChannelServiceGrpcTransport(channel=channel))


@pytest.fixture
def policies(cloud: LocalCloud) -> Any:
    channel = grpc.insecure_channel(cloud.grpc_address)
    return AlertPolicyServiceClient(transport=AlertPolicyServiceGrpcTransport(channel=channel))


@pytest.fixture
def channels(client: Any, policies: Any) -> NotificationChannels:
    return NotificationChannels(client, policies)


def channel(tmp_path: Path, **fields: Any) -> Wanted[Any]:
    return only(blueprint(tmp_path, notification_channels=[{**EMAIL, **fields}]), CHANNELS)


def project(one: Wanted[Any]) -> str:
    return "/".join(one.full_name.split("/")[:2])


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"description": "Who is woken.", "display_name": "On call", "labels": {"tier": "edge"}, "enabled": False},
        {"type": "sms", "channel_labels": {"number": "+4912345678"}},
        {"type": "webhook_tokenauth", "channel_labels": {"url": "https://example.com/alerts"}},
        {"type": "pubsub", "channel_labels": {"topic": "projects/p/topics/alerts"}},
    ],
)
def test_a_created_channel_is_as_wanted(channels: NotificationChannels, tmp_path: Path, fields: Any) -> None:
    one = channel(tmp_path, **fields)
    assert channels.observe(one) is None
    channels.create(one)
    observed = channels.observe(one)
    assert observed is not None
    assert observed.state == one.state
    assert observed.owner == one.owner
    assert channels.survey([one]) == {one.full_name: observed}


def test_a_channel_to_a_topic_of_the_dataflow_needs_it(tmp_path: Path) -> None:
    topic = {"name": "alerts", "message_retention_duration": "1d"}
    written = {"name": "oncall", "type": "pubsub", "channel_labels": {"topic": "alerts"}}
    one = only(blueprint(tmp_path, topics=[topic], notification_channels=[written]), CHANNELS)
    full = f"{project(one)}/topics/alerts"
    assert one.needs == (("topics", full),)
    assert one.state.channel_labels == {"topic": full}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("display_name", "Other"),
        ("description", "Other words"),
        ("channel_labels", {"email_address": "other@example.com"}),
        ("enabled", False),
    ],
)
def test_every_field_drifts_and_is_put_right_alone(
    channels: NotificationChannels, tmp_path: Path, field: str, value: Any
) -> None:
    one = channel(tmp_path)
    channels.create(one)
    changed = replace(one, state=replace(one.state, **{field: value}))
    observed = channels.observe(changed)
    assert observed is not None
    assert change(changed, observed).fields == {field}
    channels.update(changed, observed, frozenset({field}))
    assert change(changed, channels.observe(changed)).action == "none"


def test_another_type_is_refused(channels: NotificationChannels, tmp_path: Path) -> None:
    one = channel(tmp_path)
    channels.create(one)
    other = replace(one, state=replace(one.state, type="sms"))
    assert change(other, channels.observe(other)).action == "refuse"


def test_labels_of_others_stay(channels: NotificationChannels, client: Any, tmp_path: Path) -> None:
    one = channel(tmp_path)
    channels.create(one)
    observed = channels.observe(one)
    assert observed is not None
    live = observed.handle[0]
    live.user_labels = {**live.user_labels, "cost": "x", "team": "sea"}
    client.update_notification_channel(
        request={"notification_channel": live, "update_mask": {"paths": ["user_labels"]}}
    )
    observed = channels.observe(one)
    assert observed is not None
    channels.update(one, observed, change(one, observed).fields)
    assert channels.observe(one).state.labels == {**one.state.labels, "cost": "x"}  # type: ignore[union-attr]


def test_a_value_that_google_hides_is_not_compared(channels: NotificationChannels, client: Any, tmp_path: Path) -> None:
    one = channel(tmp_path)
    channels.create(one)
    observed = channels.observe(one)
    assert observed is not None
    hidden = replace(observed, state=replace(observed.state, channel_labels={"email_address": "***@example.com"}))
    assert change(one, hidden).action == "none"


def test_a_create_whose_answer_was_lost_makes_one_channel(
    clients: Clients, cloud: LocalCloud, client: Any, retries: Retries, tmp_path: Path
) -> None:
    found = blueprint(tmp_path, notification_channels=[EMAIL])
    (one,) = wanted(found, "air")
    cloud.faults.add(Fault(method="monitoring.CreateNotificationChannel", when="after", calls=1))
    with Clients.open(found.architecture.project_id) as opened:
        loop = Provisioner(providers(opened, found), retries)
        assert {outcome.result for outcome in loop.apply([one])} == {"created"}
        assert {outcome.result for outcome in loop.apply([one])} == {"unchanged"}
    assert len(list(client.list_notification_channels(name=project(one)))) == 1


def test_a_channel_that_is_there_already_is_not_made_again(channels: NotificationChannels, tmp_path: Path) -> None:
    one = channel(tmp_path)
    channels.create(one)
    with pytest.raises(AlreadyExists):
        channels.create(one)


def test_copies_are_told_and_deleted_the_oldest_stays(
    channels: NotificationChannels, client: Any, tmp_path: Path
) -> None:
    one = channel(tmp_path)
    channels.create(one)
    observed = channels.observe(one)
    assert observed is not None
    first = observed.handle[0]
    client.create_notification_channel(
        name=project(one),
        notification_channel={"type_": first.type_, "labels": first.labels, "user_labels": first.user_labels},
    )
    observed = channels.observe(one)
    assert observed is not None
    todo = change(one, observed)
    assert todo.reasons == ("copies: 2 -> 1",)
    channels.update(one, observed, todo.fields)
    assert [each.name for each in client.list_notification_channels(name=project(one))] == [first.name]


def test_a_channel_of_another_dataflow_is_not_seen(channels: NotificationChannels, client: Any, tmp_path: Path) -> None:
    one = channel(tmp_path)
    labels = {**one.state.labels, "dataflow": "other"}
    client.create_notification_channel(
        name=project(one),
        notification_channel={"type_": "email", "labels": one.state.channel_labels, "user_labels": labels},
    )
    assert channels.observe(one) is None


def test_a_channel_that_others_alert_by_is_held_and_one_that_goes_with_its_policy_is_not(
    channels: NotificationChannels, policies: Any, tmp_path: Path
) -> None:
    one = channel(tmp_path)
    channels.create(one)
    observed = channels.observe(one)
    assert observed is not None
    assert channels.holding(one, frozenset()) is None
    minted = observed.handle[0].name
    ours = {**one.state.labels, "resource": "backlog"}
    for name, labels in (("theirs", {}), ("ours", ours)):
        policies.create_alert_policy(
            name=project(one),
            alert_policy={
                "display_name": name,
                "combiner": "OR",
                "conditions": [CONDITION],
                "notification_channels": [minted],
                "user_labels": labels,
            },
        )
    held = channels.holding(one, frozenset({f"{project(one)}/alertPolicies/backlog"}))
    assert held is not None
    assert (held.what, held.others) == ("the alerts of theirs", True)


def test_a_deleted_channel_is_gone(channels: NotificationChannels, tmp_path: Path) -> None:
    one = channel(tmp_path)
    channels.create(one)
    channels.delete(one)
    assert channels.observe(one) is None


def test_every_request_is_one_that_monitoring_understands(
    channels: NotificationChannels, recorder: Recorder, tmp_path: Path
) -> None:
    one = channel(tmp_path, description="Who is woken.")
    channels.create(one)
    observed = channels.observe(one)
    assert observed is not None
    channels.update(one, observed, frozenset({"labels", "enabled", "channel_labels"}))
    sent = recorder.bodies("CreateNotificationChannel", "UpdateNotificationChannel")
    bodies = [body_of(request.notification_channel) for request in sent]
    assert len(bodies) == 2
    assert [found for body in bodies for found in complaints("monitoring.v3", "NotificationChannel", body)] == []
