"""Composite indexes, through Google's client: found by what they are, and waited for until they answer queries."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.cloud.firestore_admin_v1 import FirestoreAdminClient
from google.cloud.firestore_admin_v1.services.firestore_admin.transports import FirestoreAdminGrpcTransport

from director.documents.loading import Blueprint
from director.keys import INDEXES
from director.provisioning.base import Wanted
from director.provisioning.clients import Clients
from director.provisioning.plan import change
from director.provisioning.provisioner import Provisioner
from director.provisioning.waiting import OperationFailed, StillGoing
from director.resources.catalogue import wanted
from director.resources.firestore import admin
from director.resources.firestore_indexes import Indexes
from director.retries import Retries
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from tests.director.resources.discovery import body_of, complaints
from tests.director.resources.plants import Recorder, blueprint, hasty, only

FINISH = "firestoreadmin.CreateIndex.finish"
DEVICE, AT = {"name": "device", "order": "ASCENDING"}, {"name": "at", "order": "DESCENDING"}
TAGS = {"name": "tags", "array_config": "CONTAINS"}
INDEX = {"collection": "readings", "fields": [DEVICE, AT]}


@pytest.fixture
def document(tmp_path: Path) -> Blueprint:
    return blueprint(tmp_path, firestore_indexes=[INDEX])


@pytest.fixture
def index(document: Blueprint) -> Wanted[Any]:
    return only(document, INDEXES)


@pytest.fixture
def clients(cloud: LocalCloud, document: Blueprint) -> Iterator[Clients]:
    with Clients.open(document.architecture.project_id) as opened:
        yield opened


@pytest.fixture
def indexes(clients: Clients) -> Indexes:
    return Indexes(admin(clients), hasty())


def of(index: Wanted[Any], folder: Path, *fields: dict[str, str], **more: Any) -> Wanted[Any]:
    """Another index of the same project."""
    other = only(blueprint(folder, firestore_indexes=[{**INDEX, "fields": list(fields), **more}]), INDEXES)
    project = index.full_name.split("/")[1]
    return replace(other, full_name=other.full_name.replace(other.full_name.split("/")[1], project))


def test_an_index_is_named_by_its_fields(index: Wanted[Any], tmp_path: Path) -> None:
    assert index.full_name.rpartition("/collectionGroups/")[2] == "readings/indexes/device:ASCENDING,at:DESCENDING"
    group = of(index, tmp_path, DEVICE, TAGS, query_scope="COLLECTION_GROUP")
    assert group.full_name.rpartition("/")[2] == "device:ASCENDING,tags:CONTAINS,COLLECTION_GROUP"


def test_a_made_index_is_found_ready(indexes: Indexes, index: Wanted[Any]) -> None:
    assert indexes.observe(index) is None
    indexes.create(index)
    observed = indexes.observe(index)
    assert observed is not None
    assert observed.state == index.state
    assert change(index, observed).action == "none"


@pytest.mark.parametrize(
    ("fields", "same"),
    [
        ([DEVICE, AT, {"name": "__name__", "order": "DESCENDING"}], [DEVICE, AT]),
        ([DEVICE, TAGS, {"name": "__name__", "order": "ASCENDING"}], [DEVICE, TAGS]),
    ],
)
def test_the_name_that_firestore_ends_every_index_with_makes_no_other_index(
    indexes: Indexes, index: Wanted[Any], tmp_path: Path, fields: Any, same: Any
) -> None:
    said, unsaid = of(index, tmp_path, *fields), of(index, tmp_path, *same)
    assert said == unsaid
    indexes.create(said)
    assert change(unsaid, indexes.observe(unsaid)).action == "none"


def test_another_direction_order_scope_or_collection_is_another_index(
    indexes: Indexes, index: Wanted[Any], tmp_path: Path
) -> None:
    indexes.create(index)
    for other in (
        of(index, tmp_path, AT, DEVICE),
        of(index, tmp_path, DEVICE, {**AT, "order": "ASCENDING"}),
        of(index, tmp_path, DEVICE, AT, {"name": "__name__", "order": "ASCENDING"}),
        of(index, tmp_path, DEVICE, AT, query_scope="COLLECTION_GROUP"),
        of(index, tmp_path, DEVICE, AT, collection="rollups"),
    ):
        assert indexes.observe(other) is None
        indexes.create(other)
        assert indexes.observe(other) is not None


def test_one_that_is_being_built_is_no_index_yet_and_waited_for_by_the_next_apply(
    clients: Clients, index: Wanted[Any], cloud: LocalCloud, retries: Retries
) -> None:
    held = cloud.faults.add(Fault(method=FINISH, action="hang"))
    hurried = Indexes(admin(clients), hasty(0.05))
    with pytest.raises(StillGoing, match="goes on; do the same again to wait on"):
        hurried.create(index)
    assert change(index, hurried.observe(index)).reasons == ("state: is being built; wait for it",)
    [waited] = Provisioner({INDEXES: hurried}, retries).apply([index])
    assert waited.result == "failed"
    cloud.faults.remove(held)
    patient = Provisioner({INDEXES: Indexes(admin(clients), hasty())}, retries)
    [ready] = patient.apply([index])
    assert ready.result in ("updated", "unchanged")
    assert patient.plan([index])[0].action == "none"


def test_one_that_could_not_be_built_is_told_and_made_again(
    indexes: Indexes, index: Wanted[Any], cloud: LocalCloud, retries: Retries
) -> None:
    cloud.faults.add(Fault(method=FINISH, code="RESOURCE_EXHAUSTED", message="too many entries", calls=1))
    loop = Provisioner({INDEXES: indexes}, retries)
    [failed] = loop.apply([index])
    assert (failed.result, "too many entries" in failed.reason) == ("failed", True)
    assert loop.plan([index])[0].reasons == ("state: could not be built; is made again",)
    assert loop.apply([index])[0].result == "updated"
    assert loop.plan([index])[0].action == "none"


def test_one_that_turns_out_broken_while_it_is_waited_for_is_a_failure(
    indexes: Indexes, index: Wanted[Any], cloud: LocalCloud
) -> None:
    cloud.faults.add(Fault(method=FINISH, code="INTERNAL", calls=1))
    with pytest.raises(OperationFailed):
        indexes.create(index)
    observed = indexes.observe(index)
    assert observed is not None
    building = replace(observed, state=replace(observed.state, state="CREATING"))
    with pytest.raises(OperationFailed, match="apply again to make it anew"):
        indexes.update(index, building, frozenset({"state"}))


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_effect_that_fails_in_passing_is_had_once(
    indexes: Indexes, index: Wanted[Any], cloud: LocalCloud, retries: Retries, when: Any
) -> None:
    cloud.faults.add(Fault(method="firestoreadmin.CreateIndex", when=when, calls=1))
    loop = Provisioner({INDEXES: indexes}, retries)
    assert loop.apply([index])[0].result == "created"
    assert loop.plan([index])[0].action == "none"


def test_one_list_of_all_groups_is_as_each_is_observed(
    indexes: Indexes, index: Wanted[Any], tmp_path: Path, cloud: LocalCloud
) -> None:
    others = [of(index, tmp_path, AT, DEVICE), of(index, tmp_path, DEVICE, AT, collection="rollups")]
    absent = of(index, tmp_path, DEVICE, TAGS)
    for one in (index, *others):
        indexes.create(one)
    cloud.faults.add(Fault(method="firestoreadmin.List*", action="delay", seconds=0.0))
    calls = len(cloud.faults.log)
    listed = indexes.survey([index, *others, absent])
    assert len(cloud.faults.log) - calls == 1
    assert listed == {one.full_name: indexes.observe(one) for one in (index, *others)}


def test_indexes_of_a_database_that_is_not_there_yet_are_not_either(
    indexes: Indexes, index: Wanted[Any], tmp_path: Path
) -> None:
    other = of(index, tmp_path, DEVICE, AT)
    gone = replace(other, full_name=other.full_name.replace("(default)", "archive"))
    assert indexes.observe(gone) is None
    assert indexes.survey([gone]) == {}


def test_a_deleted_index_is_gone_and_deleting_it_again_is_nothing(indexes: Indexes, index: Wanted[Any]) -> None:
    indexes.create(index)
    assert indexes.holding(index, frozenset()) is None
    indexes.delete(index)
    assert indexes.observe(index) is None
    indexes.delete(index)


def test_an_index_needs_its_database_and_serves_those_linked_to_its_collection(tmp_path: Path) -> None:
    link = {"name": "bridge", "lookup": {"key": "readings"}}
    found = blueprint(
        tmp_path,
        firestore_databases=[{"name": "archive"}],
        firestore_collections=[{"name": "readings", "database": "archive", "consumers": [link]}],
        firestore_indexes=[{**INDEX, "database": "archive"}, INDEX],
    )
    named, default = [one for one in wanted(found, "air") if one.kind == INDEXES]
    assert [need[1].rpartition("/")[2] for need in named.needs] == ["archive"]
    assert (named.services, default.needs, default.services) == ({"bridge"}, (), frozenset())


def test_what_is_sent_is_what_firestores_discovery_document_knows(index: Wanted[Any], cloud: LocalCloud) -> None:
    recorder = Recorder()
    with grpc.insecure_channel(cloud.grpc_address) as channel:
        transport = FirestoreAdminGrpcTransport(channel=grpc.intercept_channel(channel, recorder))
        Indexes(FirestoreAdminClient(transport=transport), hasty()).create(index)
    [created] = recorder.bodies("CreateIndex")
    assert complaints("firestore.v1", "GoogleFirestoreAdminV1Index", body_of(created.index)) == []
