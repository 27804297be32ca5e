"""Service accounts, through IAM's plain JSON."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import NotFound

from director.documents.loading import Blueprint
from director.keys import SERVICE_ACCOUNTS
from director.ledger.file import FileLedger
from director.provisioning.base import Wanted
from director.provisioning.clients import Clients
from director.provisioning.json_calls import json_answer
from director.provisioning.plan import change
from director.provisioning.provisioner import Provisioner
from director.resources import service_accounts
from director.resources.catalogue import providers
from director.resources.service_accounts import Accounts
from director.retries import Retries
from director.service import Director
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from tests.director.resources.discovery import complaints
from tests.director.resources.plants import blueprint, hasty, only

ACCOUNT = {"name": "bridge-sa", "display_name": "Bridge", "description": "of the plant", "deletion_policy": "DELETE"}


@pytest.fixture
def document(tmp_path: Path) -> Blueprint:
    return blueprint(tmp_path, service_accounts=[ACCOUNT])


@pytest.fixture
def account(document: Blueprint) -> Wanted[Any]:
    return only(document, SERVICE_ACCOUNTS)


@pytest.fixture
def clients(cloud: LocalCloud, document: Blueprint) -> Iterator[Clients]:
    with Clients.open(document.architecture.project_id) as opened:
        yield opened


@pytest.fixture
def accounts(clients: Clients) -> Accounts:
    return Accounts(clients.session("iam"), clients.project, hasty())


def test_a_made_account_is_as_wanted_and_known_by_its_number(accounts: Accounts, account: Wanted[Any]) -> None:
    assert accounts.observe(account) is None
    accounts.create(account)
    observed = accounts.observe(account)
    assert observed is not None
    assert observed.state == account.state
    assert observed.handle.isdigit()
    assert change(account, observed).action == "none"


def test_a_disabled_account_is_made_and_disabled(accounts: Accounts, account: Wanted[Any]) -> None:
    off = replace(account, state=replace(account.state, disabled=True))
    accounts.create(off)
    assert change(off, accounts.observe(off)).action == "none"


@pytest.mark.parametrize(
    ("field", "value"), [("display_name", "New"), ("display_name", ""), ("description", "New"), ("disabled", True)]
)
def test_each_field_drifts_and_is_put_right_alone(
    accounts: Accounts, account: Wanted[Any], field: str, value: Any
) -> None:
    accounts.create(account)
    other = replace(account, state=replace(account.state, **{field: value}))
    observed = accounts.observe(other)
    todo = change(other, observed)
    assert todo.fields == {field}
    accounts.update(other, observed, todo.fields)  # type: ignore[arg-type]
    assert accounts.observe(other).state == other.state  # type: ignore[union-attr]


def test_an_account_made_anew_meanwhile_is_not_taken_for_the_old_one(
    accounts: Accounts, account: Wanted[Any], retries: Retries
) -> None:
    accounts.create(account)
    old = accounts.observe(account)
    accounts.delete(account)
    accounts.create(account)
    other = replace(account, state=replace(account.state, display_name="New"))
    assert old is not None
    with pytest.raises(NotFound):
        accounts.update(other, old, frozenset({"display_name"}))
    assert accounts.observe(account).state == account.state  # type: ignore[union-attr]
    [outcome] = Provisioner({SERVICE_ACCOUNTS: accounts}, retries).apply([other], {account.key: old})
    assert outcome.result == "updated"


def test_an_account_that_iam_does_not_show_at_once_is_waited_for(
    accounts: Accounts, account: Wanted[Any], cloud: LocalCloud
) -> None:
    cloud.faults.add(Fault(method="iam.serviceAccounts.get", code="NOT_FOUND", calls=3))
    accounts.create(account)
    assert accounts.observe(account) is not None


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("method", ["create", "get", "disable"])
def test_an_effect_that_fails_in_passing_is_had_once(
    accounts: Accounts, account: Wanted[Any], cloud: LocalCloud, retries: Retries, method: str, when: Any
) -> None:
    off = replace(account, state=replace(account.state, disabled=True))
    number = cloud.faults.add(Fault(method=f"iam.serviceAccounts.{method}", when=when, calls=1))
    loop = Provisioner({SERVICE_ACCOUNTS: accounts}, retries)
    assert loop.apply([off])[0].result == "created"
    assert [decision.fault_id for decision in cloud.faults.log].count(number) == 1
    assert loop.plan([off])[0].action == "none"


def test_a_list_of_any_number_of_pages_is_as_each_is_observed(
    accounts: Accounts, account: Wanted[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_accounts, "PAGE", 1)
    others = [replace(account, full_name=account.full_name.replace("bridge", f"bridge-{number}")) for number in "ab"]
    absent = replace(account, full_name=account.full_name.replace("bridge", "absent"))
    for one in (account, *others):
        accounts.create(one)
    listed = accounts.survey([account, *others, absent])
    assert listed == {one.full_name: accounts.observe(one) for one in (account, *others)}


def test_a_teardown_takes_the_accounts_that_we_made_and_no_others(
    tmp_path: Path, cloud: LocalCloud, retries: Retries
) -> None:
    theirs = {"name": "archive-sa", "deletion_policy": "DELETE"}
    document = blueprint(tmp_path, service_accounts=[ACCOUNT, theirs])
    with Clients.open(document.architecture.project_id) as clients:
        project = f"{service_accounts.base_url('iam')}/v1/projects/{clients.project}/serviceAccounts"
        json_answer(clients.session("iam"), "POST", project, {"accountId": "archive-sa"})
        director = Director(document, lambda found: providers(clients, found), retries, workers=1, ledger=FileLedger())
        assert [outcome.result for outcome in director.apply("air")] == ["created", "unchanged"]
        assert director.verify("air") == ()
        report = {outcome.name.partition("@")[0]: outcome.result for outcome in director.teardown("air")}
        assert report == {"bridge-sa": "deleted", "archive-sa": "kept"}


def test_the_services_that_work_as_an_account_are_linked_to_it(account: Wanted[Any]) -> None:
    assert account.services == {"bridge"}


@pytest.mark.parametrize(
    ("schema", "body"),
    [
        ("CreateServiceAccountRequest", {"accountId": "a", "serviceAccount": {"displayName": "", "description": ""}}),
        ("PatchServiceAccountRequest", {"serviceAccount": {"displayName": ""}, "updateMask": "displayName"}),
        ("DisableServiceAccountRequest", {}),
    ],
)
def test_bodies_like_those_sent_are_what_iams_discovery_document_knows(schema: str, body: Any) -> None:
    assert complaints("iam.v1", schema, body) == []


def test_every_body_sent_is_what_iams_discovery_document_knows(
    account: Wanted[Any], clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, Any]] = []

    def recorded(session: Any, method: str, url: str, body: Any = None, query: Any = None) -> Any:
        sent.append((method, body))
        return json_answer(session, method, url, body, query)

    monkeypatch.setattr(service_accounts, "json_answer", recorded)
    accounts = Accounts(clients.session("iam"), clients.project, hasty())
    accounts.create(account)
    observed = accounts.observe(account)
    other = replace(account, state=replace(account.state, display_name="New", disabled=True))
    accounts.update(other, observed, frozenset({"display_name", "disabled"}))  # type: ignore[arg-type]
    created, patched, disabled = [body for method, body in sent if method != "GET"]
    assert complaints("iam.v1", "CreateServiceAccountRequest", created) == []
    assert complaints("iam.v1", "PatchServiceAccountRequest", patched) == []
    assert complaints("iam.v1", "DisableServiceAccountRequest", disabled) == []
