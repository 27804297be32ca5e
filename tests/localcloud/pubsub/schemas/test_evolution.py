"""Which schemas can read what others wrote."""

import json
from typing import Any

import pytest

from localcloud.pubsub.schemas.avro import Avro
from localcloud.pubsub.schemas.evolution import unreadable


def record(*fields: dict[str, Any], name: str = "R") -> Avro:
    return Avro(json.dumps({"type": "record", "name": name, "fields": list(fields)}))


def field(kind: Any, name: str = "a", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


AB: dict[str, Any] = {"type": "enum", "name": "E", "symbols": ["A", "B"]}
LIST = {"type": "record", "name": "L", "fields": [field("int"), field(["null", "L"], "next")]}


@pytest.mark.parametrize(
    ("writer", "reader"),
    [
        (record(field("int")), record(field("long"))),
        (record(field("string")), record(field("bytes"))),
        (record(field("int")), record(field("int"), field("int", "b", default=1))),
        (record(field("int"), field("int", "b")), record(field("int"))),
        (record(field("int")), record(field(["null", "int"]))),
        (record(field("int", "old")), record(field("int", aliases=["old"]))),
        (record(field(AB)), record(field({**AB, "symbols": ["A"], "default": "A"}))),
        (record(field({"type": "map", "values": "int"})), record(field({"type": "map", "values": "long"}))),
        (record(field(LIST)), record(field(LIST))),
    ],
)
def test_what_avro_resolves_can_be_read(writer: Avro, reader: Avro) -> None:
    assert unreadable(writer, reader) is None


@pytest.mark.parametrize(
    ("writer", "reader", "why"),
    [
        (record(field("long")), record(field("int")), "a.: long cannot be read as int"),
        (record(), record(field("int")), "a: is missing, and has no default"),
        (record(field(["null", "int"])), record(field("int")), "a.: null cannot be read as int"),
        (record(field("string")), record(field(["null", "int"])), "string is in no branch"),
        (record(), record(name="Other"), "R cannot be read as Other"),
        (record(field(AB)), record(field({**AB, "symbols": ["A"]})), "B is unknown"),
        (
            record(field({"type": "array", "items": "long"})),
            record(field({"type": "array", "items": "int"})),
            "a.[]: long cannot be read as int",
        ),
        (
            record(field({"type": "fixed", "name": "F", "size": 2})),
            record(field({"type": "fixed", "name": "F", "size": 3})),
            "2 bytes cannot be read as 3",
        ),
    ],
)
def test_what_it_does_not_is_said_with_its_place(writer: Avro, reader: Avro, why: str) -> None:
    assert why in (unreadable(writer, reader) or "")
