"""Firestore's admin API through Google's own client: databases, composite indexes, TTL policies, their operations."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.firestore_admin_v1 import FirestoreAdminClient
from google.cloud.firestore_admin_v1.services.firestore_admin.transports import FirestoreAdminGrpcTransport
from google.cloud.firestore_admin_v1.types import Database, Field, Index

from localcloud.cloud import LocalCloud
from localcloud.faults import Fault

ENABLED = Database.DeleteProtectionState.DELETE_PROTECTION_ENABLED
DISABLED = Database.DeleteProtectionState.DELETE_PROTECTION_DISABLED
NATIVE = Database.DatabaseType.FIRESTORE_NATIVE
FIELDS = [{"field_path": "device", "order": "ASCENDING"}, {"field_path": "at", "order": "DESCENDING"}]


@pytest.fixture
def client(cloud: LocalCloud) -> Iterator[FirestoreAdminClient]:
    with grpc.insecure_channel(cloud.grpc_address) as channel:
        yield FirestoreAdminClient(transport=FirestoreAdminGrpcTransport(channel=channel))


@pytest.fixture
def project() -> str:
    return f"projects/p-{uuid.uuid4().hex[:8]}"


def create(client: FirestoreAdminClient, project: str, name: str = "archive", **settings: Any) -> Any:
    database = {"location_id": "eur3", "type_": NATIVE, **settings}
    return client.create_database(parent=project, database=database, database_id=name, retry=None)


def index(client: FirestoreAdminClient, project: str, fields: Any = FIELDS, group: str = "readings") -> Any:
    parent = f"{project}/databases/(default)/collectionGroups/{group}"
    return client.create_index(parent=parent, index={"query_scope": "COLLECTION", "fields": fields}, retry=None)


def ttl(client: FirestoreAdminClient, project: str, field: str = "expires_at", on: bool = True) -> Any:
    name = f"{project}/databases/(default)/collectionGroups/readings/fields/{field}"
    wanted = {"name": name, **({"ttl_config": {}} if on else {})}
    return client.update_field(request={"field": wanted, "update_mask": {"paths": ["ttl_config"]}}, retry=None)


def test_a_database_is_there_when_its_operation_is_done_with_what_was_left_out_settled(
    client: FirestoreAdminClient, project: str
) -> None:
    made = create(client, project).result(timeout=10)
    found = client.get_database(name=f"{project}/databases/archive")
    assert found == made
    assert (found.location_id, found.type_, found.delete_protection_state) == ("eur3", NATIVE, DISABLED)
    assert found.version_retention_period.total_seconds() == 3600
    assert found.etag
    assert [each.name for each in client.list_databases(parent=project).databases] == [found.name]


def test_until_then_it_is_neither_found_nor_can_it_be_created_again(
    client: FirestoreAdminClient, project: str, cloud: LocalCloud, eventually: Callable[..., None]
) -> None:
    held = cloud.faults.add(Fault(method="firestoreadmin.CreateDatabase.finish", action="hang"))
    begun = create(client, project)
    with pytest.raises(exceptions.NotFound):
        client.get_database(name=f"{project}/databases/archive")
    with pytest.raises(exceptions.AlreadyExists):
        create(client, project)
    cloud.faults.remove(held)
    assert begun.result(timeout=10).name == f"{project}/databases/archive"


def test_a_database_that_failed_can_be_created_again(
    client: FirestoreAdminClient, project: str, cloud: LocalCloud
) -> None:
    cloud.faults.add(Fault(method="firestoreadmin.CreateDatabase.finish", code="INTERNAL", message="no", calls=1))
    with pytest.raises(exceptions.InternalServerError, match="no"):
        create(client, project).result(timeout=10)
    assert create(client, project).result(timeout=10).uid


@pytest.mark.parametrize("name", ["abc", "Archive", "archive-", "1archive", f"{uuid.UUID(int=10)}", "(other)"])
def test_ids_that_firestore_does_not_take_are_refused(client: FirestoreAdminClient, project: str, name: str) -> None:
    with pytest.raises(exceptions.InvalidArgument, match="database id"):
        create(client, project, name)


def test_location_and_type_are_required(client: FirestoreAdminClient, project: str) -> None:
    for missing in ({"location_id": ""}, {"type_": 0}):
        with pytest.raises(exceptions.InvalidArgument):
            create(client, project, **missing)


def test_an_update_changes_what_its_mask_names_under_the_etag(client: FirestoreAdminClient, project: str) -> None:
    made = create(client, project).result(timeout=10)
    wanted = Database(name=made.name, delete_protection_state=ENABLED, etag=made.etag)
    changed = client.update_database(database=wanted, update_mask={"paths": ["delete_protection_state"]}).result(10)
    assert changed.delete_protection_state == ENABLED
    assert changed.location_id == "eur3"
    with pytest.raises(exceptions.Aborted, match="etag"):
        client.update_database(database=wanted, update_mask={"paths": ["delete_protection_state"]}, retry=None)
    with pytest.raises(exceptions.MethodNotImplemented, match="location_id"):
        client.update_database(database=Database(name=made.name), update_mask={"paths": ["location_id"]}, retry=None)


def test_a_protected_database_is_not_deleted_and_a_deleted_one_takes_its_documents_along(
    client: FirestoreAdminClient, project: str, cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", cloud.grpc_address)
    made = create(client, project, delete_protection_state=ENABLED).result(timeout=10)
    with pytest.raises(exceptions.FailedPrecondition, match="protection"):
        client.delete_database(name=made.name, retry=None)
    wanted = Database(name=made.name, delete_protection_state=DISABLED)
    open_ = client.update_database(database=wanted, update_mask={"paths": ["delete_protection_state"]}).result(10)
    project_id = project.removeprefix("projects/")
    documents = firestore.Client(project_id, credentials=AnonymousCredentials(), database="archive")
    documents.document("devices/d-1").set({"name": "one"})
    with pytest.raises(exceptions.Aborted):
        client.delete_database(request={"name": made.name, "etag": made.etag}, retry=None)
    client.delete_database(request={"name": made.name, "etag": open_.etag}).result(timeout=10)
    with pytest.raises(exceptions.NotFound):
        client.get_database(name=made.name)
    assert not documents.document("devices/d-1").get().exists
    documents.close()


def test_an_index_has_a_name_of_firestores_own_and_ends_with_the_documents_name(
    client: FirestoreAdminClient, project: str
) -> None:
    made = index(client, project).result(timeout=10)
    assert made.state == Index.State.READY
    assert [(each.field_path, each.order.name) for each in made.fields] == [
        ("device", "ASCENDING"),
        ("at", "DESCENDING"),
        ("__name__", "DESCENDING"),
    ]
    assert client.get_index(name=made.name) == made
    with pytest.raises(exceptions.AlreadyExists, match="index already exists"):
        index(client, project)


def test_indexes_are_listed_of_one_collection_group_or_of_all_by_pages(
    client: FirestoreAdminClient, project: str
) -> None:
    names = [index(client, project, group=group).result(10).name for group in ("readings", "rollups")]
    groups = f"{project}/databases/(default)/collectionGroups"
    assert [each.name for each in client.list_indexes(parent=f"{groups}/readings")] == names[:1]
    every = client.list_indexes(request={"parent": f"{groups}/-", "page_size": 1})
    assert [each.name for each in every] == names
    client.delete_index(name=names[0])
    assert [each.name for each in client.list_indexes(parent=f"{groups}/-")] == names[1:]
    with pytest.raises(exceptions.NotFound):
        client.delete_index(name=names[0])


def test_an_index_is_being_created_until_its_operation_ends_and_in_need_of_repair_where_that_fails(
    client: FirestoreAdminClient, project: str, cloud: LocalCloud
) -> None:
    held = cloud.faults.add(Fault(method="firestoreadmin.CreateIndex.finish", action="hang"))
    begun = index(client, project)
    groups = f"{project}/databases/(default)/collectionGroups"
    assert [each.state for each in client.list_indexes(parent=f"{groups}/-")] == [Index.State.CREATING]
    cloud.faults.remove(held)
    assert begun.result(timeout=10).state == Index.State.READY
    cloud.faults.add(Fault(method="firestoreadmin.CreateIndex.finish", code="RESOURCE_EXHAUSTED", calls=1))
    with pytest.raises(exceptions.ResourceExhausted):
        index(client, project, group="rollups").result(timeout=10)
    [broken] = client.list_indexes(parent=f"{groups}/rollups")
    assert broken.state == Index.State.NEEDS_REPAIR


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        (FIELDS[:1], "two fields"),
        ([{"field_path": "a"}, {"field_path": "b", "order": "ASCENDING"}], "no order"),
        ([{"field_path": name, "array_config": "CONTAINS"} for name in "ab"], "one array field"),
    ],
)
def test_indexes_that_cannot_be_are_refused(client: FirestoreAdminClient, project: str, fields: Any, says: str) -> None:
    with pytest.raises(exceptions.InvalidArgument, match=says):
        index(client, project, fields)


def test_an_index_needs_its_database(client: FirestoreAdminClient, project: str) -> None:
    parent = f"{project}/databases/archive/collectionGroups/readings"
    with pytest.raises(exceptions.NotFound, match="databases/archive does not exist"):
        client.create_index(parent=parent, index={"query_scope": "COLLECTION", "fields": FIELDS}, retry=None)


def test_a_ttl_policy_is_set_and_unset_on_a_field(client: FirestoreAdminClient, project: str) -> None:
    name = f"{project}/databases/(default)/collectionGroups/readings/fields/expires_at"
    assert "ttl_config" not in client.get_field(name=name)
    assert ttl(client, project).result(timeout=10).ttl_config.state == Field.TtlConfig.State.ACTIVE
    request = {"parent": f"{project}/databases/(default)/collectionGroups/-", "filter": "ttlConfig:*"}
    assert [each.name for each in client.list_fields(request=request)] == [name]
    with pytest.raises(exceptions.FailedPrecondition, match="can have one"):
        ttl(client, project, "other")
    ttl(client, project, on=False).result(timeout=10)
    assert "ttl_config" not in client.get_field(name=name)
    assert list(client.list_fields(request=request)) == []


def test_a_ttl_policy_that_failed_is_in_need_of_repair(
    client: FirestoreAdminClient, project: str, cloud: LocalCloud
) -> None:
    cloud.faults.add(Fault(method="firestoreadmin.UpdateField.finish", code="INTERNAL", calls=1))
    with pytest.raises(exceptions.InternalServerError):
        ttl(client, project).result(timeout=10)
    name = f"{project}/databases/(default)/collectionGroups/readings/fields/expires_at"
    assert client.get_field(name=name).ttl_config.state == Field.TtlConfig.State.NEEDS_REPAIR


def test_what_is_not_here_says_so(client: FirestoreAdminClient, project: str) -> None:
    with pytest.raises(exceptions.MethodNotImplemented, match=r"FirestoreAdmin\.ExportDocuments"):
        client.export_documents(name=f"{project}/databases/(default)", retry=None)
    with pytest.raises(exceptions.MethodNotImplemented, match="database_edition"):
        create(client, project, database_edition="ENTERPRISE")
    with pytest.raises(exceptions.MethodNotImplemented, match="filter"):
        list(client.list_fields(parent=f"{project}/databases/(default)/collectionGroups/-", retry=None))
