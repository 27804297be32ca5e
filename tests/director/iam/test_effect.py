"""Grants are waited for as the services themselves would find them."""

import pytest
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import RefreshError

from director import keys
from director.documents.loading import Blueprint
from director.documents.model import Architecture
from director.iam.bindings import PROJECTS, SECRETS, Binding
from director.iam.claims import Claims
from director.iam.doors import Doors
from director.iam.effect import AsServices, permission_of
from director.iam.iam import Iam
from director.iam.links import bindings
from director.iam.polling import Polling
from director.iam.scope import agent_of
from director.retries import Retries
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault


def test_there_is_a_permission_to_ask_for_behind_every_role_of_a_service(architecture: Architecture) -> None:
    for one in bindings(architecture, "42"):
        assert (permission_of(one) is None) == ("@gcp-sa-" in one.member), one


def test_of_every_kind_whatever_was_not_declared_by_hand_can_be_asked(everything: Blueprint) -> None:
    """But for Dataflow's workers: of them the policy must do."""
    for one in bindings(everything.architecture, "42"):
        unasked = "@gcp-sa-" in one.member or one.role == "roles/dataflow.worker"
        if not any(reason.startswith("declared") for reason in one.reasons):
            assert (permission_of(one) is None) == unasked, one


def test_a_service_on_cloud_run_may_be_called_once_google_says_so(cloud: LocalCloud) -> None:
    service = keys.cloud_run_service("called-project", "europe-west1", "registry")
    binding = Binding(*service, "roles/run.invoker", "serviceAccount:bridge-sa@called-project.iam.gserviceaccount.com")
    cloud.faults.add(Fault("run.routes.invoke", "*/called-project/*", code="PERMISSION_DENIED", calls=1))
    assert [AsServices().may(binding) for _ in range(2)] == [False, True]


PERMISSIONS = {
    keys.TOPICS: "pubsub.topics.publish",
    keys.SUBSCRIPTIONS: "pubsub.subscriptions.consume",
    keys.TABLES: "bigquery.tables.getData",
    keys.VIEWS: "bigquery.tables.getData",
    keys.BUCKETS: "storage.objects.create",
    SECRETS: "secretmanager.versions.access",
    PROJECTS: "datastore.entities.get",
}


@pytest.mark.parametrize(("kind", "permission"), PERMISSIONS.items(), ids=PERMISSIONS)
def test_a_service_may_once_google_says_so(made: Blueprint, cloud: LocalCloud, kind: str, permission: str) -> None:
    found = bindings(made.architecture, "42")
    [binding, *_] = [one for one in found if one.kind == kind and permission_of(one) == permission]
    services = AsServices()
    assert services.may(binding) is True
    cloud.faults.add(Fault(method=permission, code="PERMISSION_DENIED", calls=1))
    assert services.may(binding) is False
    assert services.may(binding) is True


def test_of_pubsubs_own_agent_nothing_can_be_asked(made: Blueprint) -> None:
    agent = Binding(*keys.topic(made.architecture.project_id, "dead"), "roles/pubsub.publisher", agent_of("42"))
    assert AsServices().may(agent) is None


class Refused(AnonymousCredentials):
    """Of an account that we may not impersonate."""

    def before_request(self, request: object, method: str, url: str, headers: object) -> None:
        raise RefreshError("Unable to acquire impersonated credentials")


def test_where_the_account_cannot_be_impersonated_nothing_can_be_asked(made: Blueprint) -> None:
    asked: list[str] = []

    def refused(account: str) -> Credentials:
        asked.append(account)
        return Refused()

    account = f"jobs-sa@{made.architecture.project_id}.iam.gserviceaccount.com"
    bucket = keys.bucket(f"{made.architecture.project_id}-archive")
    binding = Binding(*bucket, "roles/storage.objectCreator", f"serviceAccount:{account}")
    assert AsServices(refused).may(binding) is None
    assert asked == [account]


@pytest.mark.parametrize(("refusals", "result", "seconds"), [(2, "granted", 10.0), (None, "failed", 300.0)])
def test_apply_waits_until_every_service_may(
    made: Blueprint,
    doors: Doors,
    claims: Claims,
    retries: Retries,
    cloud: LocalCloud,
    refusals: int | None,
    result: str,
    seconds: float,
) -> None:
    cloud.faults.add(Fault("pubsub.topics.publish", "*/topics/levels", code="PERMISSION_DENIED", calls=refusals))
    slept: list[float] = []
    effect = Polling(every=5.0, limit=300.0, sleep=slept.append, clock=lambda: sum(slept))
    iam = Iam(made.architecture, doors, claims, retries, effect, effect, services=AsServices())
    assert {one.binding.kind: one.result for one in iam.apply("water")} == {PROJECTS: "granted", keys.TOPICS: result}
    assert sum(slept) == seconds
