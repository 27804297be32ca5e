"""The tables by the architecture, or by name."""

import json
from pathlib import Path
from typing import Any

import pytest

from director.desk.tables import Tables, declared, named
from director.documents.loading import load
from director.documents.model import Architecture
from director.errors import Misconfigured, Unknown

LETTERS = [
    {"name": "message_id", "type": "STRING"},
    {"name": "subscription_name", "type": "STRING"},
    {"name": "publish_time", "type": "TIMESTAMP"},
    {"name": "data", "type": "BYTES"},
    {"name": "attributes", "type": "JSON"},
]


def dataflow(prefix: str = "", **changes: Any) -> dict[str, Any]:
    link = {"name": "bridge", "lookup": {"key": "dead_letter_topic"}}
    tables = [
        {"name": f"{prefix}dead_letters", "dataset": f"{prefix}telemetry", "schema": LETTERS},
        {"name": "dead_letter_decisions", "dataset": f"{prefix}telemetry", "schema": LETTERS[:1]},
    ]
    resources = {
        "topics": [{"name": f"{prefix}dead-letters", "producers": [link]}],
        "subscriptions": [
            {
                "name": f"{prefix}dead-letters-table",
                "topic": f"{prefix}dead-letters",
                "bigquery": {"table": f"{prefix}dead_letters", "write_metadata": True},
            }
        ],
        "bigquery_datasets": [{"name": f"{prefix}telemetry"}],
        "bigquery_tables": tables,
    }
    return {"services": {"bridge": {"service_account": "bridge-sa"}}, "resources": resources | changes}


@pytest.fixture
def architecture(tmp_path: Path) -> Any:
    def make(**dataflows: Any) -> Architecture:
        document = {"name": "x", "project_id": "project-1", "region": "europe-west1", "location": "EU"}
        file = tmp_path / "architecture.yaml"
        file.write_text(json.dumps({**document, "dataflows": dataflows}))
        return load(file).architecture

    return make


def test_the_table_is_the_one_that_a_subscription_to_the_dead_letter_topic_writes_to(architecture: Any) -> None:
    assert declared(architecture(air=dataflow())) == Tables(
        "project-1.telemetry.dead_letters", "project-1.telemetry.dead_letter_decisions"
    )


def test_it_may_be_named_with_its_dataset(architecture: Any) -> None:
    air = dataflow()
    air["resources"]["subscriptions"][0]["bigquery"]["table"] = "telemetry.dead_letters"
    assert declared(architecture(air=air)).letters == "project-1.telemetry.dead_letters"


def test_of_several_dataflows_one_is_chosen(architecture: Any) -> None:
    both = architecture(air=dataflow(), water=dataflow("w_"))
    with pytest.raises(Misconfigured, match="--dataflow: air, water"):
        declared(both)
    assert declared(both, "water").letters == "project-1.w_telemetry.w_dead_letters"
    with pytest.raises(Unknown, match="no dataflow 'fire' here; there are air, water"):
        declared(both, "fire")


def test_one_that_writes_no_dead_letters_to_bigquery_says_what_to_add(architecture: Any) -> None:
    with pytest.raises(Misconfigured, match="no dead letters are written to BigQuery in air; add a subscription"):
        declared(architecture(air=dataflow(subscriptions=[{"name": "pulled", "topic": "dead-letters"}])))


def test_a_table_of_decisions_has_to_be_beside_it(architecture: Any) -> None:
    tables = [{"name": "dead_letters", "dataset": "telemetry", "schema": LETTERS}]
    with pytest.raises(Misconfigured, match="no table 'dead_letter_decisions' in dataset 'telemetry'"):
        declared(architecture(air=dataflow(bigquery_tables=tables)))


def test_named_tables_lie_beside_each_other_unless_told() -> None:
    assert named("project-1.d.letters", None).decisions == "project-1.d.dead_letter_decisions"
    assert named("project-1.d.letters", "project-1.e.x").decisions == "project-1.e.x"


@pytest.mark.parametrize(
    "name", ["d.t", "project-1.d.t`; DROP TABLE x", "project-1.d.t u", "", "project-1.d.", "P.d.t"]
)
def test_what_is_no_name_of_a_table_is_refused(name: str) -> None:
    with pytest.raises(Misconfigured, match=r"write PROJECT\.DATASET\.TABLE"):
        named(name, "project-1.d.x")
