"""Service accounts over REST, as IAM's discovery document describes it."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import requests

from localcloud.cloud import LocalCloud
from localcloud.faults import Fault

NUMBERS = itertools.count(1)
Call = Callable[..., requests.Response]


@pytest.fixture
def project() -> str:
    return f"accounts-{next(NUMBERS)}"


@pytest.fixture
def call(cloud: LocalCloud, project: str) -> Call:
    root = f"{cloud.variables()['IAM_EMULATOR_HOST']}/v1/projects/{project}/serviceAccounts"

    def called(method: str, path: str = "", body: Any = None, **query: Any) -> requests.Response:
        return requests.request(method, f"{root}{path}", json=body, params=query, timeout=10)

    return called


def create(call: Call, name: str = "bridge-sa", **described: str) -> dict[str, Any]:
    answer = call("POST", body={"accountId": name, "serviceAccount": described})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_an_account_is_found_by_its_address_and_by_its_number(call: Call, project: str) -> None:
    made = create(call, displayName="Bridge", description="of the plant")
    assert made["email"] == f"bridge-sa@{project}.iam.gserviceaccount.com"
    assert (made["displayName"], made["description"]) == ("Bridge", "of the plant")
    for name in (made["email"], made["uniqueId"]):
        assert call("GET", f"/{name}").json() == made
    assert call("POST", body={"accountId": "bridge-sa"}).status_code == 409
    assert call("GET", "/nobody@example.com").status_code == 404


def test_accounts_are_listed_by_pages(call: Call) -> None:
    made = [create(call, name)["email"] for name in ("first-sa", "second-sa", "third-sa")]
    first = call("GET", pageSize=2).json()
    second = call("GET", pageSize=2, pageToken=first["nextPageToken"]).json()
    assert [each["email"] for each in first["accounts"] + second["accounts"]] == made
    assert "nextPageToken" not in second


def test_a_patch_changes_what_its_mask_names(call: Call) -> None:
    email = create(call, displayName="Bridge", description="of the plant")["email"]
    body = {"serviceAccount": {"displayName": "New", "description": "New"}, "updateMask": "displayName"}
    changed = call("PATCH", f"/{email}", body).json()
    assert (changed["displayName"], changed["description"]) == ("New", "of the plant")
    for mask in ("", "disabled"):
        assert call("PATCH", f"/{email}", {**body, "updateMask": mask}).status_code == 400


def test_an_account_is_disabled_and_enabled_as_often_as_one_likes(call: Call) -> None:
    email = create(call)["email"]
    for verb, disabled in (("disable", True), ("disable", True), ("enable", None), ("enable", None)):
        assert call("POST", f"/{email}:{verb}", {}).json() == {}
        assert call("GET", f"/{email}").json().get("disabled") is disabled


def test_an_account_made_again_is_another_one_without_the_policy_of_the_first(call: Call) -> None:
    first = create(call)
    policy = {"bindings": [{"role": "roles/iam.serviceAccountUser", "members": ["user:anna@example.com"]}]}
    assert call("POST", f"/{first['email']}:setIamPolicy", {"policy": policy}).status_code == 200
    assert call("DELETE", f"/{first['email']}").json() == {}
    assert call("GET", f"/{first['email']}").status_code == 404
    second = create(call)
    assert second["uniqueId"] != first["uniqueId"]
    assert call("GET", f"/{first['uniqueId']}").status_code == 404
    assert "bindings" not in call("POST", f"/{second['email']}:getIamPolicy", {}).json()


def test_a_deleted_account_comes_back_by_its_number_while_nobody_has_its_address(call: Call) -> None:
    first = create(call)
    call("DELETE", f"/{first['email']}")
    second = create(call)
    assert call("POST", f"/{first['uniqueId']}:undelete", {}).status_code == 400
    call("DELETE", f"/{second['email']}")
    assert call("POST", f"/{first['uniqueId']}:undelete", {}).json()["restoredAccount"] == first
    assert call("GET", f"/{first['email']}").json() == first
    assert call("POST", f"/{first['uniqueId']}:undelete", {}).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"accountId": "short"},
        {"accountId": "Upper-case"},
        {"accountId": 7},
        {"accountId": "bridge-sa", "serviceAccount": {"displayName": "x" * 101}},
        {"accountId": "bridge-sa", "serviceAccount": []},
        {"accountId": "bridge-sa", "name": "x"},
    ],
)
def test_what_is_no_account_is_refused(call: Call, body: dict[str, Any]) -> None:
    assert call("POST", body=body).status_code == 400


def test_what_is_not_there_is_forbidden_where_the_project_is_not_named(cloud: LocalCloud) -> None:
    url = f"{cloud.variables()['IAM_EMULATOR_HOST']}/v1/projects/-/serviceAccounts/nobody@example.com"
    assert requests.get(url, timeout=10).status_code == 403


def test_faults_strike_by_name(call: Call, cloud: LocalCloud) -> None:
    cloud.faults.add(Fault(method="iam.serviceAccounts.create", code="RESOURCE_EXHAUSTED"))
    assert call("POST", body={"accountId": "bridge-sa"}).status_code == 429


def test_keys_are_not_made_here(call: Call) -> None:
    email = create(call)["email"]
    assert call("POST", f"/{email}/keys", {}).status_code == 501
