"""Every kind together, through Google's own clients, under faults of the cloud."""

from typing import Any

import pytest

from director.documents.loading import Blueprint
from director.provisioning.base import Wanted
from director.provisioning.clients import Clients
from director.provisioning.provisioner import Provisioner
from director.resources.catalogue import providers, wanted
from director.retries import Retries
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault

CREATES = (
    "pubsub.CreateTopic",
    "pubsub.CreateSubscription",
    "bigquery.datasets.insert",
    "bigquery.tables.insert",
    "storage.buckets.insert",
    "firestore.Commit",
)
LOOKS = ("pubsub.GetTopic", "pubsub.GetSubscription", "bigquery.*.get", "storage.buckets.get", "firestore.Batch*")


@pytest.fixture
def resources(blueprint: Blueprint) -> tuple[Wanted[Any], ...]:
    return wanted(blueprint, "air")


def provisioner(clients: Clients, blueprint: Blueprint, retries: Retries, workers: int = 8) -> Provisioner:
    return Provisioner(providers(clients, blueprint), retries, workers)


def test_two_applies_and_a_verify(clients: Clients, blueprint: Blueprint, retries: Retries, resources: Any) -> None:
    loop = provisioner(clients, blueprint, retries)
    assert {outcome.result for outcome in loop.apply(resources)} == {"created"}
    assert {outcome.result for outcome in loop.apply(resources)} == {"unchanged"}
    assert {change.action for change in loop.plan(resources)} == {"none"}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("method", CREATES)
def test_an_effect_that_fails_in_passing_is_had_once(
    cloud: LocalCloud, clients: Clients, blueprint: Blueprint, retries: Retries, resources: Any, method: str, when: Any
) -> None:
    """Lost answers included: what is there is neither made twice nor taken for somebody else's."""
    number = cloud.faults.add(Fault(method=method, when=when, calls=1))
    loop = provisioner(clients, blueprint, retries)
    assert {outcome.result for outcome in loop.apply(resources)} == {"created"}
    assert [decision.fault_id for decision in cloud.faults.log].count(number) == 1
    assert {change.action for change in loop.plan(resources)} == {"none"}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("method", LOOKS)
def test_a_look_that_fails_in_passing_is_repeated(
    cloud: LocalCloud, clients: Clients, blueprint: Blueprint, retries: Retries, resources: Any, method: str, when: Any
) -> None:
    loop = provisioner(clients, blueprint, retries)
    loop.apply(resources)
    number = cloud.faults.add(Fault(method=method, when=when, calls=2))
    assert {change.action for change in loop.plan(resources)} == {"none"}
    assert [decision.fault_id for decision in cloud.faults.log].count(number) == 2


@pytest.mark.parametrize("code", ["DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "INTERNAL", "ABORTED"])
def test_every_transient_code_is_taken_as_such(
    cloud: LocalCloud, clients: Clients, blueprint: Blueprint, retries: Retries, resources: Any, code: str
) -> None:
    cloud.faults.add(Fault(method="*Create*", code=code, calls=3))
    cloud.faults.add(Fault(method="*insert", code=code, calls=3))
    report = provisioner(clients, blueprint, retries).apply(resources)
    assert all(outcome.good for outcome in report)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("method", CREATES)
def test_what_one_apply_could_not_do_the_next_completes(
    cloud: LocalCloud, clients: Clients, blueprint: Blueprint, retries: Retries, resources: Any, method: str, when: Any
) -> None:
    """The first run gives up at its first failed call, as if it had ended there."""
    number = cloud.faults.add(Fault(method=method, when=when))
    first = provisioner(clients, blueprint, Retries(attempts=1, sleep=lambda seconds: None)).apply(resources)
    assert not all(outcome.good for outcome in first)
    cloud.faults.remove(number)
    second = provisioner(clients, blueprint, retries).apply(resources)
    assert all(outcome.good for outcome in second)
    assert {change.action for change in provisioner(clients, blueprint, retries).plan(resources)} == {"none"}


def test_a_refusal_of_google_is_reported_with_its_words_and_not_repeated(
    cloud: LocalCloud, clients: Clients, blueprint: Blueprint, retries: Retries, resources: Any
) -> None:
    number = cloud.faults.add(Fault(method="storage.buckets.insert", code="PERMISSION_DENIED", message="no such right"))
    report = {outcome.kind: outcome for outcome in provisioner(clients, blueprint, retries).apply(resources)}
    assert report["gcs_buckets"].result == "failed"
    assert "no such right" in report["gcs_buckets"].reason
    assert [decision.fault_id for decision in cloud.faults.log].count(number) == 1
    assert report["bigquery_tables"].result == "created"


@pytest.mark.parametrize("kind", ["topics", "subscriptions", "bigquery_datasets", "bigquery_tables", "gcs_buckets"])
def test_a_foreign_resource_of_any_kind_is_refused_and_nothing_is_touched(
    clients: Clients, blueprint: Blueprint, retries: Retries, resources: Any, kind: str
) -> None:
    project = blueprint.architecture.project_id
    topic = f"projects/{project}/topics/readings"
    if kind in ("topics", "subscriptions"):
        clients.publisher.create_topic(name=topic)
    if kind == "subscriptions":
        clients.subscriber.create_subscription(name=f"projects/{project}/subscriptions/readings-archive", topic=topic)
    if kind in ("bigquery_datasets", "bigquery_tables"):
        clients.bigquery.create_dataset(f"{project}.telemetry")
    if kind == "bigquery_tables":
        clients.bigquery.create_table(f"{project}.telemetry.rows")
    if kind == "gcs_buckets":
        clients.storage.create_bucket(f"{project}-archive")
    loop = provisioner(clients, blueprint, retries)
    before = loop.plan(resources)
    report = loop.apply(resources)
    assert {outcome.result for outcome in report} == {"refused", "skipped"}
    refused = [outcome for outcome in report if outcome.result == "refused"]
    assert all("is not ours" in outcome.reason for outcome in refused)
    assert kind in {outcome.kind for outcome in refused}
    assert loop.plan(resources) == before
