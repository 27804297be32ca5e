"""The documented table of protobuf types for each BigQuery type."""

from decimal import Decimal
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, timestamp_pb2, wrappers_pb2

from localcloud.bigquery.conversions import SchemaMismatch, conversion
from localcloud.bigquery.schema import Field

FieldProto = descriptor_pb2.FieldDescriptorProto
TYPES = {
    "double": FieldProto.TYPE_DOUBLE, "float": FieldProto.TYPE_FLOAT, "int64": FieldProto.TYPE_INT64,
    "uint64": FieldProto.TYPE_UINT64, "int32": FieldProto.TYPE_INT32, "uint32": FieldProto.TYPE_UINT32,
    "bool": FieldProto.TYPE_BOOL, "string": FieldProto.TYPE_STRING, "bytes": FieldProto.TYPE_BYTES,
    "enum": FieldProto.TYPE_ENUM, "message": FieldProto.TYPE_MESSAGE,
}  # fmt: skip
ACCEPTED = {
    "BOOLEAN": "bool int32 int64 uint32 uint64 BoolValue",
    "BYTES": "bytes string BytesValue",
    "DATE": "int32 int64 string",
    "DATETIME": "string int64",
    "TIME": "string int64",
    "FLOAT": "double float DoubleValue FloatValue",
    "INTEGER": "int32 int64 uint32 enum Int32Value Int64Value UInt32Value",
    "JSON": "string",
    "NUMERIC": "int32 int64 uint32 uint64 double float string bytes BytesValue",
    "STRING": "string enum StringValue",
    "TIMESTAMP": "int64 int32 uint32 string Timestamp",
}
ALL = [kind for kind in TYPES if kind != "message"]
ALL += [
    "BoolValue",
    "BytesValue",
    "DoubleValue",
    "FloatValue",
    "Int32Value",
    "Int64Value",
    "UInt32Value",
    "StringValue",
    "Timestamp",
]


def member(kind: str) -> Any:
    """A protobuf field of a type, by the name of the type or of a well-known message."""
    file = descriptor_pb2.FileDescriptorProto(name="one.proto", syntax="proto2")
    message = file.message_type.add(name="Row")
    pool = descriptor_pool.DescriptorPool()
    field = message.field.add(name="v", number=1, label=1, type=TYPES.get(kind, FieldProto.TYPE_MESSAGE))
    if kind == "enum":
        field.type_name = ".Row.Level"
        level = message.enum_type.add(name="Level")
        level.value.add(name="LOW", number=0)
        level.value.add(name="HIGH", number=7)
    elif kind not in TYPES:
        field.type_name = f".google.protobuf.{kind}"
        for module in (timestamp_pb2, wrappers_pb2):
            pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
            file.dependency.append(module.DESCRIPTOR.name)
    pool.AddSerializedFile(file.SerializeToString())
    return pool.FindMessageTypeByName("Row").fields[0]


@pytest.mark.parametrize("column", ACCEPTED)
def test_exactly_the_documented_types_are_accepted(column: str) -> None:
    accepted = []
    for kind in ALL:
        try:
            conversion(Field("v", column), member(kind), "v")
        except SchemaMismatch:
            continue
        accepted.append(kind)
    assert sorted(accepted) == sorted(ACCEPTED[column].split())


@pytest.mark.parametrize(
    ("column", "kind", "value", "stored"),
    [
        ("STRING", "enum", 7, "HIGH"),
        ("STRING", "StringValue", wrappers_pb2.StringValue(value="x"), "x"),
        ("BOOLEAN", "int32", 2, True),
        ("BYTES", "string", "ä", "ä".encode()),
        ("DATE", "string", "1970-01-03", 2),
        ("TIME", "string", "00:00:01", 1_000_000),
        ("TIME", "int64", (1 << 32) + (2 << 26) + (3 << 20) + 4, ((3600 + 120 + 3) * 1_000_000) + 4),
        ("DATETIME", "int64", (1970 << 46) + (1 << 42) + (2 << 37) + (1 << 32), 90_000 * 1_000_000),
        ("NUMERIC", "string", "1.5", Decimal("1.5")),
        ("NUMERIC", "double", 0.1, Decimal("0.1")),
        ("NUMERIC", "bytes", (-1_500_000_000).to_bytes(5, "little", signed=True), Decimal("-1.5")),
        ("TIMESTAMP", "string", "1970-01-01 00:00:01+00", 1_000_000),
        ("TIMESTAMP", "Timestamp", timestamp_pb2.Timestamp(seconds=-1, nanos=999_999_999), -1),
        ("JSON", "string", '{"a": 1}', '{"a":1}'),
    ],
)
def test_values_become_what_is_stored(column: str, kind: str, value: Any, stored: Any) -> None:
    convert = conversion(Field("v", column), member(kind), "v")
    assert convert is not None
    assert convert(value) == stored


@pytest.mark.parametrize(
    ("field", "kind", "value"),
    [
        (Field("v", "DATE"), "int32", 2_932_897),
        (Field("v", "DATE"), "string", "today"),
        (Field("v", "TIME"), "int64", 24 << 32),
        (Field("v", "DATETIME"), "int64", 1),
        (Field("v", "TIMESTAMP"), "int64", 2**62),
        (Field("v", "JSON"), "string", "{"),
        (Field("v", "NUMERIC"), "string", "1e40"),
        (Field("v", "NUMERIC", precision=4, scale=2), "string", "100"),
        (Field("v", "STRING", max_length=2), "string", "abc"),
        (Field("v", "BYTES", max_length=2), "bytes", b"abc"),
    ],
)
def test_values_that_do_not_fit_are_refused(field: Field, kind: str, value: Any) -> None:
    convert = conversion(field, member(kind), "v")
    assert convert is not None
    with pytest.raises(ValueError):
        convert(value)
