"""What belongs to what, over all dataflows of a document."""

import json
from pathlib import Path
from typing import Any

import pytest

from director.documents.loading import load
from director.strict import DocumentError

A, B = {"name": "a", "order": "ASCENDING"}, {"name": "b", "order": "DESCENDING"}
INDEX = {"collection": "readings", "fields": [A, B]}
TTL = {"collection": "readings", "field": "expires_at"}


def document(air: dict[str, Any], water: dict[str, Any] | None = None, service: str = "bridge-sa") -> dict[str, Any]:
    return {
        "name": "plant",
        "project_id": "plant-project",
        "region": "europe-west1",
        "location": "EU",
        "dataflows": {
            "air": {"services": {"bridge": {"service_account": service}}, "resources": air},
            **({"water": {"services": {"pump": {"service_account": "pump-sa"}}, "resources": water}} if water else {}),
        },
    }


def problems(folder: Path, *arguments: Any, **more: Any) -> list[str]:
    file = folder / "architecture.yaml"
    file.write_text(json.dumps(document(*arguments, **more)))
    try:
        load(file)
    except DocumentError as error:
        return [f"{problem.path}: {problem.message}" for problem in error.problems]
    return []


def test_a_database_may_be_declared_by_another_dataflow(tmp_path: Path) -> None:
    air = {
        "firestore_collections": [{"name": "devices", "database": "archive"}],
        "firestore_indexes": [{**INDEX, "database": "archive"}],
        "firestore_ttls": [{**TTL, "database": "archive"}],
    }
    assert problems(tmp_path, air, {"firestore_databases": [{"name": "archive"}]}) == []
    found = problems(tmp_path, air, {"firestore_databases": [{"name": "archives"}]})
    assert [line.partition(": ")[2] for line in found] == ["no database 'archive' here; did you mean 'archives'?"] * 3


def test_a_database_in_datastore_mode_has_no_collections(tmp_path: Path) -> None:
    air = {
        "firestore_databases": [{"name": "(default)", "type": "DATASTORE_MODE"}],
        "firestore_collections": [{"name": "devices"}],
        "firestore_ttls": [TTL],
    }
    found = problems(tmp_path, air)
    assert [line.partition(": ")[0].rpartition(".")[2] for line in found] == ["name", "collection"]
    assert all("is in Datastore mode" in line for line in found)


def test_an_index_is_declared_once_and_a_collection_group_has_one_policy(tmp_path: Path) -> None:
    other = {**INDEX, "query_scope": "COLLECTION_GROUP"}
    air = {"firestore_indexes": [INDEX, other], "firestore_ttls": [TTL]}
    assert problems(tmp_path, air, {"firestore_indexes": [{**INDEX, "fields": [B, A]}]}) == []
    twice = {"firestore_indexes": [INDEX], "firestore_ttls": [{**TTL, "field": "other"}]}
    found = problems(tmp_path, air, twice)
    assert [line.partition(": ")[2] for line in found] == [
        "this index is declared already; keep one",
        "'readings' has a TTL policy already, and can have one; keep one",
    ]


def test_jobs_and_rotations_reach_what_is_there(tmp_path: Path) -> None:
    air = {
        "cloud_scheduler_jobs": [
            {"name": "one", "schedule": "0 3 * * *", "topic": "tick", "data": "x"},
            {"name": "two-jobs", "schedule": "0 3 * * *", "target_service": "brigde"},
        ],
        "secrets": [{"name": "mqtt", "create": True, "rotation": {"topic": "ticks", "period": "30d"}}],
        "topics": [{"name": "turned", "message_retention_duration": "1d"}],
    }
    assert [line.partition(": ")[2] for line in problems(tmp_path, air)] == [
        "no topic 'tick' here; known here: turned",
        "no service 'brigde' here; did you mean 'bridge'?",
        "no topic 'ticks' here; known here: turned",
    ]


def test_no_service_works_as_an_account_that_is_disabled(tmp_path: Path) -> None:
    air = {"service_accounts": [{"name": "bridge-sa", "disabled": True}]}
    [found] = problems(tmp_path, air)
    assert found == (
        "dataflows.air.services.bridge.service_account: account 'bridge-sa' is disabled: nothing can work as it; "
        "enable it or name another"
    )
    assert problems(tmp_path, air, service="other-sa") == []


def test_any_dataflow_may_refer_to_a_secret_but_one_makes_it(tmp_path: Path) -> None:
    refers, makes = {"secrets": [{"name": "mqtt"}]}, {"secrets": [{"name": "mqtt", "create": True}]}
    assert problems(tmp_path, refers, refers) == []
    assert problems(tmp_path, refers, makes) == []
    for air, water in ((makes, makes), ({"secrets": refers["secrets"] * 2}, refers)):
        [found] = problems(tmp_path, air, water)
        assert "'mqtt' is declared already" in found


@pytest.mark.parametrize("version", ["latest", 3])
def test_a_linked_service_is_told_the_version_of_a_secret(tmp_path: Path, version: Any) -> None:
    link = {"name": "bridge", "lookup": {"key": "broker.password.secret"}}
    database = {"name": "archive", "consumers": [{"name": "bridge", "lookup": {"key": "database"}}]}
    resources = {
        "secrets": [{"name": "mqtt", "version": version, "consumers": [link]}],
        "firestore_databases": [database],
    }
    file = tmp_path / "architecture.yaml"
    file.write_text(json.dumps(document(resources)))
    assert load(file).configurations["air", "bridge"].config == {
        "broker": {"password": {"secret": f"projects/plant-project/secrets/mqtt/versions/{version}"}},
        "database": "archive",
    }
