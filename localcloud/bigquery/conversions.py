"""Which protobuf type may fill which column, and how its values become what is stored.

https://cloud.google.com/bigquery/docs/supported-data-types
"""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from localcloud.bigquery.literals import (
    DAY,
    EPOCH_DAY,
    FIRST_DAY,
    LAST_DAY,
    SECOND,
    date_days,
    datetime_micros,
    in_range,
    json_text,
    numeric,
    time_micros,
    timestamp_micros,
)
from localcloud.bigquery.rows import check_length, check_precision
from localcloud.bigquery.schema import Field

Conversion = Callable[[Any], Any]


class SchemaMismatch(Exception):
    """The writer's schema does not fit the table's; `extra` when it has fields that the table has not."""

    def __init__(self, message: str, extra: bool = False) -> None:
        super().__init__(message)
        self.extra = extra


def conversion(each: Field, member: Any, path: str) -> Conversion | None:
    """How values of `member` become values of the column `each`; None for those that are stored as they come."""
    kind = _kind(member)
    choices = _CHOICES[each.type]
    if kind not in choices:
        raise SchemaMismatch(
            f"The proto field mismatched with BigQuery field at {path}, the proto field type {kind}, "
            f"BigQuery field type {each.type}"
        )
    convert = _enum_name(member) if (each.type, kind) == ("STRING", "enum") else choices[kind]
    return _limited(each, convert)


def _kind(member: Any) -> str:
    if member.message_type is not None:
        return str(member.message_type.full_name)
    if member.type == FieldDescriptor.TYPE_BYTES:
        return "bytes"
    return _KINDS[member.cpp_type]


_KINDS = {
    FieldDescriptor.CPPTYPE_BOOL: "bool",
    FieldDescriptor.CPPTYPE_INT32: "int32",
    FieldDescriptor.CPPTYPE_INT64: "int64",
    FieldDescriptor.CPPTYPE_UINT32: "uint32",
    FieldDescriptor.CPPTYPE_UINT64: "uint64",
    FieldDescriptor.CPPTYPE_DOUBLE: "double",
    FieldDescriptor.CPPTYPE_FLOAT: "float",
    FieldDescriptor.CPPTYPE_ENUM: "enum",
    FieldDescriptor.CPPTYPE_STRING: "string",
}


def _limited(each: Field, convert: Conversion | None) -> Conversion | None:
    if each.max_length is not None:
        return lambda value: _short_enough(each, convert(value) if convert else value)
    if each.precision is not None and convert is not None:
        return lambda value: check_precision(each, convert(value))
    return convert


def _short_enough(each: Field, value: Any) -> Any:
    check_length(each, len(value))
    return value


def _enum_name(member: Any) -> Conversion:
    names = {value.number: value.name for value in member.enum_type.values}
    return lambda value: names[value]


def _wrapped(convert: Conversion | None = None) -> Conversion:
    return lambda wrapper: convert(wrapper.value) if convert else wrapper.value


def _days(value: int) -> int:
    if not FIRST_DAY <= value <= LAST_DAY:
        raise ValueError(f"Date value is out of range: {value}")
    return value


def _timestamp(value: Any) -> int:
    return in_range(value.seconds * SECOND + value.nanos // 1000)


def _civil_time(packed: int) -> int:
    """Micros of the day from CivilTimeEncoder's 64 bits: hour 5, minute 6, second 6, micros 20."""
    micros, rest = packed & 0xFFFFF, packed >> 20
    second, minute, hour = rest & 0x3F, rest >> 6 & 0x3F, rest >> 12
    if packed < 0 or hour > 23 or minute > 59 or second > 59 or micros >= SECOND:
        raise ValueError(f"Invalid packed TIME: {packed}")
    return ((hour * 60 + minute) * 60 + second) * SECOND + micros


def _civil_datetime(packed: int) -> int:
    """Micros since 1970 from CivilTimeEncoder's 64 bits: year 14, month 4, day 5, then as a time."""
    day_part, time_part = packed >> 37, packed & (1 << 37) - 1
    try:
        ordinal = date(day_part >> 9, day_part >> 5 & 0xF, day_part & 0x1F).toordinal()
    except ValueError as error:
        raise ValueError(f"Invalid packed DATETIME: {packed}") from error
    return (ordinal - EPOCH_DAY) * DAY + _civil_time(time_part)


def _scaled(value: bytes) -> Decimal:
    """A NUMERIC from BigDecimalByteStringEncoder: two's complement, little-endian, nine decimal places."""
    return numeric(Decimal(int.from_bytes(value, "little", signed=True)).scaleb(-9))


_WRAPPERS = "google.protobuf."
_NUMBERS = ("int32", "int64", "uint32", "uint64", "double", "float")
_CHOICES: dict[str, dict[str, Conversion | None]] = {
    "BOOLEAN": {
        "bool": None,
        **dict.fromkeys(("int32", "int64", "uint32", "uint64"), bool),
        f"{_WRAPPERS}BoolValue": _wrapped(),
    },
    "BYTES": {"bytes": None, "string": str.encode, f"{_WRAPPERS}BytesValue": _wrapped()},
    "DATE": {"int32": _days, "int64": _days, "string": date_days},
    "DATETIME": {"string": datetime_micros, "int64": _civil_datetime},
    "TIME": {"string": time_micros, "int64": _civil_time},
    "FLOAT": {
        "double": None,
        "float": None,
        f"{_WRAPPERS}DoubleValue": _wrapped(),
        f"{_WRAPPERS}FloatValue": _wrapped(),
    },
    "INTEGER": {
        **dict.fromkeys(("int32", "int64", "uint32", "enum")),
        **dict.fromkeys((f"{_WRAPPERS}Int32Value", f"{_WRAPPERS}Int64Value", f"{_WRAPPERS}UInt32Value"), _wrapped()),
    },
    "JSON": {"string": json_text},
    "NUMERIC": {
        **dict.fromkeys((*_NUMBERS, "string"), numeric),
        "bytes": _scaled,
        f"{_WRAPPERS}BytesValue": _wrapped(_scaled),
    },
    "STRING": {"string": None, "enum": None, f"{_WRAPPERS}StringValue": _wrapped()},
    "TIMESTAMP": {
        **dict.fromkeys(("int64", "int32", "uint32"), in_range),
        "string": timestamp_micros,
        f"{_WRAPPERS}Timestamp": _timestamp,
    },
}
