"""Query parameters as DuckDB expressions.

https://cloud.google.com/bigquery/docs/reference/rest/v2/QueryParameter
"""

from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlglot import exp

from localcloud.bigquery.dialect import positional
from localcloud.bigquery.errors import invalid, unsupported
from localcloud.bigquery.functions import Tree, call, cast, number, text
from localcloud.bigquery.literals import (
    date_days,
    date_text,
    datetime_micros,
    json_text,
    numeric,
    time_micros,
    time_text,
    timestamp_micros,
)


def expressions(parameters: Sequence[Mapping[str, Any]]) -> dict[str, Tree]:
    """By name in lower case; those without a name by position. Raises HttpError for a value that does not fit."""
    trees = {}
    for index, parameter in enumerate(parameters):
        name = parameter.get("name") or positional(index)
        trees[name.lower()] = _tree(name, parameter.get("parameterType") or {}, parameter.get("parameterValue") or {})
    return trees


def _tree(name: str, kind: Mapping[str, Any], value: Mapping[str, Any]) -> Tree:
    column = _type(name, kind)
    if kind["type"] == "ARRAY":
        elements = value.get("arrayValues")
        trees = [_tree(name, kind["arrayType"], each) for each in elements or []]
        return cast(exp.Array(expressions=trees), column)
    if kind["type"] == "STRUCT":
        return cast(_struct(name, kind, value.get("structValues") or {}), column)
    given = value.get("value")
    if given is None:
        return cast(exp.Null(), column)
    try:
        return _SCALARS[kind["type"]][1](str(given))
    except ValueError as error:
        raise invalid(f"Invalid value for query parameter {name}: {error}") from error


def _struct(name: str, kind: Mapping[str, Any], values: Mapping[str, Any]) -> Tree:
    members = [
        exp.PropertyEQ(
            this=exp.to_identifier(member["name"], quoted=True),
            expression=_tree(name, member["type"], values.get(member["name"]) or {}),
        )
        for member in kind["structTypes"]
    ]
    return exp.Struct(expressions=members)


def _type(name: str, kind: Mapping[str, Any]) -> str:
    """DuckDB's name of a parameter's type."""
    code = kind.get("type")
    if code == "ARRAY":
        return f"{_type(name, kind['arrayType'])}[]"
    if code == "STRUCT":
        members = (f'"{member["name"]}" {_type(name, member["type"])}' for member in kind["structTypes"])
        return f"STRUCT({', '.join(members)})"
    if code not in _SCALARS:
        raise unsupported(f"Query parameter {name} of type {code}")
    return _SCALARS[code][0]


def _float(value: str) -> Tree:
    return cast(text(repr(float(value))), "DOUBLE")


def _integer(value: str) -> Tree:
    return cast(text(str(int(value))), "BIGINT")


def _boolean(value: str) -> Tree:
    if value.lower() not in ("true", "false"):
        raise ValueError(f"{value} is neither true nor false")
    return exp.Boolean(this=value.lower() == "true")


def _micros_in(kind: str, parsed: Callable[[str], int]) -> Callable[[str], Tree]:
    maker = {"TIMESTAMPTZ": "make_timestamptz", "TIMESTAMP": "make_timestamp"}[kind]
    return lambda value: call(maker, cast(number(parsed(value)), "BIGINT"))


_SCALARS: dict[str, tuple[str, Callable[[str], Tree]]] = {
    "STRING": ("VARCHAR", text),
    "INT64": ("BIGINT", _integer),
    "FLOAT64": ("DOUBLE", _float),
    "BOOL": ("BOOLEAN", _boolean),
    "BYTES": ("BLOB", lambda value: call("unhex", text(b64decode(value).hex()))),
    "TIMESTAMP": ("TIMESTAMPTZ", _micros_in("TIMESTAMPTZ", timestamp_micros)),
    "DATETIME": ("TIMESTAMP", _micros_in("TIMESTAMP", datetime_micros)),
    "DATE": ("DATE", lambda value: cast(text(date_text(date_days(value))), "DATE")),
    "TIME": ("TIME", lambda value: cast(text(time_text(time_micros(value))), "TIME")),
    "NUMERIC": ("DECIMAL(38, 9)", lambda value: cast(text(format(numeric(value), "f")), "DECIMAL(38, 9)")),
    "JSON": ("JSON", lambda value: call("json", text(json_text(value)))),
}
