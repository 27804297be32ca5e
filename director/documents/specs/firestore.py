"""Firestore in documents: collections."""

from director.documents.specs.resource import Link, Resource
from director.names import CollectionName


class Collection(Resource):
    """A Firestore collection; `documents_file`, beside this document, seeds it.

    What the director writes there is told on `invalidation_topic`, a topic of the same dataflow, to those who cache it.
    """

    name: CollectionName
    documents_file: str | None = None
    invalidation_topic: str | None = None
    producers: tuple[Link, ...] = ()
    consumers: tuple[Link, ...] = ()
