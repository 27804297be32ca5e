"""Firestore in documents: databases, collections, composite indexes and TTL policies."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from director.documents.regions import REGIONS
from director.documents.specs.resource import Link, Resource
from director.keys import DEFAULT_DATABASE
from director.names import CollectionName, DatabaseName, FieldPath, KmsKey
from director.strict import Strict, similar

MULTI_REGIONS = {"EU": "eur3", "US": "nam5"}  # what other services call them, and what Firestore does
LOCATIONS = REGIONS | {*MULTI_REGIONS.values(), "nam7"}


def _location(text: str) -> str:
    if text in MULTI_REGIONS:
        raise ValueError(f"{text!r} is called '{MULTI_REGIONS[text]}' by Firestore; write that")
    if text not in LOCATIONS:
        advice = similar(text, LOCATIONS)
        advice = advice if advice.startswith("did you mean") else "write a region such as europe-west1, or eur3 or nam5"
        raise ValueError(f"unknown location {text!r}; {advice}")
    return text


class Database(Resource):
    """A Firestore database; where nothing else is said, where the architecture is.

    What deletes one by mistake loses everything in it, so it is protected unless somebody says otherwise.
    """

    name: DatabaseName
    location_id: Annotated[str, AfterValidator(_location)] | None = None
    type: Literal["NATIVE", "DATASTORE_MODE"] = "NATIVE"
    delete_protection: bool = True
    point_in_time_recovery: bool = False
    kms_key_name: KmsKey | None = None
    producers: tuple[Link, ...] = ()
    consumers: tuple[Link, ...] = ()


class Collection(Resource):
    """A Firestore collection; `documents_file`, beside this document, seeds it.

    What the director writes there is told on `invalidation_topic`, a topic of the same dataflow, to those who cache it.
    """

    name: CollectionName
    database: DatabaseName = DEFAULT_DATABASE
    documents_file: str | None = None
    invalidation_topic: str | None = None
    producers: tuple[Link, ...] = ()
    consumers: tuple[Link, ...] = ()


class IndexField(Strict):
    """A field of an index: ordered, or searched for what its array contains."""

    name: FieldPath
    order: Literal["ASCENDING", "DESCENDING"] | None = None
    array_config: Literal["CONTAINS"] | None = None

    @property
    def mode(self) -> str:
        return self.order or self.array_config or ""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.order is None) == (self.array_config is None):
            raise ValueError("has an order or an array_config, and not both; add one or remove one")
        return self


class Index(Resource):
    """A composite index. It is what its fields are: other fields are another index."""

    collection: CollectionName
    database: DatabaseName = DEFAULT_DATABASE
    query_scope: Literal["COLLECTION", "COLLECTION_GROUP"] = "COLLECTION"
    fields: Annotated[tuple[IndexField, ...], Field(max_length=100)]

    @model_validator(mode="after")
    def _composite(self) -> Self:
        names = [field.name for field in self.fields]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"fields: {twice[0]!r} is there twice; keep one")
        if len([name for name in names if name != "__name__"]) < 2:
            raise ValueError("fields: fewer than two; Firestore indexes single fields by itself, so remove the index")
        if sum(field.array_config is not None for field in self.fields) > 1:
            raise ValueError("fields: more than one array_config; an index can have one")
        return self


def _with_a_moment(path: str) -> str:
    if path == "__name__":
        raise ValueError("__name__ holds no moment; name a field that does")
    return path


class Ttl(Resource):
    """A TTL policy: documents of a collection group go some time after the moment that `field` holds."""

    collection: CollectionName
    database: DatabaseName = DEFAULT_DATABASE
    field: Annotated[FieldPath, AfterValidator(_with_a_moment)]
