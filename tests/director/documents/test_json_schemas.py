"""The schemas for editors take what the director takes, and show what it would refuse."""

from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from director.documents import json_schemas

EXAMPLE = Path(__file__).parents[3] / "examples" / "environment"
HUB = jsonschema_rs.validator_for(json_schemas.hub())
DATAFLOW = jsonschema_rs.validator_for(json_schemas.dataflow())


def hub(**more: Any) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((EXAMPLE / "architecture.yaml").read_text())
    return document | more


def with_production(production: Any) -> dict[str, Any]:
    return hub(deployment_environments={"production": production})


def of_resources(**resources: Any) -> dict[str, Any]:
    return with_production({"dataflows": {"environment": {"resources": resources}}})


def test_the_example_fits() -> None:
    assert [str(error) for error in HUB.iter_errors(hub())] == []
    dataflow = yaml.safe_load((EXAMPLE / "dataflows" / "environment.yaml").read_text())
    assert [str(error) for error in DATAFLOW.iter_errors(dataflow)] == []


def test_a_dataflow_may_stand_in_the_hub() -> None:
    dataflow = yaml.safe_load((EXAMPLE / "dataflows" / "environment.yaml").read_text())
    assert HUB.is_valid(hub(dataflows={"environment": dataflow}))
    assert not HUB.is_valid(hub(dataflows={"environment": {"file": "a.yaml", "services": {}}}))
    assert not DATAFLOW.is_valid({"file": "a.yaml"})


@pytest.mark.parametrize(
    "production",
    [
        {"project_id": "x", "labels": {"a": "b"}, "name_suffix": "live"},
        {"labels": None, "dataflows": {"environment": {"services": {"bridge": {"config": None}}}}},
        {"dataflows": {"environment": {"lifecycle": {"strategy": "ephemeral"}}}},
    ],
)
def test_an_environment_says_only_what_is_different(production: dict[str, Any]) -> None:
    assert HUB.is_valid(with_production(production))


@pytest.mark.parametrize(
    "production",
    [
        {"projct_id": "x"},
        {"name": "other"},
        {"deployment_environments": {}},
        {"dataflows": {"environment": {"file": "x.yaml"}}},
        {"dataflows": {"environment": {"lifecycle": {"strategy": "long"}}}},
        3,
    ],
)
def test_what_no_environment_has_is_shown(production: Any) -> None:
    assert not HUB.is_valid(with_production(production))


def test_things_in_lists_need_their_name_alone_where_they_are_merged_by_it() -> None:
    assert HUB.is_valid(of_resources(bigquery_tables=[{"name": "rows", "schema": [{"name": "a", "description": "b"}]}]))
    assert not HUB.is_valid(of_resources(bigquery_tables=[{"dataset": "telemetry"}]))
    rule = {"action": {"type": "Delete"}, "condition": {"age_in_days": 1}}
    assert HUB.is_valid(of_resources(gcs_buckets=[{"name": "a", "lifecycle_rules": [rule]}]))
    assert not HUB.is_valid(of_resources(gcs_buckets=[{"name": "a", "lifecycle_rules": [{"action": rule["action"]}]}]))


def test_the_schema_shows_what_it_is_and_has_everything_it_refers_to() -> None:
    for schema in (json_schemas.hub(), json_schemas.dataflow()):
        assert schema["$schema"] == json_schemas.DIALECT
        references = [part.split('"')[0] for part in str(schema).replace("'", '"').split('"#/$defs/')[1:]]
        assert set(references) <= set(schema["$defs"])
