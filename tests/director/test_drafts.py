"""What can be read of a document that may be wrong."""

from director.drafts import Draft, reference
from director.keys import KINDS
from director.model import Resources


def test_every_kind_of_the_model_is_known() -> None:
    assert set(KINDS) == set(Resources.model_fields)


def test_what_is_of_another_type_reads_as_absent() -> None:
    draft = Draft({"a": 1, "b": [1, {"c": "x"}], "d": {"e": {"f": "y"}, "g": 2}})
    assert draft.text("a") is None
    assert draft.inner("a").data == {}
    assert [(item.data, item.location) for item in draft.items("b")] == [({"c": "x"}, ("b", 1))]
    assert list(draft.items("d")) == []
    assert draft.children("d")["e"].text("f") == "y"
    assert draft.children("d")["g"].data == {}


def test_references_are_the_names_clients_take() -> None:
    table = Draft({"name": "rows", "dataset": "telemetry"})
    assert reference("p", "bigquery_tables", table) == "p.telemetry.rows"
    assert reference("p", "bigquery_tables", Draft({"name": "rows"})) is None
    assert reference("p", "topics", Draft({"name": "t"})) == "projects/p/topics/t"
    assert reference("p", "gcs_buckets", Draft({"name": "b"})) == "b"
    assert reference("p", "topics", Draft({})) is None
