"""Policies of tables and views through Google's own client."""

from collections.abc import Callable

import pytest
import requests
from google.api_core.exceptions import Conflict, NotFound
from google.cloud import bigquery

from localcloud.cloud import LocalCloud
from localcloud.faults import Fault

Make = Callable[..., str]
MEMBER = "user:anna@example.com"
ROLE = "roles/bigquery.dataViewer"


@pytest.fixture
def table(make_table: Make) -> str:
    return make_table("a STRING")


def grant(client: bigquery.Client, table: str) -> None:
    policy = client.get_iam_policy(table)
    policy.bindings = [{"role": ROLE, "members": [MEMBER]}]
    client.set_iam_policy(table, policy)


def test_a_policy_is_given_back_with_another_etag(client: bigquery.Client, table: str) -> None:
    first = client.get_iam_policy(table)
    assert not first.bindings
    grant(client, table)
    second = client.get_iam_policy(table)
    assert [(each["role"], set(each["members"])) for each in second.bindings] == [(ROLE, {MEMBER})]
    assert second.etag != first.etag


def test_a_policy_that_was_changed_meanwhile_is_not_overwritten(client: bigquery.Client, table: str) -> None:
    read = client.get_iam_policy(table)
    grant(client, table)
    with pytest.raises(Conflict):
        client.set_iam_policy(table, read, retry=None)


def test_a_view_has_a_policy_as_well(client: bigquery.Client, dataset: str, table: str) -> None:
    view = bigquery.Table(f"{client.project}.{dataset}.seen")
    view.view_query = "SELECT 1 AS a"
    client.create_table(view)
    grant(client, str(view.reference))
    assert client.get_iam_policy(str(view.reference)).bindings
    assert not client.get_iam_policy(table).bindings


def test_a_table_made_anew_under_an_old_name_has_no_policy(
    client: bigquery.Client, make_table: Make, table: str
) -> None:
    grant(client, table)
    client.delete_table(table)
    assert not client.get_iam_policy(make_table("a STRING")).bindings


def test_a_change_of_the_table_leaves_its_policy(client: bigquery.Client, table: str) -> None:
    grant(client, table)
    found = client.get_table(table)
    found.description = "changed"
    client.update_table(found, ["description"])
    assert client.get_iam_policy(table).bindings


def test_what_is_not_there_has_no_policy(client: bigquery.Client, dataset: str) -> None:
    with pytest.raises(NotFound, match="Not found: Table"):
        client.get_iam_policy(f"{client.project}.{dataset}.nothing")


def test_permissions_are_there_that_no_fault_takes_away(client: bigquery.Client, table: str, cloud: LocalCloud) -> None:
    asked = ["bigquery.tables.getData", "bigquery.tables.updateData"]
    assert client.test_iam_permissions(table, asked) == {"permissions": asked}
    cloud.faults.add(Fault(method=asked[1], code="PERMISSION_DENIED"))
    assert client.test_iam_permissions(table, asked) == {"permissions": asked[:1]}


def test_conditions_are_kept_for_those_who_ask_for_them(client: bigquery.Client, table: str, cloud: LocalCloud) -> None:
    project, dataset, name = table.split(".")
    url = f"http://{cloud.http_address}/bigquery/v2/projects/{project}/datasets/{dataset}/tables/{name}"
    limited = {"role": ROLE, "members": [MEMBER], "condition": {"title": "t", "expression": "true"}}
    requests.post(f"{url}:setIamPolicy", json={"policy": {"version": 3, "bindings": [limited]}}, timeout=10)
    options = {"options": {"requestedPolicyVersion": 3}}
    assert requests.post(f"{url}:getIamPolicy", json=options, timeout=10).json()["bindings"] == [limited]
    assert "_withcond_" in client.get_iam_policy(table).bindings[0]["role"]
