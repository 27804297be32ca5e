"""Policies of projects through Google's own client, and of service accounts over REST."""

import base64
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from google.api_core.exceptions import BadRequest, Conflict, MethodNotImplemented, ServiceUnavailable
from google.auth.credentials import AnonymousCredentials
from google.cloud.resourcemanager_v3 import ProjectsClient
from google.cloud.resourcemanager_v3.services.projects.transports import ProjectsRestTransport

from localcloud.cloud import LocalCloud
from localcloud.faults import Fault

NUMBERS = itertools.count(1)
BINDING = {"role": "roles/bigquery.jobUser", "members": ["user:anna@example.com"]}
CONDITION = {"title": "t", "expression": "true"}


@pytest.fixture
def client(cloud: LocalCloud) -> Iterator[ProjectsClient]:
    transport = ProjectsRestTransport(host=cloud.http_address, credentials=AnonymousCredentials(), url_scheme="http")
    with ProjectsClient(transport=transport) as opened:
        yield opened


@pytest.fixture
def project() -> str:
    return f"projects/project-{next(NUMBERS)}"


def got(client: ProjectsClient, project: str, version: int = 3) -> Any:
    request = {"resource": project, "options": {"requested_policy_version": version}}
    return client.get_iam_policy(request=request, retry=None)


def put(client: ProjectsClient, project: str, policy: dict[str, Any]) -> Any:
    return client.set_iam_policy(request={"resource": project, "policy": policy}, retry=None)


def test_a_project_has_a_number_that_stays_the_same(client: ProjectsClient, project: str) -> None:
    found = client.get_project(name=project)
    assert found.name.removeprefix("projects/").isdigit()
    assert found.project_id == project.removeprefix("projects/")
    assert client.get_project(name=project).name == found.name
    assert client.get_project(name=f"{project}-b").name != found.name


def test_a_policy_is_given_back_with_another_etag(client: ProjectsClient, project: str) -> None:
    first = got(client, project)
    assert not first.bindings
    put(client, project, {"bindings": [BINDING], "etag": first.etag})
    second = got(client, project)
    assert [(each.role, list(each.members)) for each in second.bindings] == [(BINDING["role"], BINDING["members"])]
    assert second.etag != first.etag


def test_a_policy_that_was_changed_meanwhile_is_not_overwritten(client: ProjectsClient, project: str) -> None:
    read = got(client, project)
    put(client, project, {"bindings": [BINDING], "etag": read.etag})
    with pytest.raises(Conflict, match="concurrent policy changes"):
        put(client, project, {"etag": read.etag})


def test_conditions_are_shown_to_those_who_know_of_them_only(client: ProjectsClient, project: str) -> None:
    put(client, project, {"version": 3, "bindings": [{**BINDING, "condition": CONDITION}]})
    assert got(client, project).bindings[0].condition.title == "t"
    assert "_withcond_" in got(client, project, version=1).bindings[0].role


def test_each_project_has_a_policy_of_its_own(client: ProjectsClient, project: str) -> None:
    put(client, project, {"bindings": [BINDING]})
    assert not got(client, f"{project}-b").bindings


def test_a_policy_that_makes_no_sense_is_refused(client: ProjectsClient, project: str) -> None:
    with pytest.raises(BadRequest, match="member anna"):
        put(client, project, {"bindings": [{"role": "roles/viewer", "members": ["anna"]}]})


def test_permissions_are_there_that_no_fault_takes_away(
    client: ProjectsClient, project: str, cloud: LocalCloud
) -> None:
    asked = ["resourcemanager.projects.get", "resourcemanager.projects.setIamPolicy"]

    def permitted() -> list[str]:
        return list(client.test_iam_permissions(resource=project, permissions=asked).permissions)

    assert permitted() == asked
    cloud.faults.add(Fault(method=asked[0], resource=project, code="PERMISSION_DENIED"))
    assert permitted() == asked[1:]


def test_faults_strike_by_name(client: ProjectsClient, project: str, cloud: LocalCloud) -> None:
    cloud.faults.add(Fault(method="resourcemanager.projects.getIamPolicy", code="UNAVAILABLE"))
    with pytest.raises(ServiceUnavailable):
        got(client, project)


def test_what_is_not_here_says_so(client: ProjectsClient, project: str) -> None:
    with pytest.raises(MethodNotImplemented, match="Resource Manager does not support DELETE"):
        client.delete_project(name=project, retry=None)


def test_a_service_account_has_a_policy(cloud: LocalCloud) -> None:
    url = f"{cloud.variables()['IAM_EMULATOR_HOST']}/v1/projects/-/serviceAccounts/push@p.iam.gserviceaccount.com"

    def called(verb: str, body: Any = None) -> requests.Response:
        return requests.post(f"{url}:{verb}?options.requestedPolicyVersion=3", json=body, timeout=10)

    etag = called("getIamPolicy").json()["etag"]
    assert base64.b64decode(etag)
    limited = {**BINDING, "condition": CONDITION}
    assert called("setIamPolicy", {"policy": {"version": 3, "bindings": [limited], "etag": etag}}).status_code == 200
    assert called("getIamPolicy").json()["bindings"] == [limited]
    assert called("setIamPolicy", {"policy": {"etag": etag}}).status_code == 409
    assert called("testIamPermissions", {"permissions": ["iam.serviceAccounts.actAs"]}).json() == {
        "permissions": ["iam.serviceAccounts.actAs"]
    }
    assert called("signBlob").status_code == 501


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"policy": {"bindings": 7}}', b'{"policy": {"sound": "loud"}}', b'{"updateMask": "etag"}']
)
def test_what_is_no_policy_is_refused(cloud: LocalCloud, project: str, body: bytes) -> None:
    answer = requests.post(f"http://{cloud.http_address}/v3/{project}:setIamPolicy", data=body, timeout=10)
    assert answer.status_code == (501 if b"updateMask" in body else 400)
    assert answer.json()["error"]["message"]
