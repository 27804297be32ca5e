"""Firestore databases, through Google's clients: operations awaited, protection, and what a teardown may take."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.api_core.exceptions import FailedPrecondition, ServiceUnavailable
from google.cloud.firestore_admin_v1 import FirestoreAdminClient
from google.cloud.firestore_admin_v1.services.firestore_admin.transports import FirestoreAdminGrpcTransport
from google.cloud.firestore_admin_v1.types import ListDatabasesResponse

from director.documents.loading import Blueprint
from director.keys import DATABASES
from director.ledger.file import FileLedger
from director.provisioning.base import Wanted
from director.provisioning.clients import Clients
from director.provisioning.plan import change
from director.provisioning.provisioner import Provisioner
from director.provisioning.waiting import OperationFailed, StillGoing
from director.resources.catalogue import providers, wanted
from director.resources.firestore import admin
from director.resources.firestore_databases import Databases
from director.retries import Retries
from director.service import Director
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from tests.director.resources.discovery import body_of, complaints
from tests.director.resources.plants import Recorder, blueprint, hasty, only

FINISH = "firestoreadmin.CreateDatabase.finish"
FULL = {"name": "archive", "location_id": "europe-west4", "point_in_time_recovery": True, "delete_protection": False}
LIVES = {"deletion_policy": "DELETE"}


@pytest.fixture
def document(tmp_path: Path) -> Blueprint:
    return blueprint(tmp_path, firestore_databases=[{"name": "archive"}])


@pytest.fixture
def database(document: Blueprint) -> Wanted[Any]:
    return only(document, DATABASES)


@pytest.fixture
def databases(clients: Clients) -> Databases:
    return Databases(admin(clients), clients.database, hasty())


@pytest.fixture
def clients(cloud: LocalCloud, document: Blueprint) -> Any:
    with Clients.open(document.architecture.project_id) as opened:
        yield opened


def test_a_database_is_made_where_the_architecture_is_and_protected(
    databases: Databases, database: Wanted[Any]
) -> None:
    assert databases.observe(database) is None
    databases.create(database)
    observed = databases.observe(database)
    assert observed is not None
    assert observed.state == database.state
    assert (observed.state.location_id, observed.state.delete_protection) == ("eur3", True)


def test_every_field_is_made_as_it_is_said_and_drifts(
    databases: Databases, database: Wanted[Any], tmp_path: Path
) -> None:
    full = replace(only(blueprint(tmp_path, firestore_databases=[FULL]), DATABASES), full_name=database.full_name)
    databases.create(full)
    assert change(full, databases.observe(full)).action == "none"
    todo = change(replace(full, state=replace(full.state, delete_protection=True)), databases.observe(full))
    assert todo.reasons == ("delete_protection: false -> true",)


def test_an_update_touches_only_what_drifted(databases: Databases, database: Wanted[Any]) -> None:
    databases.create(database)
    changed = replace(database, state=replace(database.state, point_in_time_recovery=True))
    observed = databases.observe(changed)
    todo = change(changed, observed)
    assert todo.fields == {"point_in_time_recovery"}
    databases.update(changed, observed, todo.fields)  # type: ignore[arg-type]
    assert change(changed, databases.observe(changed)).action == "none"


@pytest.mark.parametrize(
    "other", [{"location_id": "nam5"}, {"type": "DATASTORE_MODE"}, {"kms_key_name": "projects/p/k"}]
)
def test_what_firestore_never_changes_is_refused(
    databases: Databases, database: Wanted[Any], other: dict[str, str]
) -> None:
    databases.create(database)
    todo = change(replace(database, state=replace(database.state, **other)), databases.observe(database))
    assert todo.action == "refuse"
    assert "export the documents" in todo.reasons[0]


def test_a_run_that_was_killed_while_it_waited_is_completed_by_the_next(
    clients: Clients, database: Wanted[Any], cloud: LocalCloud, retries: Retries, eventually: Any
) -> None:
    """Until the operation is done, Firestore neither shows the database nor makes it again."""
    held = cloud.faults.add(Fault(method=FINISH, action="hang"))
    with pytest.raises(StillGoing, match="goes on; do the same again"):
        Databases(admin(clients), clients.database, hasty(0.05)).create(database)
    second = Provisioner({DATABASES: Databases(admin(clients), clients.database, hasty(0.05))}, retries)
    [failed] = second.apply([database])
    assert (failed.result, "is not done after" in failed.reason) == ("failed", True)
    cloud.faults.remove(held)
    third = Provisioner({DATABASES: Databases(admin(clients), clients.database, hasty())}, retries)
    [made] = third.apply([database])
    assert made.result in ("created", "unchanged")
    assert third.plan([database])[0].action == "none"


def test_where_google_gives_up_its_reason_is_told(
    databases: Databases, database: Wanted[Any], cloud: LocalCloud
) -> None:
    cloud.faults.add(Fault(method=FINISH, code="RESOURCE_EXHAUSTED", message="too many databases", calls=1))
    with pytest.raises(OperationFailed, match="too many databases"):
        databases.create(database)
    databases.create(database)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("method", ["CreateDatabase", "GetDatabase"])
def test_an_effect_that_fails_in_passing_is_had_once(
    databases: Databases, database: Wanted[Any], cloud: LocalCloud, retries: Retries, method: str, when: Any
) -> None:
    number = cloud.faults.add(Fault(method=f"firestoreadmin.{method}", when=when, calls=1))
    loop = Provisioner({DATABASES: databases}, retries)
    [made] = loop.apply([database])
    assert made.result == "created"
    assert [decision.fault_id for decision in cloud.faults.log].count(number) == 1
    assert loop.plan([database])[0].action == "none"


def test_a_list_is_as_each_is_observed(databases: Databases, database: Wanted[Any]) -> None:
    other = replace(database, full_name=f"{database.full_name}-2")
    absent = replace(database, full_name=f"{database.full_name}-3")
    for one in (database, other):
        databases.create(one)
    assert databases.survey([database, absent]) == {database.full_name: databases.observe(database)}


def test_a_list_that_is_not_complete_is_none(
    clients: Clients, databases: Databases, database: Wanted[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = admin(clients)
    partial = ListDatabasesResponse(unreachable=["eur3"])
    monkeypatch.setattr(client, "list_databases", lambda **_: partial)
    with pytest.raises(ServiceUnavailable, match="eur3"):
        Databases(client, clients.database).survey([database])


def test_protection_and_documents_are_held_but_not_what_goes_anyway(
    databases: Databases, database: Wanted[Any], clients: Clients
) -> None:
    databases.create(database)
    assert databases.holding(database, frozenset()).what == "its delete protection"  # type: ignore[union-attr]
    documents = clients.database("archive")
    documents.document("devices/d-1").set({"name": "one"})
    assert databases.holding(database, frozenset()).what == "collections: devices"  # type: ignore[union-attr]
    assert databases.holding(database, frozenset({"archive/devices"})).what == "its delete protection"  # type: ignore[union-attr]
    documents.document("director/lease").set({"token": 1})
    held = databases.holding(database, frozenset({"archive/devices"}))
    assert held is not None
    assert (held.others, "what the director remembers (director)" in held.what) == (True, True)


def test_a_database_in_datastore_mode_cannot_be_looked_into(databases: Databases, database: Wanted[Any]) -> None:
    state = replace(database.state, type="DATASTORE_MODE", delete_protection=False)
    other = replace(database, state=state)
    databases.create(other)
    assert databases.holding(other, frozenset()) is not None


def test_a_protected_database_is_deleted_only_with_the_loss_confirmed(
    databases: Databases, database: Wanted[Any]
) -> None:
    databases.create(database)
    with pytest.raises(FailedPrecondition, match="protection"):
        databases.delete(database)
    databases.delete(database, data=True)
    assert databases.observe(database) is None


def test_a_deletion_whose_answer_was_lost_is_done_once(
    databases: Databases, database: Wanted[Any], cloud: LocalCloud, retries: Retries
) -> None:
    databases.create(database)
    cloud.faults.add(Fault(method="firestoreadmin.DeleteDatabase", when="after", calls=1))
    loop = Provisioner({DATABASES: databases}, retries)
    planned = change(database, None)
    report = loop.tear_down([database], {database.key: replace(planned, action="delete")}, frozenset({database.key}))
    assert report[0].result == "deleted"
    assert databases.observe(database) is None


def test_a_teardown_takes_only_what_the_journal_says_we_made_and_somebody_confirmed(
    cloud: LocalCloud, tmp_path: Path, retries: Retries
) -> None:
    """A whole dataflow: what is in the database goes first, then the database."""
    unmade = Fault(method="firestore.RunQuery", resource="*/databases/archive/*", code="NOT_FOUND", calls=1)
    cloud.faults.add(unmade)  # as Firestore answers of a database that is not there
    document = blueprint(
        tmp_path,
        firestore_databases=[{"name": "archive", **LIVES}, {"name": "theirs", **LIVES}],
        firestore_collections=[{"name": "devices", "database": "archive", **LIVES}],
        firestore_indexes=[
            {
                "collection": "devices",
                "database": "archive",
                "fields": [{"name": name, "order": "ASCENDING"} for name in "ab"],
                **LIVES,
            }
        ],
        firestore_ttls=[{"collection": "devices", "database": "archive", "field": "at", **LIVES}],
    )
    with Clients.open(document.architecture.project_id) as own:
        theirs = next(one for one in wanted(document, "air") if one.full_name.endswith("/theirs"))
        made = providers(own, document)
        made[DATABASES].create(theirs)
        director = Director(document, lambda _: made, retries, workers=1, ledger=FileLedger())
        assert {outcome.result for outcome in director.apply("air")} == {"created", "unchanged"}
        assert director.verify("air") == ()
        planned = {change.name.rpartition("/")[2]: change for change in director.teardown_plan("air")}
        assert planned["theirs"].action == "keep"
        assert "journal does not say" in planned["theirs"].reasons[0]
        assert (planned["archive"].action, planned["devices"].action) == ("confirm", "delete")
        assert planned["archive"].reasons == ("would lose its delete protection; to want that, confirm archive",)
        assert {one.result for one in director.teardown("air")} == {"refused", "skipped", "kept"}
        report = {one.key: one.result for one in director.teardown("air", None, frozenset({"archive"}))}
        assert list(report.values()).count("deleted") == 4
        assert report[theirs.key] == "kept"
        assert made[DATABASES].observe(theirs) is not None


def test_what_is_sent_is_what_firestores_discovery_document_knows(
    clients: Clients, tmp_path: Path, cloud: LocalCloud
) -> None:
    recorder = Recorder()
    with grpc.insecure_channel(cloud.grpc_address) as channel:
        transport = FirestoreAdminGrpcTransport(channel=grpc.intercept_channel(channel, recorder))
        databases = Databases(FirestoreAdminClient(transport=transport), clients.database, hasty())
        databases.create(only(blueprint(tmp_path, firestore_databases=[FULL]), DATABASES))
    [created] = recorder.bodies("CreateDatabase")
    body = body_of(created.database)
    body["type"] = body.pop("type", None) or body.pop("type_")
    assert complaints("firestore.v1", "GoogleFirestoreAdminV1Database", body) == []
