"""Alert policies, through Google's client."""

from dataclasses import replace
from datetime import timedelta
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

from director.keys import ALERT_POLICIES
from director.provisioning.base import Wanted
from director.provisioning.clients import Clients
from director.provisioning.plan import change
from director.provisioning.provisioner import Provisioner
from director.resources.alert_policies import AlertPolicies
from director.resources.catalogue import providers, wanted
from director.retries import Retries
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from tests.director.resources.discovery import body_of, complaints
from tests.director.resources.plants import Recorder, blueprint, only

AGE = 'metric.type="pubsub.googleapis.com/subscription/oldest_unacked_message_age" AND '
AGE += 'resource.type="pubsub_subscription"'
RATE = 'metric.type="pubsub.googleapis.com/topic/send_message_operation_count" AND resource.type="pubsub_topic"'
ERRORS = 'metric.type="serviceruntime.googleapis.com/api/request_count" AND resource.type="consumed_api"'
CHANNEL = {"name": "oncall", "type": "email", "channel_labels": {"email_address": "oncall@example.com"}}
MINUTE = {"per_series_aligner": "ALIGN_MAX"}
BACKLOG = {"name": "old", "threshold": {"filter": AGE, "comparison": "above", "value": 600, "duration": "5m"}}
FULL: dict[str, Any] = {
    "name": "backlog",
    "display_name": "Backlog",
    "combiner": "OR",
    "conditions": [
        {
            "name": "old messages",
            "threshold": {
                "filter": AGE,
                "comparison": "above",
                "value": 600,
                "duration": "5m",
                "aggregations": [
                    {
                        "per_series_aligner": "ALIGN_MAX",
                        "cross_series_reducer": "REDUCE_MAX",
                        "group_by_fields": ["resource.labels.subscription_id"],
                    }
                ],
                "missing_data": "no-violation",
            },
        },
        {
            "name": "little published",
            "threshold": {
                "filter": RATE,
                "comparison": "below",
                "value": 0.5,
                "duration": "10m",
                "aggregations": [{"alignment_period": "5m", "per_series_aligner": "ALIGN_RATE"}],
                "missing_data": "violation",
            },
        },
        {"name": "nothing published", "absent": {"filter": RATE, "duration": "30m", "aggregations": [MINUTE]}},
        {
            "name": "errors of BigQuery",
            "threshold": {"filter": ERRORS, "comparison": "above", "value": 0, "aggregations": [MINUTE]},
        },
        {"name": "up", "promql": {"query": "absent(up)", "duration": "2m", "evaluation_interval": "1m"}},
    ],
    "documentation": {"content": "# What to do", "subject": "Backlog"},
    "channels": ["oncall", "projects/other/notificationChannels/7"],
    "severity": "CRITICAL",
    "auto_close": "1h",
    "labels": {"tier": "edge"},
    "enabled": False,
}


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def client(cloud: LocalCloud, recorder: Recorder) -> Any:
    channel = grpc.intercept_channel(grpc.insecure_channel(cloud.grpc_address), recorder)
    return AlertPolicyServiceClient(transport=AlertPolicyServiceGrpcTransport(channel=channel))


@pytest.fixture
def channels(cloud: LocalCloud) -> Any:
    channel = grpc.insecure_channel(cloud.grpc_address)
    return NotificationChannelServiceClient(transport=NotificationChannelServiceGrpcTransport(channel=channel))


@pytest.fixture
def policies(client: Any, channels: Any) -> AlertPolicies:
    return AlertPolicies(client, channels)


def policy(tmp_path: Path, **fields: Any) -> Wanted[Any]:
    written = {"name": "backlog", "conditions": [BACKLOG], **fields}
    return only(blueprint(tmp_path, alert_policies=[written], notification_channels=[CHANNEL]), ALERT_POLICIES)


def project(one: Wanted[Any]) -> str:
    return "/".join(one.full_name.split("/")[:2])


def applied(policies: AlertPolicies, one: Wanted[Any]) -> None:
    observed = policies.observe(one)
    assert observed is not None
    policies.update(one, observed, change(one, observed).fields)


def test_a_created_policy_is_as_wanted_with_every_field(policies: AlertPolicies, channels: Any, tmp_path: Path) -> None:
    one = policy(tmp_path, **{**FULL, "channels": ["oncall"]})
    labels = {**one.state.labels, "resource": "oncall"}
    made = channels.create_notification_channel(
        name=project(one),
        notification_channel={"type_": "email", "labels": CHANNEL["channel_labels"], "user_labels": labels},
    )
    assert policies.observe(one) is None
    policies.create(one)
    observed = policies.observe(one)
    assert observed is not None
    assert observed.state == one.state
    assert observed.owner == one.owner
    assert list(observed.handle[0].notification_channels) == [made.name]
    assert policies.survey([one]) == {one.full_name: observed}
    assert one.needs == (("notification_channels", f"{project(one)}/notificationChannels/oncall"),)


