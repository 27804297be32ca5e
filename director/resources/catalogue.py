"""Every kind the director knows: what a dataflow wants of it, and who provides it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from director import keys
from director.documents import Blueprint
from director.invalidation import Invalidations
from director.protection import protection
from director.resources import buckets, datasets, firestore_collections, subscriptions, tables, topics, views
from director.resources.base import Context, Providers, Wanted
from director.resources.clients import Clients

_WANTED: Mapping[str, Callable[[Context, Any], Wanted[Any]]] = {
    keys.TOPICS: topics.wanted,
    keys.SUBSCRIPTIONS: subscriptions.wanted,
    keys.DATASETS: datasets.wanted,
    keys.TABLES: tables.wanted,
    keys.VIEWS: views.wanted,
    keys.BUCKETS: buckets.wanted,
    keys.COLLECTIONS: firestore_collections.wanted,
}


def wanted(blueprint: Blueprint, dataflow: str) -> tuple[Wanted[Any], ...]:
    """The resources of a dataflow in the order of the document."""
    architecture = blueprint.architecture
    specs = architecture.dataflows[dataflow]
    context = Context(architecture, dataflow, blueprint.seeds)
    return tuple(
        replace(make(context, spec), protection=protection(architecture, specs, kind, spec))
        for kind, make in _WANTED.items()
        for spec in getattr(specs.resources, kind)
    )


def providers(clients: Clients, blueprint: Blueprint) -> Providers:
    seeds = {collection: documents for (_, collection), documents in blueprint.seeds.items()}
    return {
        keys.TOPICS: topics.Topics(clients.publisher),
        keys.SUBSCRIPTIONS: subscriptions.Subscriptions(clients.subscriber),
        keys.DATASETS: datasets.Datasets(clients.bigquery),
        keys.TABLES: tables.Tables(clients.bigquery),
        keys.VIEWS: views.Views(clients.bigquery),
        keys.BUCKETS: buckets.Buckets(clients.storage),
        keys.COLLECTIONS: firestore_collections.Collections(
            clients.firestore, seeds, _invalidations(clients, blueprint)
        ),
    }


def _invalidations(clients: Clients, blueprint: Blueprint) -> dict[str, Invalidations]:
    """By collection: where its changes are told."""
    project = blueprint.architecture.project_id
    return {
        collection.name: Invalidations(clients.publisher, keys.topic(project, collection.invalidation_topic)[1])
        for dataflow in blueprint.architecture.dataflows.values()
        for collection in dataflow.resources.firestore_collections
        if collection.invalidation_topic is not None
    }
