"""A document becomes a block of attributes; what is no text is written as JSON has it, what is too long is cut."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_jobs.enrichment.cache.layers import FOUND
from beam_jobs.enrichment.cache.records import Records
from beam_jobs.enrichment.cache.statistics import Statistics
from bridge import envelope
from tests.beam_jobs.enrichment.parts import attributes


def block(fields: dict[str, str], document: Any) -> dict[str, str]:
    return attributes(Records(fields, Statistics()).block(document))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("N", "N"),
        ("", ""),
        (3, "3"),
        (1.5, "1.5"),
        (True, "true"),
        (False, "false"),
        (["a", 1], '["a",1]'),
        ({"ü": None}, '{"ü":null}'),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
    ],
)
def test_values_become_text(value: Any, text: str) -> None:
    assert block({"field": "name"}, {"field": value}) == {"device.name": text, "enrichment.status": "ok"}


def test_fields_that_are_missing_or_null_are_left_out() -> None:
    records = Records({"a": "a", "b": "b", "c.d": "d", "e.f": "f"}, Statistics())
    assert records.block({"a": None, "e": "no mapping"}) == FOUND


def test_a_name_with_dots_is_a_field_or_else_a_path() -> None:
    document = {"a.b": "field", "a": {"b": "path", "c": {"d": "deep"}}}
    found = block({"a.b": "one", "a.c.d": "two"}, document)
    assert (found["device.one"], found["device.two"]) == ("field", "deep")


def test_values_too_long_are_cut_and_counted() -> None:
    statistics = Statistics()
    records = Records({"a": "a", "b": "b", "c": "c"}, statistics)
    found = attributes(records.block({"a": "x" * 1_025, "b": "ü" * 513, "c": "x" * 1_024}))
    assert (found["device.a"], found["device.b"], found["device.c"]) == ("x" * 1_024, "ü" * 512, "x" * 1_024)
    assert found["enrichment.truncated"] == "2"
    assert statistics.taken().counts["record", "truncated"] == 2


@given(
    document=st.dictionaries(
        st.text(max_size=3),
        st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=2_000), st.lists),
    )
)
def test_whatever_a_document_holds_fits_into_attributes(document: dict[str, Any]) -> None:
    found = block({field: f"f{number}" for number, field in enumerate(document)}, document)
    assert found.pop("enrichment.status") == "ok"
    assert all(len(value.encode()) <= envelope.MAX_VALUE_BYTES for value in found.values())
