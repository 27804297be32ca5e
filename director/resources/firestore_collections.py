"""Firestore collections, which exist by their documents: missing seeds are created, and none is ever overwritten.

Documents carry no label that could tell ours from another's, and a device register is edited where it lives. So a seed
is what a collection begins with, not what it must stay.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from google.cloud import firestore

from director import keys
from director.documents.loading import Blueprint
from director.documents.seeds import Documents
from director.documents.specs.firestore import Collection
from director.invalidation import Invalidations
from director.provisioning.base import CALL_TIMEOUT, Context, Holding, Observed, Provider, Verdict, Wanted
from director.provisioning.clients import Clients

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
        *keys.collection(spec.name),
        State(frozenset(seeds)),
        owner=None,
        needs=(keys.topic(context.project, told),) if told else (),
        services=context.services(spec),
    )


def provider(clients: Clients, blueprint: Blueprint) -> Provider[State]:
    seeds = {collection: documents for (_, collection), documents in blueprint.seeds.items()}
    return Collections(clients.firestore, seeds, _invalidations(clients, blueprint))


def _invalidations(clients: Clients, blueprint: Blueprint) -> dict[str, Invalidations]:
    """By collection: where its changes are told."""
    project = blueprint.architecture.project_id
    return {
        collection.name: Invalidations(clients.publisher, keys.topic(project, collection.invalidation_topic)[1])
        for dataflow in blueprint.architecture.dataflows.values()
        for collection in dataflow.resources.firestore_collections
        if collection.invalidation_topic is not None
    }


class Collections:
    """Collections through Google's client. `seeds` are the documents of each, by its name.

    Where a collection has `invalidations`, what is written here is told to those who cache it.
    """

    def __init__(
        self,
        client: firestore.Client,
        seeds: dict[str, Documents],
        invalidations: Mapping[str, Invalidations] | None = None,
    ) -> None:
        self._client = client
        self._seeds = seeds
        self._invalidations = invalidations or {}

    def observe(self, wanted: Wanted[State]) -> Observed[State] | None:
        collection = self._client.collection(wanted.full_name)
        if not wanted.state.documents:  # nothing to look for but a database that answers
            list(collection.select([]).limit(1).stream(retry=None, timeout=CALL_TIMEOUT))
            return Observed(State(), None)
        there = frozenset(document.id for document in self._documents(wanted) if document.exists)
        return Observed(State(there), None) if there else None

    def create(self, wanted: Wanted[State]) -> None:
        self._add(wanted, wanted.state.documents)

    def update(self, wanted: Wanted[State], observed: Observed[State], fields: frozenset[str]) -> None:
        self._add(wanted, wanted.state.documents - observed.state.documents)

    def holding(self, wanted: Wanted[State], going: frozenset[str]) -> Holding | None:
        """Documents that are not, or no longer, what the collection was seeded with."""
        seeds = self._seeds.get(wanted.full_name, {})
        for document in self._client.collection(wanted.full_name).stream(retry=None, timeout=CALL_TIMEOUT):
            if document.to_dict() != seeds.get(document.id):
                return Holding("documents that are not its seeds")
        return None

    def delete(self, wanted: Wanted[State], data: bool = False) -> None:
        """Deletes the documents that still are what they were seeded with; the others have become somebody's own.

        With `data` those go as well.
        """
        if data:
            for document in self._client.collection(wanted.full_name).stream(retry=None, timeout=CALL_TIMEOUT):
                deleted_at = document.reference.delete(retry=None, timeout=CALL_TIMEOUT)
                self._tell(wanted.full_name, {document.id: deleted_at})
            return
        seeds = self._seeds.get(wanted.full_name, {})
        for document in self._documents(wanted):
            if document.exists and document.to_dict() == seeds[document.id]:
                unchanged = self._client.write_option(last_update_time=document.update_time)
                deleted_at = document.reference.delete(option=unchanged, retry=None, timeout=CALL_TIMEOUT)
                self._tell(wanted.full_name, {document.id: deleted_at})

    def _add(self, wanted: Wanted[State], names: frozenset[str]) -> None:
        collection, seeds = self._client.collection(wanted.full_name), self._seeds[wanted.full_name]
        for part in _parts(sorted(names)):
            batch = self._client.batch()
            for name in part:
                batch.create(collection.document(name), dict(seeds[name]))
            written = batch.commit(retry=None, timeout=CALL_TIMEOUT)
            self._tell(wanted.full_name, {name: one.update_time for name, one in zip(part, written, strict=True)})

    def _tell(self, collection: str, changes: Mapping[str, datetime]) -> None:
        if collection in self._invalidations:
            self._invalidations[collection].publish(collection, changes)

    def _documents(self, wanted: Wanted[State]) -> Iterator[Any]:
        collection = self._client.collection(wanted.full_name)
        for part in _parts(sorted(wanted.state.documents)):
            references = [collection.document(name) for name in part]
            yield from self._client.get_all(references, retry=None, timeout=CALL_TIMEOUT)


def _parts(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), BATCH):
        yield names[start : start + BATCH]
