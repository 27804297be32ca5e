"""Avro schemas, and messages checked by them in both encodings. Pure.

Source: https://avro.apache.org/docs/1.12.0/specification/ (JSON Encoding, Binary Encoding, Schema Resolution)
"""

import io
import json
from collections.abc import Callable, Mapping
from typing import Any

import fastavro
from fastavro.schema import SchemaParseException, UnknownType

MOST_FIELD_BYTES = 300_000
_WHOLE = {"int": 1 << 31, "long": 1 << 63}
_REFUSALS = (SchemaParseException, UnknownType)
_NAMED = ("record", "error", "enum", "fixed")


class Unfit(ValueError):
    """A definition that is none, or a message that does not follow one."""


class Avro:
    """One definition. `named` are the types that it names, by their full names."""

    def __init__(self, definition: str) -> None:
        """Raises Unfit."""
        if len(definition.encode()) > MOST_FIELD_BYTES:
            raise Unfit(f"the definition is larger than {MOST_FIELD_BYTES} bytes")
        try:
            written = json.loads(definition)
            self.named: dict[str, Any] = {}
            self.root = fastavro.parse_schema(written, self.named)
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError, *_REFUSALS) as error:
            raise Unfit(f"no Avro schema: {type(error).__name__}: {error}") from error
        if self.kind(self.root) != "record":
            raise Unfit("the outermost type of a message must be a record")

    def kind(self, schema: Any) -> str:
        """`union`, or the name of the type behind names and logical types."""
        schema = self.resolved(schema)
        if isinstance(schema, list):
            return "union"
        return str(schema["type"] if isinstance(schema, Mapping) else schema)

    def resolved(self, schema: Any) -> Any:
        """The type itself where it is only named."""
        if isinstance(schema, str):
            return self.named.get(schema, schema)
        inner = schema.get("type") if isinstance(schema, Mapping) else None
        return self.resolved(inner) if isinstance(inner, list | Mapping) else schema

    def check_binary(self, data: bytes) -> None:
        """Raises Unfit."""
        self.decoded_binary(data)

    def decoded_binary(self, data: bytes) -> Any:
        """Raises Unfit."""
        stream = io.BytesIO(data)
        try:
            value = fastavro.schemaless_reader(stream, self.root, None)
        except Exception as error:  # fastavro raises whatever the bytes lead it to
            raise Unfit(f"no Avro binary of this schema: {type(error).__name__}: {error}") from error
        if stream.tell() != len(data):
            raise Unfit(f"{len(data) - stream.tell()} bytes are left over behind the message")
        return value

    def check_json(self, data: bytes) -> None:
        """Raises Unfit. Every field must be there, and no other."""
        try:
            value = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise Unfit(f"no JSON: {error}") from error
        self._check(self.root, value, "")

    def _check(self, schema: Any, value: Any, path: str) -> None:
        kind = self.kind(schema)
        check: Callable[[Any, Any, str], None] | None = getattr(self, f"_check_{kind}", None)
        if check is not None:
            check(self.resolved(schema), value, path)
        elif not _fits(kind, value):
            raise Unfit(f"{path or 'the message'} is no {kind}")

    def _check_union(self, schema: Any, value: Any, path: str) -> None:
        """A branch that is not null stands under its name."""
        branches = {self._branch(each): each for each in schema}
        if value is None and "null" in branches:
            return
        if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in branches:
            raise Unfit(f"{path or 'the message'} is none of {', '.join(branches)}: write {{type: value}}")
        name, inner = next(iter(value.items()))
        self._check(branches[name], inner, path)

    def _branch(self, schema: Any) -> str:
        resolved = self.resolved(schema)
        if isinstance(resolved, Mapping) and resolved["type"] in _NAMED:
            return str(resolved["name"])
        return self.kind(schema)

    def _check_record(self, schema: Any, value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise Unfit(f"{path or 'the message'} is no record")
        fields = {field["name"]: field["type"] for field in schema["fields"]}
        for name in sorted(fields.keys() ^ value.keys()):
            raise Unfit(f"{path}{name} is {'missing' if name in fields else 'no field of the schema'}")
        for name, inner in fields.items():
            self._check(inner, value[name], f"{path}{name}.")

    def _check_array(self, schema: Any, value: Any, path: str) -> None:
        if not isinstance(value, list):
            raise Unfit(f"{path} is no array")
        for index, each in enumerate(value):
            self._check(schema["items"], each, f"{path}{index}.")

    def _check_map(self, schema: Any, value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise Unfit(f"{path} is no map")
        for name, each in value.items():
            self._check(schema["values"], each, f"{path}{name}.")

    def _check_enum(self, schema: Any, value: Any, path: str) -> None:
        if value not in schema["symbols"]:
            raise Unfit(f"{path} is none of {', '.join(schema['symbols'])}")

    def _check_fixed(self, schema: Any, value: Any, path: str) -> None:
        if not _fits("bytes", value) or len(value) != schema["size"]:
            raise Unfit(f"{path} is not {schema['size']} bytes")


def _fits(kind: str, value: Any) -> bool:
    if kind in _WHOLE:
        return isinstance(value, int) and not isinstance(value, bool) and -_WHOLE[kind] <= value < _WHOLE[kind]
    if kind in ("float", "double"):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "bytes":  # a character of the first 256 each
        return isinstance(value, str) and all(ord(character) < 256 for character in value)
    return {"null": value is None, "boolean": isinstance(value, bool), "string": isinstance(value, str)}[kind]
