"""Seeds of Firestore collections: added where missing, never written over."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pytest
from google.api_core.exceptions import AlreadyExists, NotFound, ServiceUnavailable

from director import keys
from director.documents.loading import Blueprint
from director.invalidation import Invalidations
from director.provisioning.base import Wanted
from director.provisioning.clients import Clients
from director.provisioning.plan import change
from director.resources import firestore_collections
from director.resources.catalogue import providers, wanted
from director.resources.firestore_collections import BATCH, Collections, State
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault
from tests.director.resources.plants import blueprint as small
from tests.director.resources.plants import only

SEEDS = {"d-1": {"name": "one", "location": "hall-1"}, "d-2": {"name": "two", "location": "hall-2"}}


@pytest.fixture
def collections(clients: Clients) -> Collections:
    return Collections(clients.database, {"devices": SEEDS})


@pytest.fixture
def collection(blueprint: Blueprint) -> Wanted[Any]:
    return next(one for one in wanted(blueprint, "air") if one.kind == "firestore_collections")


def contents(clients: Clients) -> dict[str, Any]:
    return {document.id: document.to_dict() for document in clients.firestore.collection("devices").stream()}


def test_missing_documents_are_created_as_seeded(
    collections: Collections, collection: Wanted[Any], clients: Clients
) -> None:
    assert collections.observe(collection) is None
    collections.create(collection)
    assert contents(clients) == SEEDS
    assert change(collection, collections.observe(collection)).action == "none"


def test_what_people_wrote_stays_and_only_what_is_missing_is_added(
    collections: Collections, collection: Wanted[Any], clients: Clients
) -> None:
    theirs = {"name": "renamed by hand"}
    clients.firestore.document("devices/d-1").set(theirs)
    observed = collections.observe(collection)
    todo = change(collection, observed)
    assert todo.reasons == ("documents: 1 of 2 documents missing: d-2",)
    collections.update(collection, observed, todo.fields)  # type: ignore[arg-type]
    assert contents(clients) == {"d-1": theirs, "d-2": SEEDS["d-2"]}


def test_a_document_that_appears_meanwhile_is_not_written_over(
    collections: Collections, collection: Wanted[Any], clients: Clients
) -> None:
    clients.firestore.document("devices/d-2").set({"name": "theirs"})
    with pytest.raises(AlreadyExists):
        collections.create(collection)
    assert contents(clients) == {"d-2": {"name": "theirs"}}


def test_a_collection_without_seeds_needs_nothing(collections: Collections, collection: Wanted[Any]) -> None:
    empty = replace(collection, full_name="events", state=State())
    assert change(empty, collections.observe(empty)).action == "none"


def test_many_seeds_are_written_in_batches(clients: Clients, collection: Wanted[Any]) -> None:
    seeds = {f"d-{number}": {"n": number} for number in range(BATCH + 5)}
    many = replace(collection, state=State(frozenset(seeds)))
    collections = Collections(clients.database, {"devices": seeds})
    collections.create(many)
    assert change(many, collections.observe(many)).action == "none"


def test_deleting_takes_only_what_still_is_as_seeded(
    collections: Collections, collection: Wanted[Any], clients: Clients
) -> None:
    collections.create(collection)
    clients.firestore.document("devices/d-1").set({"name": "renamed by hand"})
    clients.firestore.document("devices/d-3").set({"name": "theirs"})
    collections.delete(collection)
    assert set(contents(clients)) == {"d-1", "d-3"}


class Told:
    """Keeps what is published."""

    def __init__(self) -> None:
        self.changes: list[tuple[str, str, datetime]] = []

    def publish(self, collection: str, changes: Mapping[str, datetime]) -> None:
        self.changes += [(collection, key, at) for key, at in changes.items()]


def test_what_is_written_is_told_with_the_time_of_writing(collection: Wanted[Any], clients: Clients) -> None:
    told = Told()
    collections = Collections(clients.database, {"devices": SEEDS}, {"devices": cast(Invalidations, told)})
    collections.create(collection)
    live = {one.id: one.update_time for one in clients.firestore.collection("devices").stream()}
    assert sorted(told.changes) == [("devices", key, live[key]) for key in sorted(SEEDS)]
    told.changes.clear()
    collections.delete(collection)
    assert [(name, key) for name, key, _ in sorted(told.changes)] == [("devices", key) for key in sorted(SEEDS)]
    assert all(at > live[key] for _, key, at in told.changes)


def test_a_collection_lives_in_the_database_that_it_names(tmp_path: Path, cloud: LocalCloud) -> None:
    (tmp_path / "devices.yaml").write_text("d-1: {name: one}\n")
    found = small(
        tmp_path,
        firestore_databases=[{"name": "archive"}],
        firestore_collections=[{"name": "devices", "database": "archive", "documents_file": "devices.yaml"}],
    )
    one = only(found, "firestore_collections")
    assert (one.full_name, one.needs) == ("archive/devices", (keys.database(found.architecture.project_id, "archive"),))
    with Clients.open(found.architecture.project_id) as clients:
        provider = providers(clients, found)["firestore_collections"]
        provider.create(one)
        assert clients.database("archive").document("devices/d-1").get().to_dict() == {"name": "one"}
        assert not clients.firestore.document("devices/d-1").get().exists
        assert change(one, provider.observe(one)).action == "none"
        assert provider.holding(one, frozenset()) is None
        provider.delete(one)
        assert not clients.database("archive").document("devices/d-1").get().exists


@pytest.mark.parametrize("declared", [True, False])
def test_a_database_that_is_not_there_is_waited_for_where_the_dataflow_makes_it(
    tmp_path: Path, cloud: LocalCloud, declared: bool
) -> None:
    made = [{"name": "(default)"}] if declared else []
    found = small(tmp_path, firestore_databases=made, firestore_collections=[{"name": "events"}])
    one = only(found, "firestore_collections")
    with Clients.open(found.architecture.project_id) as clients:
        cloud.faults.add(Fault(method="firestore.RunQuery", code="NOT_FOUND", message="no such database"))
        provider = providers(clients, found)["firestore_collections"]
        if declared:
            assert provider.observe(one) is None
            provider.create(one)  # comes with its first document, whoever writes that
        else:
            with pytest.raises(NotFound, match="no such database"):
                provider.observe(one)


def test_confirmed_data_is_deleted_however_long_it_takes(
    collections: Collections, collection: Wanted[Any], clients: Clients, cloud: LocalCloud, monkeypatch: Any
) -> None:
    monkeypatch.setattr(firestore_collections, "CALL_TIMEOUT", 1.0)
    many = clients.firestore.collection("devices")
    for number in range(8):
        many.document(f"d-{number}").set({"padding": "x" * 200_000})  # more than a stream sends ahead
    cloud.faults.add(Fault(method="firestore.Commit", action="delay", seconds=0.2))
    collections.delete(collection, data=True)
    assert not contents(clients)


def test_an_answer_that_breaks_off_midway_is_googles_error(
    collections: Collections, collection: Wanted[Any], cloud: LocalCloud
) -> None:
    collections.create(collection)
    cloud.faults.add(Fault(method="firestore.RunQuery", when="after", code="UNAVAILABLE"))
    with pytest.raises(ServiceUnavailable):
        collections.holding(collection, frozenset())
