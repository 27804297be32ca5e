"""A mapping says where each column comes from; what cannot work is refused before a message is seen."""

from typing import Any

import pytest

from beam_jobs.warehouse.config import WarehouseConfig
from director.strict import DocumentError, parse

ORIGIN = {"attribute": "ce-id"}


def config(*columns: dict[str, Any]) -> WarehouseConfig:
    document = {
        "subscription": "projects/p/subscriptions/s",
        "dead_letter_topic": "projects/p/topics/dead",
        "table": "p.d.t",
        "columns": [{"name": "c", "type": "STRING", **column} for column in columns],
    }
    return parse(document, WarehouseConfig)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ({}, "give one of attribute, pointer, envelope, expression, literal, or first_of"),
        ({"attribute": "a", "pointer": "/b"}, "has attribute and pointer; give one"),
        ({"attribute": "a", "first_of": [ORIGIN]}, "give one of"),
        ({"first_of": [{}]}, "first_of: each entry takes one"),
        ({"pointer": "b"}, "is no JSON pointer"),
        ({"expression": "1 +"}, "is no CEL expression: <input>:1:4: Syntax error"),
        ({"expression": "dat.temp"}, "did you mean 'data'?"),
        ({"expression": "data.x.upper()"}, "names 'upper', which is not there"),
        ({"type": "INT64", "literal": "x"}, "literal: 'x' is no INT64"),
        ({**ORIGIN, "mode": "REQUIRED", "on_missing": None}, "on_missing: a REQUIRED column cannot be null"),
        ({**ORIGIN, "mode": "REQUIRED", "on_missing": "null"}, "on_missing: a REQUIRED column cannot be null"),
        ({**ORIGIN, "mode": "REQUIRED", "on_invalid": None}, "on_invalid: a REQUIRED column cannot be null"),
        ({**ORIGIN, "on_missing": "default"}, "default and on_missing: default go together"),
        ({**ORIGIN, "default": "x"}, "default and on_missing: default go together"),
        ({**ORIGIN, "type": "DATE", "on_missing": "default", "default": "soon"}, "default: 'soon' is no DATE"),
        ({**ORIGIN, "mode": "REPEATED", "on_missing": "default", "default": "x"}, "is no list of STRING"),
        ({"envelope": "attributes", "type": "INT64"}, "envelope: attributes is for a column of type JSON or STRING"),
        ({"envelope": "now", "type": "BOOL"}, "envelope: now is for a column of type TIMESTAMP"),
        ({**ORIGIN, "type": "FLOAT"}, "did you mean 'FLOAT64'?"),
        ({**ORIGIN, "name": "a-b"}, "must match"),
    ],
)
def test_a_column_that_cannot_work_is_refused_with_what_to_do(column: dict[str, Any], message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        config(column)
    (problem,) = caught.value.problems
    assert message in problem.message
    assert problem.path.startswith("columns[0]")


def test_all_problems_of_a_mapping_are_told_at_once() -> None:
    with pytest.raises(DocumentError) as caught:
        config({"expression": "("}, {"pointer": "x"}, {"literal": "x", "type": "BOOL"})
    assert [problem.path.split(".")[0] for problem in caught.value.problems] == [f"columns[{n}]" for n in range(3)]


def test_an_expression_s_problem_names_its_place() -> None:
    with pytest.raises(DocumentError, match=r"columns\[0\]\.expression"):
        config({"expression": "data."})
    with pytest.raises(DocumentError, match=r"columns\[0\]\.first_of\[1\]\.expression"):
        config({"first_of": [ORIGIN, {"expression": "data."}]})


def test_columns_named_alike_are_refused_and_none_at_all_too() -> None:
    with pytest.raises(DocumentError, match="c more than once"):
        config({"name": "c", **ORIGIN}, {"name": "C", **ORIGIN})
    with pytest.raises(DocumentError, match="at least one"):
        config()


@pytest.mark.parametrize(
    ("column", "without_value"),
    [
        ({}, "null"),
        ({"on_missing": None}, "null"),
        ({"mode": "REQUIRED"}, "dead_letter"),
        ({"on_missing": "dead_letter"}, "dead_letter"),
        ({"mode": "REQUIRED", "on_missing": "default", "default": "x"}, "default"),
    ],
)
def test_a_missing_value_is_null_unless_the_column_says_otherwise(column: dict[str, Any], without_value: str) -> None:
    assert config({**ORIGIN, **column}).columns[0].without_value == without_value


def test_an_unquoted_null_in_yaml_means_null() -> None:
    assert config({**ORIGIN, "on_invalid": None}).columns[0].on_invalid == "null"
