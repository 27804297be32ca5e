"""Schemas of tables, and how one may grow into another: new NULLABLE columns, laxer modes, other descriptions. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from director.documents.specs.bigquery import Column as Spec
from director.provisioning.base import Verdict

_STANDARD = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL", "RECORD": "STRUCT"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its standard type name."""

    name: str
    type: str
    mode: str = "NULLABLE"
    description: str = ""
    fields: tuple["Column", ...] = ()


Schema = tuple[Column, ...]


def from_specs(specs: Sequence[Spec]) -> Schema:
    return tuple(Column(spec.name, spec.type, spec.mode, spec.description, from_specs(spec.fields)) for spec in specs)


def standard(type_name: str) -> str:
    """BigQuery answers with its older names for some types."""
    return _STANDARD.get(type_name.upper(), type_name.upper())


def grows(live: Schema, wanted: Schema) -> Verdict | None:
    """The rule for the schema of a table."""
    changes = list(_changes("", live, wanted))
    for action in ("refuse", "update"):
        reasons = [reason for kind, reason in changes if kind == action]
        if reasons:
            return Verdict(action, "; ".join(reasons))
    return None


def grown(live: Schema, wanted: Schema) -> Schema:
    """`wanted` in the order the live table has, new columns last. Only for what `grows` does not refuse."""
    names = {column.name.lower(): column for column in wanted}
    kept = [
        replace(names[column.name.lower()], name=column.name, fields=grown(column.fields, _fields(names, column)))
        for column in live
    ]
    there = {column.name.lower() for column in live}
    return (*kept, *(column for column in wanted if column.name.lower() not in there))


def _fields(names: dict[str, Column], column: Column) -> Schema:
    return names[column.name.lower()].fields


def _changes(prefix: str, live: Schema, wanted: Schema) -> Iterator[tuple[str, str]]:
    existing = {column.name.lower(): column for column in live}
    kept = {column.name.lower() for column in wanted}
    for column in wanted:
        found = existing.get(column.name.lower())
        if found:
            yield from _column_changes(f"{prefix}{column.name}", found, column)
        elif column.mode == "NULLABLE":
            yield "update", f"add {prefix}{column.name} {column.type}"
        else:
            yield "refuse", f"column {prefix}{column.name} is new and {column.mode}; only NULLABLE ones can be added"
    for column in live:
        if column.name.lower() not in kept:
            yield "refuse", f"live column {prefix}{column.name} is not in the document; add it: columns are not dropped"


def _column_changes(name: str, live: Column, wanted: Column) -> Iterator[tuple[str, str]]:
    if live.type != wanted.type:
        reason = f"column {name} is {live.type}, wanted {wanted.type}; types cannot be changed: add another column"
        yield "refuse", reason
    elif live.mode != wanted.mode:
        laxer = (live.mode, wanted.mode) == ("REQUIRED", "NULLABLE")
        change = f"{live.mode} -> {wanted.mode}"
        yield (
            ("update", f"{name} {change}")
            if laxer
            else ("refuse", f"column {name}: {change} is not possible; add another column")
        )
    if live.description != wanted.description:
        yield "update", f"describe {name}"
    yield from _changes(f"{name}.", live.fields, wanted.fields)
