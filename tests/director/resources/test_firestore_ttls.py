"""TTL policies, through Google's client."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from google.cloud.firestore_admin_v1.types import Field

from director.documents.loading import Blueprint
from director.keys import TTLS
from director.provisioning.base import Wanted
from director.provisioning.clients import Clients
from director.provisioning.plan import change
from director.provisioning.provisioner import Provisioner
from director.resources.firestore import admin
from director.resources.firestore_ttls import Ttls
from director.retries import Retries
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from tests.director.resources.plants import blueprint, hasty, only

FINISH = "firestoreadmin.UpdateField.finish"


@pytest.fixture
def document(tmp_path: Path) -> Blueprint:
    return blueprint(tmp_path, firestore_ttls=[{"collection": "readings", "field": "expires.at"}])


@pytest.fixture
def policy(document: Blueprint) -> Wanted[Any]:
    return only(document, TTLS)


@pytest.fixture
def clients(cloud: LocalCloud, document: Blueprint) -> Iterator[Clients]:
    with Clients.open(document.architecture.project_id) as opened:
        yield opened


@pytest.fixture
def ttls(clients: Clients) -> Ttls:
    return Ttls(admin(clients), hasty())


def test_a_policy_is_set_and_taken_away(ttls: Ttls, policy: Wanted[Any]) -> None:
    assert policy.full_name.endswith("/collectionGroups/readings/fields/expires.at")
    assert ttls.observe(policy) is None
    ttls.create(policy)
    assert change(policy, ttls.observe(policy)).action == "none"
    assert ttls.holding(policy, frozenset()) is None
    ttls.delete(policy)
    assert ttls.observe(policy) is None


def test_a_policy_holds_for_new_documents_while_the_old_ones_are_looked_through(
    ttls: Ttls, policy: Wanted[Any], cloud: LocalCloud, eventually: Any
) -> None:
    held = cloud.faults.add(Fault(method=FINISH, action="hang"))
    ttls.create(policy)
    observed = ttls.observe(policy)
    assert observed is not None
    assert (observed.state.state, change(policy, observed).action) == ("CREATING", "none")
    cloud.faults.remove(held)
    eventually(lambda: ttls.observe(policy).state.state == "ACTIVE")  # type: ignore[union-attr]


def test_one_that_could_not_be_enforced_is_set_again_with_all_that_it_had(
    ttls: Ttls, policy: Wanted[Any], cloud: LocalCloud, clients: Clients, retries: Retries, eventually: Any
) -> None:
    cloud.faults.add(Fault(method=FINISH, code="INTERNAL", calls=1))
    offset = Field.TtlConfig(expiration_offset=timedelta(hours=1))
    request = {"field": Field(name=policy.full_name, ttl_config=offset), "update_mask": {"paths": ["ttl_config"]}}
    admin(clients).update_field(request=request, retry=None)
    eventually(lambda: ttls.observe(policy).state.state == "NEEDS_REPAIR")  # type: ignore[union-attr]
    loop = Provisioner({TTLS: ttls}, retries)
    assert loop.plan([policy])[0].reasons == ("state: does not hold for all documents; is set again",)
    assert loop.apply([policy])[0].result == "updated"
    eventually(lambda: loop.plan([policy])[0].action == "none")
    live = admin(clients).get_field(name=policy.full_name)
    assert live.ttl_config.expiration_offset == timedelta(hours=1)


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_effect_that_fails_in_passing_is_had_once(
    ttls: Ttls, policy: Wanted[Any], cloud: LocalCloud, retries: Retries, when: Any
) -> None:
    cloud.faults.add(Fault(method="firestoreadmin.UpdateField", when=when, calls=1))
    loop = Provisioner({TTLS: ttls}, retries)
    assert loop.apply([policy])[0].result == "created"
    assert loop.plan([policy])[0].action == "none"


def test_a_list_of_all_groups_is_as_each_is_observed(ttls: Ttls, policy: Wanted[Any]) -> None:
    other = replace(policy, full_name=policy.full_name.replace("readings", "rollups"))
    absent = replace(policy, full_name=policy.full_name.replace("readings", "alarms"))
    for one in (policy, other):
        ttls.create(one)
    assert ttls.survey([policy, other, absent]) == {one.full_name: ttls.observe(one) for one in (policy, other)}


def test_policies_of_a_database_that_is_not_there_yet_are_not_either(ttls: Ttls, policy: Wanted[Any]) -> None:
    gone = replace(policy, full_name=policy.full_name.replace("(default)", "archive"))
    assert ttls.observe(gone) is None
    assert ttls.survey([gone]) == {}
