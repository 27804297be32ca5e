"""Table schemas: BigQuery's field resources, and what DuckDB and Arrow call the same types.

https://cloud.google.com/bigquery/docs/reference/rest/v2/tables#TableFieldSchema
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from localcloud.bigquery.errors import invalid, unsupported

Resource = Mapping[str, Any]

ALIASES = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN", "STRUCT": "RECORD", "DECIMAL": "NUMERIC"}
MODES = ("NULLABLE", "REQUIRED", "REPEATED")
NUMERIC_PRECISION, NUMERIC_SCALE = 38, 9
DEEPEST = 15  # levels of nested records

_SCALARS: dict[str, tuple[str, pa.DataType]] = {
    "STRING": ("VARCHAR", pa.string()),
    "BYTES": ("BLOB", pa.binary()),
    "INTEGER": ("BIGINT", pa.int64()),
    "FLOAT": ("DOUBLE", pa.float64()),
    "BOOLEAN": ("BOOLEAN", pa.bool_()),
    "TIMESTAMP": ("TIMESTAMP WITH TIME ZONE", pa.timestamp("us", "UTC")),
    "DATETIME": ("TIMESTAMP", pa.timestamp("us")),
    "DATE": ("DATE", pa.date32()),
    "TIME": ("TIME", pa.time64("us")),
    "JSON": ("JSON", pa.string()),
}
_NOT_HERE = {"BIGNUMERIC", "BIGDECIMAL", "GEOGRAPHY", "INTERVAL", "RANGE", "FOREIGN"}
_KEPT = ("description", "policyTags", "roundingMode")
_NAME = re.compile(r"[^\W\d]\w{0,299}")


@dataclass(frozen=True, slots=True)
class Field:
    """One column or record member. `kept` is what a resource says beyond its type: description, policy tags."""

    name: str
    type: str
    mode: str = "NULLABLE"
    fields: tuple["Field", ...] = ()
    max_length: int | None = None
    precision: int | None = None
    scale: int | None = None
    kept: Resource = field(default_factory=dict, compare=False)

    @property
    def required(self) -> bool:
        return self.mode == "REQUIRED"

    @property
    def repeated(self) -> bool:
        return self.mode == "REPEATED"


Schema = tuple[Field, ...]


def schema_from_resource(resource: Resource | None) -> Schema:
    """Raises HttpError for what BigQuery refuses (400) or this stand-in does not have (501)."""
    return _fields((resource or {}).get("fields", ()), "", 1)


def schema_resource(schema: Schema) -> dict[str, Any]:
    return {"fields": [field_resource(each) for each in schema]}


def field_resource(each: Field) -> dict[str, Any]:
    resource: dict[str, Any] = {"name": each.name, "type": each.type, "mode": each.mode, **each.kept}
    if each.fields:
        resource["fields"] = [field_resource(child) for child in each.fields]
    for key, value in (("maxLength", each.max_length), ("precision", each.precision), ("scale", each.scale)):
        if value is not None:
            resource[key] = str(value)
    return resource


def _fields(resources: Iterable[Resource], path: str, depth: int) -> Schema:
    fields = tuple(_field(resource, path, depth) for resource in resources)
    seen: set[str] = set()
    for each in fields:
        if each.name.lower() in seen:
            raise invalid(f"Duplicate field name '{path}{each.name}': field names are case-insensitive")
        seen.add(each.name.lower())
    return fields


def _field(resource: Resource, path: str, depth: int) -> Field:
    name = str(resource.get("name", ""))
    if not _NAME.fullmatch(name):
        raise invalid(
            f'Invalid field name "{path}{name}". Fields must contain only letters, numbers, and underscores, '
            "start with a letter or underscore, and be at most 300 characters long."
        )
    kind = _kind(path + name, resource)
    mode = str(resource.get("mode") or "NULLABLE").upper()
    if mode not in MODES:
        raise invalid(f"Field {path}{name} has invalid mode {mode}")
    children = _fields(resource.get("fields", ()), f"{path}{name}.", depth + 1)
    if (kind == "RECORD") != bool(children):
        raise invalid(f"Field {path}{name} is type {kind} but has {'no' if not children else 'a'} schema")
    if depth > DEEPEST:
        raise invalid(f"Field {path}{name} is nested deeper than {DEEPEST} levels")
    kept = {key: resource[key] for key in _KEPT if key in resource}
    length, precision, scale = (_number(resource.get(key)) for key in ("maxLength", "precision", "scale"))
    return Field(name, kind, mode, children, length, precision, scale, kept)


def _kind(path: str, resource: Resource) -> str:
    kind = str(resource.get("type", "")).upper()
    kind = ALIASES.get(kind, kind)
    if kind in _NOT_HERE:
        raise unsupported(f"Field {path}: type {kind}")
    if kind not in _SCALARS and kind not in ("NUMERIC", "RECORD"):
        raise invalid(f"Field {path}: invalid value for type: {kind or 'missing'} is not a valid value")
    for key in ("defaultValueExpression", "collation", "dataPolicies"):
        if resource.get(key):
            raise unsupported(f"Field {path}: {key}")
    return kind


def _number(value: Any) -> int | None:
    return None if value in (None, "", 0, "0") else int(value)


def column_type(each: Field) -> str:
    """DuckDB's name of a field's type, in the spelling DuckDB itself uses."""
    if each.type == "RECORD":
        inner = f"STRUCT({', '.join(f'{quoted(child.name)} {column_type(child)}' for child in each.fields)})"
    elif each.type == "NUMERIC":
        inner = f"DECIMAL({_decimal(each)[0]},{_decimal(each)[1]})"
    else:
        inner = _SCALARS[each.type][0]
    return f"{inner}[]" if each.repeated else inner


def arrow_type(each: Field) -> pa.DataType:
    if each.type == "RECORD":
        inner = pa.struct([(child.name, arrow_type(child)) for child in each.fields])
    elif each.type == "NUMERIC":
        inner = pa.decimal128(NUMERIC_PRECISION, NUMERIC_SCALE)
    else:
        inner = _SCALARS[each.type][1]
    return pa.list_(inner) if each.repeated else inner


def _decimal(each: Field) -> tuple[int, int]:
    if each.precision is None:
        return NUMERIC_PRECISION, NUMERIC_SCALE
    return each.precision, each.scale or 0


def column_definition(each: Field) -> str:
    """The field as a column of CREATE TABLE; a repeated field is never NULL, only empty."""
    tail = " NOT NULL" if each.required else " DEFAULT []" if each.repeated else ""
    return f"{quoted(each.name)} {column_type(each)}{tail}"


def columns_definition(schema: Schema) -> str:
    return ", ".join(column_definition(each) for each in schema)


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


_FROM_DUCKDB = {
    "varchar": "STRING",
    "blob": "BYTES",
    "double": "FLOAT",
    "float": "FLOAT",
    "boolean": "BOOLEAN",
    "timestamp with time zone": "TIMESTAMP",
    "timestamp": "DATETIME",
    "date": "DATE",
    "time": "TIME",
    "decimal": "NUMERIC",
    "tinyint": "INTEGER",
    "smallint": "INTEGER",
    "integer": "INTEGER",
    "bigint": "INTEGER",
    "hugeint": "INTEGER",
    "utinyint": "INTEGER",
    "usmallint": "INTEGER",
    "uinteger": "INTEGER",
    "ubigint": "INTEGER",
    "uhugeint": "INTEGER",
}


def result_schema(names: Sequence[str], types: Sequence[Any]) -> Schema:
    """The fields of a query's result, from DuckDB's own description of it."""
    return tuple(_result_field(name, kind) for name, kind in zip(names, types, strict=True))


def _result_field(name: str, kind: Any) -> Field:
    text = str(kind)
    if text == '"NULL"':  # an untyped NULL is an INT64
        return Field(name, "INTEGER")
    if text == "JSON":
        return Field(name, "JSON")
    if kind.id == "list":
        inner = _result_field(name, kind.children[0][1])
        if inner.repeated:
            raise unsupported(f"Column {name}: an ARRAY of ARRAYs")
        return Field(name, inner.type, "REPEATED", inner.fields)
    if kind.id in ("struct", "tuple"):
        members = (_result_field(child or f"_field_{i + 1}", each) for i, (child, each) in enumerate(kind.children))
        return Field(name, "RECORD", fields=tuple(members))
    if kind.id not in _FROM_DUCKDB:
        raise unsupported(f"Column {name}: a result of type {text}")
    return Field(name, _FROM_DUCKDB[kind.id])
