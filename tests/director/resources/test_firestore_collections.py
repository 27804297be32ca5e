"""Seeds of Firestore collections: added where missing, never written over."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

import pytest
from google.api_core.exceptions import AlreadyExists

from director.documents.loading import Blueprint
from director.invalidation import Invalidations
from director.provisioning.base import Wanted
from director.provisioning.clients import Clients
from director.provisioning.plan import change
from director.resources.catalogue import wanted
from director.resources.firestore_collections import BATCH, Collections, State

SEEDS = {"d-1": {"name": "one", "location": "hall-1"}, "d-2": {"name": "two", "location": "hall-2"}}


@pytest.fixture
def collections(clients: Clients) -> Collections:
    return Collections(clients.firestore, {"devices": SEEDS})


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
    collections = Collections(clients.firestore, {"devices": seeds})
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
    collections = Collections(clients.firestore, {"devices": SEEDS}, {"devices": cast(Invalidations, told)})
    collections.create(collection)
    live = {one.id: one.update_time for one in clients.firestore.collection("devices").stream()}
    assert sorted(told.changes) == [("devices", key, live[key]) for key in sorted(SEEDS)]
    told.changes.clear()
    collections.delete(collection)
    assert [(name, key) for name, key, _ in sorted(told.changes)] == [("devices", key) for key in sorted(SEEDS)]
    assert all(at > live[key] for _, key, at in told.changes)
