"""Secrets, through Google's client: looked at or made, and never read."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.api_core.exceptions import FailedPrecondition
from google.cloud.secretmanager_v1 import SecretManagerServiceClient
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import SecretManagerServiceGrpcTransport

from director.documents.loading import Blueprint
from director.keys import SECRETS
from director.ledger.file import FileLedger
from director.provisioning.base import Wanted
from director.provisioning.clients import Clients
from director.provisioning.plan import change
from director.provisioning.provisioner import Provisioner
from director.resources.catalogue import providers, wanted
from director.resources.secrets import Secrets
from director.retries import Retries
from director.service import Director
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from tests.director.resources.discovery import body_of, complaints
from tests.director.resources.plants import Recorder, blueprint

LIVES = {"deletion_policy": "DELETE"}
THEIRS = {"name": "theirs", "version": "latest", **LIVES}
OURS = {"name": "ours", "create": True, **LIVES}
FULL = {
    "name": "full",
    "create": True,
    "version": "latest",
    "labels": {"cost": "x"},
    "locations": ["europe-west4", "europe-west1"],
    "ttl": "30d",
    "rotation": {"topic": "turned", "period": "7d"},
    **LIVES,
}
TOPIC = {"name": "turned", "message_retention_duration": "1d"}


@pytest.fixture
def document(tmp_path: Path) -> Blueprint:
    return blueprint(tmp_path, topics=[TOPIC], secrets=[THEIRS, OURS, FULL])


@pytest.fixture
def clients(cloud: LocalCloud, document: Blueprint) -> Iterator[Clients]:
    with Clients.open(document.architecture.project_id) as opened:
        yield opened


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def client(clients: Clients, recorder: Recorder) -> SecretManagerServiceClient:
    channel = grpc.intercept_channel(clients.channel("secretmanager"), recorder)
    return SecretManagerServiceClient(transport=SecretManagerServiceGrpcTransport(channel=channel))


@pytest.fixture
def secrets(client: SecretManagerServiceClient) -> Secrets:
    return Secrets(client)


def named(document: Blueprint, name: str) -> Wanted[Any]:
    return next(one for one in wanted(document, "air") if one.full_name.endswith(f"/secrets/{name}"))


def make(client: SecretManagerServiceClient, secret: Wanted[Any], **settings: Any) -> None:
    parent, _, name = secret.full_name.rpartition("/secrets/")
    body = {"replication": {"automatic": {}}, **settings}
    client.create_secret(request={"parent": parent, "secret_id": name, "secret": body})


def add(client: SecretManagerServiceClient, secret: Wanted[Any]) -> str:
    return str(client.add_secret_version(parent=secret.full_name, payload={"data": b"canary"}).name)


def reasons(secrets: Secrets, secret: Wanted[Any]) -> tuple[str, tuple[str, ...]]:
    found = change(secret, secrets.observe(secret))
    return found.action, found.reasons


def test_a_secret_that_is_referred_to_has_to_be_there_with_a_version_to_read(
    secrets: Secrets, client: SecretManagerServiceClient, document: Blueprint
) -> None:
    secret = named(document, "theirs")
    action, [reason] = reasons(secrets, secret)
    assert (action, "make it, or say create: true" in reason) == ("refuse", True)
    make(client, secret, labels={"owner": "somebody"})
    action, [reason] = reasons(secrets, secret)
    assert (action, reason) == (
        "refuse",
        "version: version latest is not there; add one with gcloud secrets versions add",
    )
    version = add(client, secret)
    assert reasons(secrets, secret) == ("none", ())
    client.disable_secret_version(name=version)
    action, [reason] = reasons(secrets, secret)
    assert (action, reason) == ("refuse", "version: version latest is DISABLED; enable it, or name another")


def test_a_version_may_be_one_of_its_number(
    secrets: Secrets, client: SecretManagerServiceClient, document: Blueprint, tmp_path: Path
) -> None:
    numbered = next(
        one for one in wanted(blueprint(tmp_path, secrets=[{**THEIRS, "version": 2}]), "air") if one.kind == SECRETS
    )
    secret = replace(numbered, full_name=named(document, "theirs").full_name)
    make(client, secret)
    add(client, secret)
    assert reasons(secrets, secret)[0] == "refuse"
    add(client, secret)
    client.disable_secret_version(name=f"{secret.full_name}/versions/1")
    assert reasons(secrets, secret) == ("none", ())


def test_a_secret_that_is_referred_to_is_never_changed_nor_deleted(
    secrets: Secrets, client: SecretManagerServiceClient, document: Blueprint, clients: Clients, retries: Retries
) -> None:
    """Not even where somebody says that it counts as ours."""
    secret = named(document, "theirs")
    make(client, secret, labels={"owner": "somebody"}, ttl={"seconds": 86_400})
    add(client, secret)
    before = client.get_secret(name=secret.full_name)
    only = blueprint_of(document, "theirs")
    director = Director(only, lambda found: providers(clients, found), retries, workers=1, ledger=FileLedger())
    assert [outcome.result for outcome in director.apply("air", adopt=True)] == ["unchanged"]
    [kept] = [one for one in director.teardown_plan("air") if one.key == secret.key]
    assert (kept.action, "only referred to here" in kept.reasons[0]) == ("keep", True)
    director.teardown("air", None, frozenset({"theirs"}))
    with pytest.raises(FailedPrecondition, match="never deleted"):
        secrets.delete(secret, data=True)
    assert client.get_secret(name=secret.full_name) == before


def blueprint_of(document: Blueprint, name: str) -> Blueprint:
    """The same document with one of its secrets and nothing else."""
    flow = document.architecture.dataflows["air"]
    chosen = tuple(one for one in flow.resources.secrets if one.name == name)
    resources = flow.resources.model_copy(update={"secrets": chosen, "topics": ()})
    flows = {"air": flow.model_copy(update={"resources": resources})}
    return replace(document, architecture=document.architecture.model_copy(update={"dataflows": flows}))


def test_a_secret_of_ours_is_made_empty_with_all_that_is_said(
    secrets: Secrets, client: SecretManagerServiceClient, document: Blueprint
) -> None:
    for name in ("ours", "full"):
        secret = named(document, name)
        assert secrets.observe(secret) is None
        secrets.create(secret)
        observed = secrets.observe(secret)
        assert observed is not None
        assert observed.owner == secret.owner
        assert not list(client.list_secret_versions(parent=secret.full_name))
    full = secrets.observe(named(document, "full"))
    assert full is not None
    assert full.state == replace(named(document, "full").state, version=None)
    assert (full.state.ttl, full.state.labels["cost"]) == (timedelta(days=30), "x")


def test_a_value_that_people_have_not_added_yet_fails_this_secret_and_nothing_else(
    document: Blueprint, clients: Clients, client: SecretManagerServiceClient, retries: Retries
) -> None:
    only = blueprint_of(document, "full")
    flow = only.architecture.dataflows["air"]
    resources = flow.resources.model_copy(update={"topics": document.architecture.dataflows["air"].resources.topics})
    both = replace(
        only,
        architecture=only.architecture.model_copy(
            update={"dataflows": {"air": flow.model_copy(update={"resources": resources})}}
        ),
    )
    loop = Provisioner(providers(clients, both), retries)
    resources_ = wanted(both, "air")
    assert {outcome.result for outcome in loop.apply(resources_)} == {"created"}
    report = {outcome.kind: outcome for outcome in loop.apply(resources_)}
    assert report["topics"].result == "unchanged"
    assert report[SECRETS].result == "failed"
    assert "version latest is not there; add one with gcloud secrets versions add" in report[SECRETS].reason
    add(client, named(document, "full"))
    assert {outcome.result for outcome in loop.apply(resources_)} == {"unchanged"}


def test_what_drifted_is_put_right_and_the_labels_of_others_stay(
    secrets: Secrets, client: SecretManagerServiceClient, document: Blueprint
) -> None:
    secret = replace(named(document, "full"), state=replace(named(document, "full").state, version=None))
    make(
        client,
        secret,
        labels={**secret.state.labels, "cost": "y", "more": "z"},
        replication={"user_managed": {"replicas": [{"location": f"europe-west{number}"} for number in (1, 4)]}},
    )
    observed = secrets.observe(secret)
    todo = change(secret, observed)
    assert todo.fields == {"ttl", "rotation", "labels"}
    secrets.update(secret, observed, todo.fields)  # type: ignore[arg-type]
    assert reasons(secrets, secret) == ("none", ())
    live = client.get_secret(name=secret.full_name)
    assert (live.labels["cost"], live.labels["more"]) == ("x", "z")
    bare = replace(secret, state=replace(secret.state, ttl=None, rotation=None))
    observed = secrets.observe(bare)
    secrets.update(bare, observed, change(bare, observed).fields)  # type: ignore[arg-type]
    assert reasons(secrets, bare) == ("none", ())
    assert not client.get_secret(name=secret.full_name).expire_time


def test_locations_are_never_changed_and_a_foreign_secret_is_refused(
    secrets: Secrets, client: SecretManagerServiceClient, document: Blueprint
) -> None:
    full, ours = named(document, "full"), named(document, "ours")
    make(client, full, labels=full.state.labels)
    assert any("move the value and delete the secret" in reason for reason in reasons(secrets, full)[1])
    make(client, ours, labels={"owner": "somebody"})
    action, [reason] = reasons(secrets, ours)
    assert (action, reason.startswith("exists and is not ours")) == ("refuse", True)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("method", ["CreateSecret", "GetSecret"])
def test_an_effect_that_fails_in_passing_is_had_once(
    secrets: Secrets, document: Blueprint, cloud: LocalCloud, retries: Retries, method: str, when: Any
) -> None:
    cloud.faults.add(Fault(method=f"secretmanager.{method}", when=when, calls=1))
    loop = Provisioner({SECRETS: secrets}, retries)
    assert loop.apply([named(document, "ours")])[0].result == "created"
    assert loop.plan([named(document, "ours")])[0].action == "none"


def test_a_list_is_as_each_is_observed_though_google_names_projects_by_number(
    client: SecretManagerServiceClient, document: Blueprint, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs, full = (named(document, name) for name in ("ours", "theirs", "full"))
    secrets = Secrets(client)
    for one in (ours, full):
        secrets.create(one)
    expected = {one.full_name: secrets.observe(one) for one in (ours, theirs, full)}
    listed = client.list_secrets

    def by_number(**arguments: Any) -> list[Any]:
        found = list(listed(**arguments))
        for one in found:
            one.name = f"projects/123456789/secrets/{one.name.rpartition('/')[2]}"
        return found

    monkeypatch.setattr(client, "list_secrets", by_number)
    assert {name: one.state for name, one in secrets.survey([ours, theirs, full]).items()} == {
        name: one.state for name, one in expected.items() if one
    }


def test_a_secret_of_ours_is_deleted_with_its_value_only_where_somebody_confirmed_that(
    document: Blueprint, clients: Clients, client: SecretManagerServiceClient, retries: Retries
) -> None:
    only = blueprint_of(document, "ours")
    secret = named(document, "ours")
    director = Director(only, lambda found: providers(clients, found), retries, workers=1, ledger=FileLedger())
    director.apply("air")
    add(client, secret)
    [planned] = director.teardown_plan("air")
    assert (planned.action, planned.reasons) == ("confirm", ("would lose its value; to want that, confirm ours",))
    [gone] = director.teardown("air", None, frozenset({"ours"}))
    assert gone.result == "deleted"
    assert Secrets(client).observe(secret) is None


def test_what_is_sent_is_what_secret_managers_discovery_document_knows(
    secrets: Secrets, recorder: Recorder, document: Blueprint
) -> None:
    secret = named(document, "full")
    secrets.create(secret)
    later = replace(secret, state=replace(secret.state, ttl=timedelta(days=60), version=None))
    secrets.update(later, secrets.observe(later), frozenset({"ttl", "rotation", "labels"}))  # type: ignore[arg-type]
    sent = recorder.bodies("CreateSecret", "UpdateSecret")
    assert [complaints("secretmanager.v1", "Secret", body_of(request.secret)) for request in sent] == [[], []]


def test_no_value_is_ever_asked_for(
    document: Blueprint, clients: Clients, client: SecretManagerServiceClient, cloud: LocalCloud, retries: Retries
) -> None:
    theirs = named(document, "theirs")
    make(client, theirs)
    add(client, theirs)
    cloud.faults.add(Fault(method="secretmanager.AccessSecretVersion", action="delay", seconds=0.0))
    calls = len(cloud.faults.log)
    loop = Provisioner(providers(clients, document), retries)
    loop.apply(wanted(document, "air"))
    assert len(cloud.faults.log) == calls


def test_a_lifetime_need_not_be_of_whole_minutes(tmp_path: Path, secrets: Secrets) -> None:
    found = blueprint(tmp_path, secrets=[{"name": "odd", "create": True, "ttl": "1h30s"}])
    odd = named(found, "odd")
    secrets.create(odd)
    assert reasons(secrets, odd) == ("none", ())
    longer = replace(odd, state=replace(odd.state, ttl=timedelta(hours=1, seconds=31)))
    assert reasons(secrets, longer)[0] == "none"  # Secret Manager keeps a moment, which comes a little after asking
    longer = replace(odd, state=replace(odd.state, ttl=timedelta(hours=1, minutes=2)))
    assert reasons(secrets, longer)[0] == "update"
