"""How Firestore's values compare, and which of them a document may hold.

Source: https://cloud.google.com/firestore/docs/concepts/data-types
"""

import math
import re
from collections.abc import Callable
from typing import Any

from localcloud.firestore.names import ordering_path
from localcloud.rpc import invalid_argument

Key = tuple[Any, ...]  # begins with the rank of the value's type, so keys of all types compare

_NULL, _BOOLEAN, _NUMBER, _TIMESTAMP, _STRING, _BYTES, _REFERENCE, _GEO_POINT, _ARRAY, _VECTOR, _MAP = range(11)
_RESERVED = re.compile(r"__.*__", re.DOTALL)
_DEEPEST = 20
_LARGEST = 1 << 20  # bytes of a document
_SURELY_SMALL = _LARGEST // 4  # encoded; Firestore counts a value up to three times as large as its encoding


def order_key(value: Any) -> Key:
    """Keys are ordered, and equal, as Firestore orders the values."""
    kind = value.WhichOneof("value_type")
    return _KEYS[kind](value) if kind in _KEYS else (_NULL,)


def same_type(one: Key, other: Key) -> bool:
    return bool(one[0] == other[0])


def is_number(value: Any) -> bool:
    return value.WhichOneof("value_type") in ("integer_value", "double_value")


def is_nan(value: Any) -> bool:
    return value.WhichOneof("value_type") == "double_value" and math.isnan(value.double_value)


def is_null(value: Any) -> bool:
    return bool(value.WhichOneof("value_type") == "null_value")


def check_document(document: Any) -> None:
    """Raises RpcError INVALID_ARGUMENT when Firestore would not take such a document."""
    _check_fields(document.fields, 1)
    if document.ByteSize() > _SURELY_SMALL:
        size = _name_size(document.name) + 32 + _fields_size(document.fields)
        if size > _LARGEST:
            raise invalid_argument(
                f"Document '{document.name}' cannot be written because its size ({size:,} bytes) "
                f"exceeds the maximum allowed size of {_LARGEST:,} bytes."
            )


def _number_key(number: float) -> Key:
    return (_NUMBER, 0) if number != number else (_NUMBER, 1, number)


def _reference_key(name: str) -> Key:
    return (_REFERENCE, *name.split("/")[:5], *ordering_path(name))


def _array_key(value: Any) -> Key:
    return (_ARRAY, tuple(order_key(item) for item in value.array_value.values))


def _map_key(value: Any) -> Key:
    fields = value.map_value.fields
    if "__type__" in fields and fields["__type__"].string_value == "__vector__":
        components = [order_key(item) for item in fields["value"].array_value.values]
        return (_VECTOR, len(components), tuple(components))
    return (_MAP, tuple((name, order_key(fields[name])) for name in sorted(fields)))


_KEYS: dict[str, Callable[[Any], Key]] = {
    "null_value": lambda value: (_NULL,),
    "boolean_value": lambda value: (_BOOLEAN, value.boolean_value),
    "integer_value": lambda value: (_NUMBER, 1, value.integer_value),
    "double_value": lambda value: _number_key(value.double_value),
    "timestamp_value": lambda value: (_TIMESTAMP, value.timestamp_value.seconds, value.timestamp_value.nanos),
    "string_value": lambda value: (_STRING, value.string_value),
    "bytes_value": lambda value: (_BYTES, value.bytes_value),
    "reference_value": lambda value: _reference_key(value.reference_value),
    "geo_point_value": lambda value: (_GEO_POINT, value.geo_point_value.latitude, value.geo_point_value.longitude),
    "array_value": _array_key,
    "map_value": _map_key,
}


def _check_fields(fields: Any, depth: int) -> None:
    if depth > _DEEPEST:
        raise invalid_argument(f"Property is nested deeper than {_DEEPEST} levels.")
    for name, value in fields.items():
        if not name:
            raise invalid_argument("Property name is empty.")
        if name[0] == "_" and _RESERVED.fullmatch(name) and name != "__type__":
            raise invalid_argument(f'Property name "{name}" is invalid because it is reserved.')
        _check_value(name, value, depth)


def _check_value(name: str, value: Any, depth: int) -> None:
    kind = value.WhichOneof("value_type")
    if kind == "map_value":
        _check_fields(value.map_value.fields, depth + 1)
    elif kind == "array_value":
        for item in value.array_value.values:
            if item.WhichOneof("value_type") == "array_value":
                raise invalid_argument(f'Property "{name}" contains an array value in an array value.')
            _check_value(name, item, depth + 1)
    elif kind is None or kind not in _KEYS:
        raise invalid_argument(f'Property "{name}" has no value that a document can hold.')


def _name_size(name: str) -> int:
    return 16 + sum(len(segment.encode()) + 1 for segment in name.split("/")[5:])


def _fields_size(fields: Any) -> int:
    return sum(len(name.encode()) + 1 + _size(value) for name, value in fields.items())


def _size(value: Any) -> int:
    """Source: https://cloud.google.com/firestore/docs/storage-size"""
    match value.WhichOneof("value_type"):
        case "string_value":
            return len(value.string_value.encode()) + 1
        case "bytes_value":
            return len(value.bytes_value)
        case "reference_value":
            return _name_size(value.reference_value)
        case "geo_point_value":
            return 16
        case "array_value":
            return sum(map(_size, value.array_value.values))
        case "map_value":
            return _fields_size(value.map_value.fields)
        case "null_value" | "boolean_value":
            return 1
    return 8
