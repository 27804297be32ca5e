"""Samples make columns: types merged over all of them, objects flattened by pointer, doubts told in comments."""

import json
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from beam_jobs.errors import CannotSucceed
from beam_jobs.warehouse.config import Column
from beam_jobs.warehouse.inference import infer, merged
from beam_jobs.warehouse.proposal import ENVELOPE, Proposed, as_yaml
from beam_jobs.warehouse.rows import RowEncoder
from bridge import envelope
from director.documents.specs.bigquery import Table
from director.strict import parse

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def inferred(*documents: Any) -> list[Proposed]:
    return infer(documents, envelope=False)


def encoder_of(text: str) -> RowEncoder:
    """Of a proposal as a person would paste it."""
    columns = [{**column, "name": column["name"]} for column in yaml.safe_load(text)["columns"]]
    return RowEncoder(tuple(Column.model_validate_json(json.dumps(column)) for column in columns))


@pytest.mark.parametrize(
    ("values", "kind", "mode", "comment"),
    [
        ([1, 2], "INT64", "NULLABLE", ""),
        ([1, 2.5], "FLOAT64", "NULLABLE", "seen as FLOAT64 and INT64"),
        ([1, 2**63], "NUMERIC", "NULLABLE", "seen as INT64 and NUMERIC"),
        ([True, False], "BOOL", "NULLABLE", ""),
        ([True, 1], "STRING", "NULLABLE", "seen as BOOL and INT64"),
        (["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.123456789+02:00"], "TIMESTAMP", "NULLABLE", ""),
        (["2026-01-02T03:04:05Z", "soon"], "STRING", "NULLABLE", "seen as STRING and TIMESTAMP"),
        (["2026-13-40T03:04:05Z"], "STRING", "NULLABLE", ""),
        (["2026-01-02"], "DATE", "NULLABLE", ""),
        (["2026-01-02", "2026-01-02T03:04:05Z"], "STRING", "NULLABLE", "seen as DATE and TIMESTAMP"),
        ([[1, 2.5], [3]], "FLOAT64", "REPEATED", ""),
        ([["a"], []], "STRING", "REPEATED", ""),
        ([[1, "a"]], "JSON", "NULLABLE", "a list of INT64 and STRING"),
        ([[{"a": 1}]], "JSON", "NULLABLE", "a list of object"),
        ([[1, None]], "JSON", "NULLABLE", "a list of INT64 and null"),
        ([[]], "JSON", "NULLABLE", "only empty lists were seen"),
        ([1, {"a": 1}], "JSON", "NULLABLE", "seen as INT64 and object"),
        ([[1], 1], "JSON", "NULLABLE", "seen as INT64 and list"),
        ([{}], "JSON", "NULLABLE", "an object"),
        ([None, None], "STRING", "NULLABLE", "only null was seen; in 0 of 2 samples"),
        ([1, None], "INT64", "NULLABLE", "in 1 of 2 samples"),
    ],
)
def test_types_are_merged_over_all_samples(values: list[Any], kind: str, mode: str, comment: str) -> None:
    (column,) = inferred(*({"x": value} for value in values))
    assert (column.name, column.type, column.mode, column.comment) == ("x", kind, mode, comment)


def test_objects_are_flattened_and_their_names_are_what_bigquery_takes() -> None:
    columns = inferred({"a": {"b": 1, "B": 2, "~/": {"x": True}}, "a_b": 3, "1st": 4, "_TABLE_x": 5, "": 6})
    assert [(one.name, one.origin[1]) for one in columns] == [
        ("a_b", "/a/b"),
        ("a_B_2", "/a/B"),
        ("a_x", "/a/~0~1/x"),
        ("a_b_3", "/a_b"),
        ("c_1st", "/1st"),
        ("TABLE_x", "/_TABLE_x"),
        ("value", "/"),
    ]


def test_the_envelope_s_columns_come_first_and_keep_their_names() -> None:
    columns = infer([{"device": "d", "payload": 1}])
    assert tuple(columns[: len(ENVELOPE)]) == ENVELOPE
    assert [one.name for one in columns[len(ENVELOPE) :]] == ["device_2", "payload_2"]


def test_a_payload_that_is_no_object_is_one_column() -> None:
    (column,) = inferred(22.5, 21)
    assert (column.name, column.type, column.origin) == ("value", "FLOAT64", ("pointer", ""))


def test_far_down_objects_stay_json() -> None:
    (column,) = inferred({"a": {"b": {"c": {"d": {"e": {"f": {"g": 1}}}}}}})
    assert (column.name, column.type) == ("a_b_c_d_e_f", "JSON")


@given(kinds=st.sets(st.sampled_from(["INT64", "FLOAT64", "NUMERIC", "STRING", "BOOL", "DATE", "object", "list"])))
def test_merging_is_the_same_in_any_order_and_of_steps(kinds: set[str]) -> None:
    if kinds and None not in (result := {merged(kinds)}):
        assert merged(kinds | {kind for kind in result if kind}) == merged(kinds)


def test_every_real_format_gives_a_mapping_that_takes_all_its_samples(payload_samples: list[dict[str, Any]]) -> None:
    formats = defaultdict(list)
    for sample in payload_samples:
        formats[sample["format"]].append(sample["payload"].encode())
    for name, payloads in formats.items():
        documents = [json.loads(payload) for payload in payloads if payload[:1] in b"{["]
        text = as_yaml(name, infer(documents))
        encoder = encoder_of(text)
        for payload in payloads:
            facts = {"ce-id": "1", "ce-time": "2026-01-02T03:04:05Z"}
            encoder.encode(envelope.data(payload) + envelope.attributes(facts), NOW)
        (table,) = yaml.safe_load(text)["bigquery_tables"]
        assert parse(table, Table).clustering_fields == ("device",)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(documents=st.lists(JSON, min_size=1, max_size=5))
def test_what_is_inferred_from_any_samples_takes_those_samples(documents: list[Any]) -> None:
    columns = infer(documents, envelope=False)
    encoder = encoder_of(as_yaml("t", columns))
    assert len({one.name.lower() for one in columns}) == len(columns)
    for document in documents:
        try:
            encoder.encode(envelope.data(json.dumps(document).encode()), NOW)
        except CannotSucceed as error:  # the one thing that no type of BigQuery holds
            assert "outside 64 bits" in str(error) or "NUMERIC" in str(error)  # noqa: PT017
