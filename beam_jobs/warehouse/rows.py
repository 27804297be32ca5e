"""Envelope -> row: columns from attributes, payload and envelope, as protobuf bytes of a schema made of them. Pure.

Types follow BigQuery's mapping for the Storage Write API
(https://cloud.google.com/bigquery/docs/supported-data-types): TIMESTAMP as int64 microseconds, JSON as text.
"""

import base64
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from beam_jobs.errors import CannotSucceed
from beam_jobs.warehouse.config import Column
from bridge import envelope
from director.fields import pointer_parts

_F = descriptor_pb2.FieldDescriptorProto
_PROTO_TYPES = {
    "STRING": _F.TYPE_STRING,
    "INT64": _F.TYPE_INT64,
    "FLOAT64": _F.TYPE_DOUBLE,
    "BOOL": _F.TYPE_BOOL,
    "TIMESTAMP": _F.TYPE_INT64,
    "BYTES": _F.TYPE_BYTES,
    "JSON": _F.TYPE_STRING,
}
_NO_DOCUMENT = object()
_INT64 = range(-(2**63), 2**63)


class RowEncoder:
    """Encodes rows of a fixed set of columns."""

    def __init__(self, columns: tuple[Column, ...]) -> None:
        self.descriptor = _descriptor(columns)
        self._row = _message_class(self.descriptor)
        self._columns = [(column, _origin(column), _CONVERSIONS[column.type]) for column in columns]
        self._parses_payload = any(column.pointer is not None or column.envelope == "payload" for column in columns)

    def encode(self, message: Any, now: datetime) -> bytes:
        """The row of a `PubsubMessage`. Raises CannotSucceed with column, value and reason."""
        facts = _Facts(message, _document(message.data) if self._parses_payload else _NO_DOCUMENT, now)
        values: dict[str, Any] = {}
        for column, origin, convert in self._columns:
            value = origin(facts)
            if value is None:
                if column.mode == "REQUIRED":
                    raise CannotSucceed(f"column {column.name}: REQUIRED, and there is none", "missing_value")
                continue
            try:
                values[column.name] = convert(value)
            except (TypeError, ValueError, OverflowError) as error:
                reason = f"column {column.name}: {str(value)[:100]!r} is no {column.type}: {error}"
                raise CannotSucceed(reason, "invalid_value") from error
        return self._row(**values).SerializeToString()  # type: ignore[no-any-return]


class _Facts:
    """What columns can come from."""

    __slots__ = ("document", "message", "now")

    def __init__(self, message: Any, document: Any, now: datetime) -> None:
        self.message = message
        self.document = document
        self.now = now


def _origin(column: Column) -> Callable[[_Facts], Any]:
    """How a column's value is read; None where there is none."""
    if column.attribute is not None:
        name = column.attribute
        return lambda facts: facts.message.attributes.get(name)
    if column.pointer is not None:
        parts = pointer_parts(column.pointer)
        return lambda facts: _pointed(facts.document, parts)
    if column.envelope is not None:
        return _ENVELOPE_PARTS[column.envelope]
    return lambda facts: column.literal


_ENVELOPE_PARTS: Mapping[str, Callable[[_Facts], Any]] = {
    "attributes": lambda facts: dict(facts.message.attributes),
    "payload": lambda facts: _base64(facts.message.data) if facts.document is _NO_DOCUMENT else facts.document,
    "publish_time": lambda facts: facts.message.publish_time.ToDatetime(tzinfo=UTC),
    "message_id": lambda facts: facts.message.message_id,
    "now": lambda facts: facts.now,
}


def _pointed(document: Any, parts: Sequence[str]) -> Any:
    """What a JSON pointer's parts lead to, or None."""
    for part in parts:
        if type(document) is dict:
            document = document.get(part)
        elif type(document) is list and part.isdecimal() and int(part) < len(document):
            document = document[int(part)]
        else:
            return None
    return None if document is _NO_DOCUMENT else document


def _base64(payload: bytes) -> str:
    return base64.b64encode(payload).decode()


def _document(payload: bytes) -> Any:
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return _NO_DOCUMENT


def _string(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float | dict | list):
        return orjson.dumps(value).decode()
    raise TypeError("no text")


def _int64(value: Any) -> int:
    number = value if isinstance(value, int) and not isinstance(value, bool) else _whole(value)
    if number not in _INT64:
        raise OverflowError("outside 64 bits")
    return number


def _whole(value: Any) -> int:
    if isinstance(value, str):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise TypeError("no whole number")


def _float64(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError("no number")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise TypeError("neither true nor false")


def _timestamp(value: Any) -> int:
    """Microseconds since 1970; numbers are Unix seconds, text is RFC 3339."""
    if isinstance(value, str):
        value = envelope.moment(value)
    if isinstance(value, datetime):
        since = value - _EPOCH
        return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    micros = round(_float64(value) * 1_000_000)
    if micros not in _TIMES:
        raise OverflowError("outside the years 1 to 9999, in seconds")
    return micros


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMES = range(-62_135_596_800_000_000, 253_402_300_800_000_000)  # microseconds, what BigQuery's TIMESTAMP holds


def _bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return base64.b64decode(value, validate=True)
    raise TypeError("no base64 text")


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


_CONVERSIONS: Mapping[str, Callable[[Any], Any]] = {
    "STRING": _string,
    "INT64": _int64,
    "FLOAT64": _float64,
    "BOOL": _bool,
    "TIMESTAMP": _timestamp,
    "BYTES": _bytes,
    "JSON": _json,
}


def _descriptor(columns: tuple[Column, ...]) -> Any:
    descriptor = descriptor_pb2.DescriptorProto(name="Row")
    for number, column in enumerate(columns, start=1):
        label = _F.LABEL_REQUIRED if column.mode == "REQUIRED" else _F.LABEL_OPTIONAL
        descriptor.field.add(name=column.name, number=number, type=_PROTO_TYPES[column.type], label=label)
    return descriptor


def _message_class(descriptor: Any) -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="row.proto", package="row", syntax="proto2")
    file.message_type.append(descriptor)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("row.Row"))
