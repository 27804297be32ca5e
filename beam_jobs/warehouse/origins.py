"""How the value of a column is read from a message: one function per origin, None where there is none. Pure."""

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from beam_jobs.attributes import read
from beam_jobs.warehouse.config import Column, Origin
from beam_jobs.warehouse.expressions import Expression
from bridge import envelope
from director.fields import pointer_parts

NO_DOCUMENT = object()


class Facts:
    """What values can come from: a message, its attributes, its payload as JSON (or NO_DOCUMENT), time of writing."""

    __slots__ = ("attributes", "document", "message", "now", "payload")

    def __init__(self, raw: bytes, now: datetime) -> None:
        self.now = now
        self.message, self.attributes = read(raw)
        self.payload = self.message.data
        try:
            self.document = orjson.loads(self.payload)
        except orjson.JSONDecodeError:
            self.document = NO_DOCUMENT


Read = Callable[[Facts], Any]
Get = Callable[[Any], Any]


def reader(column: Column, origin: Origin) -> Read:
    """How a value of `origin` is read for `column`. It may raise ValueError."""
    if origin.attribute is not None:
        name = origin.attribute
        return lambda facts: facts.attributes.get(name)
    if origin.pointer is not None:
        parts = pointer_parts(origin.pointer)
        return lambda facts: _walked(facts.document, parts)
    if origin.expression is not None:
        return _expression(origin.expression)
    if origin.envelope is not None:
        return _payload(column) if origin.envelope == "payload" else _PARTS[origin.envelope]
    return lambda facts: origin.literal


def grouped(column: Column) -> tuple[str, Any, Callable[[Facts], Get]]:
    """The group a column is read with, its key there, and how the group's values are got by key for a message.

    Attributes are one group, and so are places in the payload with the same parent, which is looked for once.
    """
    (origin, *more) = column.origins
    if more or (origin.attribute is None and not origin.pointer):
        readers = [reader(column, one) for one in column.origins]
        return "", readers[0] if not more else _first(readers), _one_by_one
    if origin.attribute is not None:
        return "attributes", origin.attribute, lambda facts: facts.attributes.get
    *parents, last = pointer_parts(origin.pointer or "")
    return f"pointer {parents}", last, lambda facts: _members(_walked(facts.document, parents))


def _one_by_one(facts: Facts) -> Get:
    return lambda read: read(facts)


def _first(readers: list[Read]) -> Read:
    return lambda facts: next((value for read in readers if (value := read(facts)) is not None), None)


def _walked(document: Any, parts: tuple[str, ...] | list[str]) -> Any:
    """What a JSON pointer's parts lead to, or None."""
    for part in parts:
        document = _members(document)(part)
    return None if document is NO_DOCUMENT else document


def _members(document: Any) -> Get:
    if type(document) is dict:
        return document.get
    return _Elements(document) if type(document) is list else _nothing


class _Elements:
    """The elements of an array by JSON pointer parts."""

    def __init__(self, array: list[Any]) -> None:
        self._array = array

    def __call__(self, part: str) -> Any:
        if part.isdecimal() and len(part) < 10 and int(part) < len(self._array):
            return self._array[int(part)]
        return None


def _nothing(part: str) -> Any:
    return None


def _expression(text: str) -> Read:
    expression = Expression(text)
    needed = [(name, _VARIABLES[name]) for name in expression.variables]
    of_data = "data" in expression.variables

    def read(facts: Facts) -> Any:
        if of_data and facts.document is NO_DOCUMENT:
            return None
        return expression({name: value(facts) for name, value in needed})

    return read


def _payload(column: Column) -> Read:
    """The payload as the column's type holds it best: its bytes, its text, or what it says as JSON.

    A payload that is no JSON is base64 text in a JSON column; one that is no UTF-8 is base64 text in a STRING column.
    """
    if column.mode != "REPEATED" and column.type == "BYTES":
        return lambda facts: facts.payload
    if column.mode != "REPEATED" and column.type == "STRING":
        return lambda facts: _text(facts.payload)
    if column.mode != "REPEATED" and column.type == "JSON":
        return lambda facts: _base64(facts.payload) if facts.document is NO_DOCUMENT else facts.payload
    return lambda facts: None if facts.document is NO_DOCUMENT else facts.document


def _text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return _base64(payload)


def _base64(payload: bytes) -> str:
    return base64.b64encode(payload).decode()


def _publish_time(facts: Facts) -> datetime | None:
    message = facts.message
    return message.publish_time.ToDatetime(tzinfo=UTC) if message.HasField("publish_time") else None


def _event_time(facts: Facts) -> datetime | None:
    text = facts.attributes.get(envelope.TIME)
    return envelope.moment(text) if text else None


_PARTS: Mapping[str, Read] = {
    "attributes": lambda facts: facts.attributes,
    "publish_time": _publish_time,
    "message_id": lambda facts: facts.message.message_id or None,
    "ordering_key": lambda facts: facts.message.ordering_key or None,
    "now": lambda facts: facts.now,
}
_VARIABLES: Mapping[str, Read] = {
    "data": lambda facts: facts.document,
    "attributes": lambda facts: facts.attributes,
    "event_time": _event_time,
    "publish_time": _publish_time,
    "message_id": lambda facts: facts.message.message_id,
    "now": lambda facts: facts.now,
}
