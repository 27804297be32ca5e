"""The JSON Schema that editors use, and the keys known at a place."""

from director.documents.model import Architecture
from director.shapes import json_schema, known_keys


def test_the_schema_writes_defaults_as_people_do() -> None:
    subscription = json_schema(Architecture)["$defs"]["Subscription"]["properties"]
    assert subscription["message_retention_duration"]["default"] == "7d"


def test_keys_are_known_behind_references_lists_mappings_and_alternatives() -> None:
    topics = ("dataflows", "any", "resources", "topics", 3)
    assert "message_retention_duration" in known_keys(Architecture, topics)
    assert known_keys(Architecture, (*topics, "producer_service")) == {"name", "lookup"}
    assert "schema" in known_keys(Architecture, ("dataflows", "any", "resources", "bigquery_tables", 0))


def test_where_any_key_may_be_written_none_is_known() -> None:
    assert known_keys(Architecture, ("dataflows", "any", "services", "bridge", "config", "x")) == set()