def test_channels_of_others_are_named_in_full(tmp_path: Path) -> None:
    one = policy(tmp_path, channels=FULL["channels"])
    assert one.state.channels == (
        f"{project(one)}/notificationChannels/oncall",
        "projects/other/notificationChannels/7",
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("display_name", "Other"),
        ("combiner", "AND"),
        ("content", "Other words"),
        ("subject", "Other"),
        ("severity", "WARNING"),
        ("auto_close", timedelta(hours=2)),
        ("enabled", False),
    ],
)
def test_every_field_drifts_and_is_put_right_alone(
    policies: AlertPolicies, tmp_path: Path, field: str, value: Any
) -> None:
    one = policy(tmp_path, documentation={"content": "c", "subject": "s"})
    policies.create(one)
    changed = replace(one, state=replace(one.state, **{field: value}))
    observed = policies.observe(changed)
    assert observed is not None
    assert change(changed, observed).fields == {field}
    policies.update(changed, observed, frozenset({field}))
    assert change(changed, policies.observe(changed)).action == "none"


def test_a_changed_condition_keeps_the_name_that_google_gave_it(
    policies: AlertPolicies, client: Any, tmp_path: Path
) -> None:
    one = policy(tmp_path)
    policies.create(one)
    (before,) = client.list_alert_policies(name=project(one))
    later = {**BACKLOG, "threshold": {**BACKLOG["threshold"], "value": 1200}}
    more = {"name": "gone", "absent": {"filter": AGE, "duration": "10m"}}
    changed = replace(one, state=policy(tmp_path, conditions=[later, more]).state)
    observed = policies.observe(changed)
    assert change(changed, observed).reasons == ("conditions: set gone, set old",)
    applied(policies, changed)
    (after,) = client.list_alert_policies(name=project(one))
    assert after.conditions[0].name == before.conditions[0].name
    assert after.conditions[0].condition_threshold.threshold_value == 1200
    assert change(changed, policies.observe(changed)).action == "none"


def test_what_a_document_leaves_out_stays_as_it_is(policies: AlertPolicies, client: Any, tmp_path: Path) -> None:
    one = policy(tmp_path)
    policies.create(one)
    (live,) = client.list_alert_policies(name=project(one))
    live.severity, live.documentation.content = "ERROR", "By hand."
    live.documentation.links = [{"display_name": "playbook", "url": "https://example.com"}]
    live.user_labels = {**live.user_labels, "cost": "x"}
    client.update_alert_policy(alert_policy=live)
    assert change(one, policies.observe(one)).action == "none"
    changed = replace(one, state=replace(one.state, content="Ours."))
    applied(policies, changed)
    (live,) = client.list_alert_policies(name=project(one))
    assert (live.severity.name, live.user_labels["cost"]) == ("ERROR", "x")
    assert (live.documentation.content, live.documentation.links[0].display_name) == ("Ours.", "playbook")


def test_the_policy_and_its_channel_come_in_order_and_one_lost_answer_makes_no_copy(
    clients: Clients, cloud: LocalCloud, client: Any, retries: Retries, tmp_path: Path
) -> None:
    found = blueprint(
        tmp_path,
        alert_policies=[{"name": "backlog", "conditions": [BACKLOG], "channels": ["oncall"]}],
        notification_channels=[CHANNEL],
    )
    resources = wanted(found, "air")
    cloud.faults.add(Fault(method="monitoring.CreateAlertPolicy", when="after", calls=1))
    with Clients.open(found.architecture.project_id) as opened:
        loop = Provisioner(providers(opened, found), retries)
        assert {outcome.result for outcome in loop.apply(resources)} == {"created"}
        assert {outcome.result for outcome in loop.apply(resources)} == {"unchanged"}
    assert len(list(client.list_alert_policies(name=project(resources[0])))) == 1


def test_a_policy_that_is_there_already_is_not_made_again(policies: AlertPolicies, tmp_path: Path) -> None:
    one = policy(tmp_path)
    policies.create(one)
    with pytest.raises(AlreadyExists):
        policies.create(one)


def test_copies_are_told_and_deleted_the_oldest_stays(policies: AlertPolicies, client: Any, tmp_path: Path) -> None:
    one = policy(tmp_path)
    policies.create(one)
    (first,) = client.list_alert_policies(name=project(one))
    copy = {"display_name": "copy", "combiner": "OR", "user_labels": first.user_labels}
    conditions = [{"display_name": "old", "condition_threshold": first.conditions[0].condition_threshold}]
    client.create_alert_policy(name=project(one), alert_policy={**copy, "conditions": conditions})
    observed = policies.observe(one)
    assert change(one, observed).reasons == ("copies: 2 -> 1",)
    applied(policies, one)
    assert [each.name for each in client.list_alert_policies(name=project(one))] == [first.name]


def test_a_deleted_policy_is_gone(policies: AlertPolicies, tmp_path: Path) -> None:
    one = policy(tmp_path)
    policies.create(one)
    assert policies.holding(one, frozenset()) is None
    policies.delete(one)
    assert policies.observe(one) is None


def test_every_request_is_one_that_monitoring_understands(
    policies: AlertPolicies, recorder: Recorder, tmp_path: Path
) -> None:
    one = policy(tmp_path, **{**FULL, "channels": []})
    policies.create(one)
    applied(policies, replace(one, state=replace(one.state, display_name="Other", auto_close=timedelta(hours=3))))
    sent = recorder.bodies("CreateAlertPolicy", "UpdateAlertPolicy")
    bodies = [body_of(request.alert_policy) for request in sent]
    assert len(bodies) == 2
    assert [found for body in bodies for found in complaints("monitoring.v3", "AlertPolicy", body)] == []
