"""Databases, indexes and TTL policies of Firestore as documents write them, and what is refused."""

import uuid
from typing import Any

import pytest

from director.documents.specs.firestore import Collection, Database, Index, Ttl
from director.strict import DocumentError, parse

KEY = "projects/p/locations/eu/keyRings/r/cryptoKeys/k"
A, B = {"name": "a", "order": "ASCENDING"}, {"name": "b", "order": "DESCENDING"}


def test_a_database_is_protected_unless_somebody_says_otherwise() -> None:
    found = parse({"name": "(default)"}, Database)
    assert (found.delete_protection, found.point_in_time_recovery, found.type) == (True, False, "NATIVE")
    every = {"location_id": "eur3", "type": "DATASTORE_MODE", "delete_protection": False, "kms_key_name": KEY}
    assert parse({"name": "archive-2", **every}, Database).location_id == "eur3"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"name": "abc"}, r"is no Firestore database name; use \(default\), or 4-63"),
        ({"name": "default"}, ""),
        ({"name": str(uuid.UUID("abcdef00-0000-0000-0000-000000000000"))}, "no UUID"),
        ({"name": "Archive"}, "is no Firestore database name"),
        ({"name": "archive-"}, "is no Firestore database name"),
        ({"name": "archive", "location_id": "EU"}, "is called 'eur3' by Firestore; write that"),
        ({"name": "archive", "location_id": "europe-west99"}, "did you mean 'europe-west9'"),
        ({"name": "archive", "location_id": "moon"}, "write a region such as europe-west1, or eur3 or nam5"),
        ({"name": "archive", "kms_key_name": "key"}, "is no name of a Cloud KMS key"),
        ({"name": "archive", "type": "NATVE"}, "did you mean 'NATIVE'"),
    ],
)
def test_databases_that_firestore_would_not_make_are_refused(data: dict[str, Any], says: str) -> None:
    if not says:
        assert parse(data, Database).name == "default"
        return
    with pytest.raises(DocumentError, match=says):
        parse(data, Database)


@pytest.mark.parametrize("path", ["at", "device.hall", "`a b`", "`a.b`.c", "_x1"])
def test_paths_of_fields_are_names_joined_by_dots(path: str) -> None:
    assert parse({"collection": "c", "field": path}, Ttl).field == path


@pytest.mark.parametrize("path", ["", "1st", "a b", "a..b", "`a/b`", "`", "__reserved__", "a" * 1501])
def test_other_paths_are_refused(path: str) -> None:
    with pytest.raises(DocumentError, match="is no path of a Firestore field"):
        parse({"collection": "c", "field": path}, Ttl)


def test_no_document_expires_by_its_name() -> None:
    with pytest.raises(DocumentError, match="__name__ holds no moment; name a field that does"):
        parse({"collection": "c", "field": "__name__"}, Ttl)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ([A], "fewer than two; Firestore indexes single fields by itself"),
        ([A, {"name": "__name__", "order": "DESCENDING"}], "fewer than two"),
        ([A, A], "'a' is there twice; keep one"),
        ([A, {"name": "b"}], "has an order or an array_config, and not both"),
        ([A, {**B, "array_config": "CONTAINS"}], "has an order or an array_config, and not both"),
        ([{"name": name, "array_config": "CONTAINS"} for name in "ab"], "more than one array_config"),
    ],
)
def test_indexes_that_firestore_would_not_make_are_refused(fields: list[dict[str, str]], says: str) -> None:
    with pytest.raises(DocumentError, match=says):
        parse({"collection": "c", "fields": fields}, Index)


def test_collections_are_of_the_default_database_unless_they_name_another() -> None:
    assert parse({"name": "devices"}, Collection).database == "(default)"
    assert parse({"name": "devices", "database": "archive"}, Collection).database == "archive"
