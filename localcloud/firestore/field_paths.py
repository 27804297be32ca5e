"""Paths into a document's fields, such as ``a.b.`c.d` ``: parsed, looked up, assigned, removed.

Source: https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#document
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from localcloud.firestore.messages import Document
from localcloud.rpc import invalid_argument

FieldPath = tuple[str, ...]
NAME: FieldPath = ("__name__",)

_SEGMENT = re.compile(r"([a-zA-Z_][a-zA-Z_0-9]*)|`((?:[^`\\]|\\.)+)`", re.DOTALL)


@lru_cache(maxsize=4096)
def parse(text: str) -> FieldPath:
    """Raises RpcError INVALID_ARGUMENT if `text` is no field path."""
    segments, position = [], 0
    while found := _SEGMENT.match(text, position):
        plain, quoted = found.groups()
        segments.append(plain if plain is not None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL))
        position = found.end() + 1
        if found.end() == len(text):
            return tuple(segments)
        if text[found.end()] != ".":
            break
    raise invalid_argument(f"Invalid property path {text!r}.")


def lookup(fields: Any, path: FieldPath) -> Any | None:
    """The Value at `path`, or None."""
    value = None
    for segment in path:
        if segment not in fields:
            return None
        value = fields[segment]
        fields = value.map_value.fields
    return value


def assign(fields: Any, path: FieldPath, value: Any) -> None:
    """Puts a copy of `value` at `path`; what stands in the way and is no map is replaced by one."""
    for segment in path[:-1]:
        fields = fields[segment].map_value.fields
    fields[path[-1]].CopyFrom(value)


def remove(fields: Any, path: FieldPath) -> None:
    """Takes `path` away, if it is there."""
    for segment in path[:-1]:
        if segment not in fields:
            return
        fields = fields[segment].map_value.fields
    if path[-1] in fields:  # even a vain pop would make a map of what is none
        del fields[path[-1]]


def masked(document: Any, paths: Iterable[str]) -> Any:
    """A Document with only the fields at `paths`."""
    result = Document(name=document.name)
    for at in ("create_time", "update_time"):
        if document.HasField(at):
            getattr(result, at).CopyFrom(getattr(document, at))
    for path in map(parse, paths):
        value = None if path == NAME else lookup(document.fields, path)
        if value is not None:
            assign(result.fields, path, value)
    return result
