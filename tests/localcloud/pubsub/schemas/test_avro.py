"""Messages that follow an Avro schema, and those that do not."""

import io
import json
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.pubsub.schemas.avro import Avro, Unfit

KIND = {"type": "enum", "name": "Kind", "symbols": ["A", "B"]}
FIELDS: list[dict[str, Any]] = [
    {"name": "device", "type": "string"},
    {"name": "light", "type": ["null", "double"], "default": None},
    {"name": "kind", "type": KIND},
    {"name": "next", "type": ["null", "iot.Reading"]},
    {"name": "tags", "type": {"type": "map", "values": "long"}},
    {"name": "raw", "type": {"type": "array", "items": "bytes"}},
    {"name": "key", "type": {"type": "fixed", "name": "Key", "size": 2}},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
]
SCHEMA = json.dumps({"type": "record", "name": "Reading", "namespace": "iot", "fields": FIELDS})
SOUND: dict[str, Any] = {
    "device": "d", "light": {"double": 1}, "kind": "A", "next": None, "tags": {"x": 1}, "raw": ["\u00ff"],
    "key": "ab", "at": 5,
}  # fmt: skip


def test_json_with_every_field_and_named_branches_is_sound() -> None:
    Avro(SCHEMA).check_json(json.dumps({**SOUND, "next": {"iot.Reading": SOUND}}).encode())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"device": 1}, "device. is no string"),
        ({"light": 1.5}, "light. is none of null, double"),
        ({"light": {"double": "x"}}, "light. is no double"),
        ({"kind": "C"}, "kind. is none of A, B"),
        ({"next": {"iot.Reading": {}}}, "next.at is missing"),
        ({"tags": []}, "tags. is no map"),
        ({"tags": {"x": 1 << 63}}, "tags.x. is no long"),
        ({"tags": {"x": True}}, "tags.x. is no long"),
        ({"raw": ["\u0100"]}, "raw.0. is no bytes"),
        ({"raw": "x"}, "raw. is no array"),
        ({"key": "abc"}, "key. is not 2 bytes"),
        ({"more": 1}, "more is no field of the schema"),
    ],
)
def test_json_that_is_not_so_is_told_apart(change: dict[str, Any], why: str) -> None:
    with pytest.raises(Unfit, match=why):
        Avro(SCHEMA).check_json(json.dumps({**SOUND, **change}).encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 5000])
def test_what_is_no_json_record_at_all_is_refused(data: bytes) -> None:
    with pytest.raises(Unfit):
        Avro(SCHEMA).check_json(data)


def test_binary_must_be_used_up_to_the_last_byte() -> None:
    schema = Avro(SCHEMA)
    value = {**SOUND, "light": 1.0, "raw": [b"\xff"], "key": b"ab"}
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, schema.root, value)
    schema.check_binary(stream.getvalue())
    for data in (stream.getvalue()[:-1], stream.getvalue() + b"\0", b""):
        with pytest.raises(Unfit):
            schema.check_binary(data)


@given(st.binary(max_size=40))
def test_no_bytes_do_more_than_not_fit(data: bytes) -> None:
    for check in (Avro(SCHEMA).check_binary, Avro(SCHEMA).check_json):
        try:
            check(data)
        except Unfit:
            continue


@pytest.mark.parametrize(
    "definition",
    ["", "{", "[]", "{}", '"string"', '{"type": "map", "values": "int"}',
     '{"type": "record", "name": "R", "fields": [{"name": "a", "type": "Other"}]}', "7", "null",
     '{"type": "record", "name": "R", "fields": [], "doc": "' + "x" * 300_000 + '"}'],
)  # fmt: skip
def test_what_is_no_schema_of_records_is_refused(definition: str) -> None:
    with pytest.raises(Unfit):
        Avro(definition)
