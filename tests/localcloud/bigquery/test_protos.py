"""Rows of nested messages, and writer schemas that cannot be."""

from typing import Any

import pytest
from google.protobuf import descriptor_pb2

from localcloud.bigquery.conversions import SchemaMismatch
from localcloud.bigquery.protos import BadRows, RowDecoder
from localcloud.bigquery.schema import Field

POINT = Field("point", "RECORD", "NULLABLE", (Field("x", "FLOAT", "REQUIRED"), Field("at", "TIMESTAMP")))
SCHEMA = (Field("id", "STRING", "REQUIRED"), POINT, Field("path", "RECORD", "REPEATED", POINT.fields))
FieldProto = descriptor_pb2.FieldDescriptorProto


@pytest.fixture
def descriptor() -> Any:
    row = descriptor_pb2.DescriptorProto(name="Row")
    row.field.add(name="ID", number=1, type=9, label=1)
    row.field.add(name="point", number=2, type=11, label=1, type_name=".Row.Point")
    row.field.add(name="path", number=3, type=11, label=3, type_name="Point")
    point = row.nested_type.add(name="Point")
    point.field.add(name="x", number=1, type=1, label=1)
    point.field.add(name="at", number=2, type=3, label=1)
    return row


def test_nested_and_repeated_messages_become_records(descriptor: Any) -> None:
    decoder = RowDecoder(descriptor, SCHEMA)
    x = b"\x09" + b"\x00" * 8
    table = decoder.table([b"\x0a\x01a\x12\x09" + x + b"\x1a\x09" + x + b"\x1a\x0b" + x + b"\x10\x05", b"\x0a\x01b"])
    assert table.column("id").to_pylist() == ["a", "b"]  # names of columns are not case-sensitive
    assert table.column("point").to_pylist() == [{"x": 0.0, "at": None}, None]
    assert [[each["x"] for each in path] for path in table.column("path").to_pylist()] == [[0.0, 0.0], []]


def test_errors_inside_records_are_named_by_their_path(descriptor: Any) -> None:
    decoder = RowDecoder(descriptor, SCHEMA)
    with pytest.raises(BadRows) as caught:
        decoder.table([b"\x0a\x01a", b"\x0a\x01b\x12\x00", b"\x0a\x01c\x1a\x0c\x09" + b"\x00" * 8 + b"\xa0\x06\x01"])
    assert caught.value.errors == {
        1: "The required field point.x is missing",
        2: "Field path has unknown fields: numbers 100 are not in the writer schema",
    }


def test_text_that_is_not_utf8_is_a_row_error(descriptor: Any) -> None:
    with pytest.raises(BadRows) as caught:
        RowDecoder(descriptor, SCHEMA).table([b"\x0a\x01a", b"\x0a\x01\xff"])
    assert list(caught.value.errors) == [1]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda row: row.field.add(name="zz", number=9, type=9, label=1), "extra fields: 'zz'"),
        (lambda row: row.nested_type[0].field.add(name="y", number=9, type=9, label=1), "extra fields: 'point.y'"),
        (lambda row: row.field.__delitem__(0), "required field id is missing"),
        (lambda row: row.nested_type[0].field.__delitem__(0), "required field point.x is missing"),
        (lambda row: setattr(row.field[0], "label", 3), "a single field"),
        (lambda row: setattr(row.field[2], "label", 1), "a repeated field"),
        (lambda row: setattr(row.field[0], "type", 1), "the proto field type double, BigQuery field type STRING"),
        (lambda row: setattr(row.field[1], "type_name", ".Other.Point"), "Invalid proto schema"),
        (lambda row: setattr(row.field[0], "proto3_optional", True), "Invalid proto schema"),
    ],
)
def test_writer_schemas_that_do_not_fit_are_refused(descriptor: Any, change: Any, reason: str) -> None:
    change(descriptor)
    with pytest.raises(SchemaMismatch, match=reason):
        RowDecoder(descriptor, SCHEMA)
