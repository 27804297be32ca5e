"""Google's discovery documents, as an oracle for JSON: what an API would not understand in a body.

assert complaints("run.v2", "GoogleCloudRunV2Service", body) == []
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import googleapiclient
from google.protobuf import json_format

DOCUMENTS = Path(googleapiclient.__file__).parent / "discovery_cache" / "documents"
TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}


def body_of(message: Any) -> Any:
    """The JSON that REST would carry for a message of one of Google's clients."""
    return json_format.MessageToDict(type(message).pb(message))


def complaints(api: str, schema: str, body: Any) -> list[str]:
    """Unknown fields, wrong types and wrong enum values, each with its path. `api` is such as `run.v2`."""
    return list(_object(_schemas(api), _schemas(api)[schema], body, schema))


@cache
def _schemas(api: str) -> Any:
    return json.loads((DOCUMENTS / f"{api}.json").read_text())["schemas"]


def _value(schemas: Any, schema: Any, value: Any, path: str) -> Iterator[str]:
    if "$ref" in schema:
        yield from _object(schemas, schemas[schema["$ref"]], value, path)
    elif schema.get("type") == "array":
        if not isinstance(value, list):
            yield f"{path}: {value!r} is no list"
            return
        for index, item in enumerate(value):
            yield from _value(schemas, schema["items"], item, f"{path}[{index}]")
    elif schema.get("type") == "object":
        yield from _object(schemas, schema, value, path)
    else:
        yield from _plain(schema, value, path)


def _object(schemas: Any, schema: Any, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: {value!r} is no object"
        return
    known, other = schema.get("properties", {}), schema.get("additionalProperties")
    for name, inner in value.items():
        if name in known:
            yield from _value(schemas, known[name], inner, f"{path}.{name}")
        elif other is not None:
            yield from _value(schemas, other, inner, f"{path}.{name}")
        else:
            yield f"{path}.{name}: unknown field"


def _plain(schema: Any, value: Any, path: str) -> Iterator[str]:
    kind = schema.get("type")
    if kind == "any":
        return
    if not isinstance(value, TYPES[kind]) or (kind in ("integer", "number") and isinstance(value, bool)):
        yield f"{path}: {value!r} is no {kind}"
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{path}: {value!r} is none of {', '.join(schema['enum'])}"
