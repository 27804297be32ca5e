"""Firestore collections, which exist by their documents: missing seeds are created, and none is ever overwritten.

Documents carry no label that could tell ours from another's, and a device register is edited where it lives. So a seed
is what a collection begins with, not what it must stay.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from google.api_core.exceptions import NotFound
from google.cloud import firestore

from director import keys
from director.documents.loading import Blueprint
from director.documents.seeds import Documents
from director.documents.specs.firestore import Collection
from director.invalidation import Invalidations
from director.provisioning.base import CALL_TIMEOUT, Context, Holding, Observed, Provider, Verdict, Wanted
from director.provisioning.clients import Clients
from director.resources.firestore import database_needed
from director.retries import ONCE

BATCH = 400  # documents a request; 500 is the most some servers take


def missing(live: frozenset[str], wanted: frozenset[str]) -> Verdict | None:
    absent = sorted(wanted - live)
    if not absent:
        return None
    named = ", ".join(absent[:3]) + (", ..." if len(absent) > 3 else "")
    return Verdict("update", f"{len(absent)} of {len(wanted)} documents missing: {named}")


@dataclass(frozen=True, slots=True)
class State:
    documents: Annotated[frozenset[str], missing] = frozenset()


def wanted(context: Context, spec: Collection) -> Wanted[State]:
    seeds = context.seeds.get((context.dataflow, spec.name), {})
    told = spec.invalidation_topic  # has to be there whenever documents are written or deleted
    return Wanted(
        *keys.collection(spec.name, spec.database),
        State(frozenset(seeds)),
        owner=None,
        needs=(
            *database_needed(context, spec.database),
            *((keys.topic(context.project, told),) if told else ()),
        ),
        services=context.services(spec),
    )


def provider(clients: Clients, blueprint: Blueprint) -> Provider[State]:
    seeds = {
        keys.collection(collection.name, collection.database)[1]: blueprint.seeds[dataflow, collection.name]
        for dataflow, collection in _all(blueprint)
        if (dataflow, collection.name) in blueprint.seeds
    }
    return Collections(clients.database, seeds, _invalidations(clients, blueprint))


def _all(blueprint: Blueprint) -> Iterator[tuple[str, Collection]]:
    for name, dataflow in blueprint.architecture.dataflows.items():
        yield from ((name, collection) for collection in dataflow.resources.firestore_collections)


def _invalidations(clients: Clients, blueprint: Blueprint) -> dict[str, Invalidations]:
    """By collection: where its changes are told."""
    project = blueprint.architecture.project_id
    return {
        keys.collection(collection.name, collection.database)[1]: Invalidations(
            clients.publisher, keys.topic(project, collection.invalidation_topic)[1]
        )
        for _, collection in _all(blueprint)
        if collection.invalidation_topic is not None
    }


class Collections:
    """Collections through Google's clients, one for each database. `seeds` are the documents of each, by full name.

    Where a collection has `invalidations`, what is written here is told to those who cache it.
    """

    def __init__(
        self,
        database: Callable[[str], firestore.Client],
        seeds: dict[str, Documents],
        invalidations: Mapping[str, Invalidations] | None = None,
    ) -> None:
        self._database = database
        self._seeds = seeds
        self._invalidations = invalidations or {}

    def observe(self, wanted: Wanted[State]) -> Observed[State] | None:
        try:
            if not wanted.state.documents:  # nothing to look for but a database that answers
                list(self._collection(wanted).select([]).limit(1).stream(retry=ONCE, timeout=CALL_TIMEOUT))
                return Observed(State(), None)
            there = frozenset(document.id for document in self._documents(wanted) if document.exists)
        except NotFound:
            if not any(kind == keys.DATABASES for kind, _ in wanted.needs):
                raise
            return None  # its database is about to be made
        return Observed(State(there), None) if there else None

    def create(self, wanted: Wanted[State]) -> None:
        self._add(wanted, wanted.state.documents)

    def update(self, wanted: Wanted[State], observed: Observed[State], fields: frozenset[str]) -> None:
        self._add(wanted, wanted.state.documents - observed.state.documents)

    def holding(self, wanted: Wanted[State], going: frozenset[str]) -> Holding | None:
        """Documents that are not, or no longer, what the collection was seeded with."""
        seeds = self._seeds.get(wanted.full_name, {})
        for document in self._collection(wanted).stream(retry=ONCE, timeout=CALL_TIMEOUT):
            if document.to_dict() != seeds.get(document.id):
                return Holding("documents that are not its seeds")
        return None

    def delete(self, wanted: Wanted[State], data: bool = False) -> None:
        """Deletes the documents that still are what they were seeded with; the others have become somebody's own.

        With `data` those go as well.
        """
        if data:
            self._delete_all(wanted)
            return
        seeds = self._seeds.get(wanted.full_name, {})
        for document in self._documents(wanted):
            if document.exists and document.to_dict() == seeds[document.id]:
                unchanged = self._client(wanted).write_option(last_update_time=document.update_time)
                deleted_at = document.reference.delete(option=unchanged, retry=None, timeout=CALL_TIMEOUT)
                self._tell(wanted, {document.id: deleted_at})

    def _delete_all(self, wanted: Wanted[State]) -> None:
        """Page by page: no call stays open while documents go one by one."""
        first = self._collection(wanted).select([]).limit(BATCH)
        while page := list(first.stream(retry=ONCE, timeout=CALL_TIMEOUT)):
            for document in page:
                deleted_at = document.reference.delete(retry=None, timeout=CALL_TIMEOUT)
                self._tell(wanted, {document.id: deleted_at})

    def _add(self, wanted: Wanted[State], names: frozenset[str]) -> None:
        """A collection without seeds comes with its first document, whoever writes that."""
        collection, seeds = self._collection(wanted), self._seeds.get(wanted.full_name, {})
        for part in _parts(sorted(names)):
            batch = self._client(wanted).batch()
            for name in part:
                batch.create(collection.document(name), dict(seeds[name]))
            written = batch.commit(retry=None, timeout=CALL_TIMEOUT)
            self._tell(wanted, {name: one.update_time for name, one in zip(part, written, strict=True)})

    def _tell(self, wanted: Wanted[State], changes: Mapping[str, datetime]) -> None:
        if wanted.full_name in self._invalidations:
            self._invalidations[wanted.full_name].publish(_place(wanted)[1], changes)

    def _documents(self, wanted: Wanted[State]) -> Iterator[Any]:
        collection = self._collection(wanted)
        for part in _parts(sorted(wanted.state.documents)):
            references = [collection.document(name) for name in part]
            yield from self._client(wanted).get_all(references, retry=None, timeout=CALL_TIMEOUT)

    def _collection(self, wanted: Wanted[State]) -> Any:
        return self._client(wanted).collection(_place(wanted)[1])

    def _client(self, wanted: Wanted[State]) -> Any:
        return self._database(_place(wanted)[0])


def _place(wanted: Wanted[State]) -> tuple[str, str]:
    """Database and collection."""
    database, _, collection = wanted.full_name.rpartition("/")
    return database or keys.DEFAULT_DATABASE, collection


def _parts(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), BATCH):
        yield names[start : start + BATCH]
