"""Envelope -> row: the columns' values as protobuf bytes of a schema made of the columns. Pure.

Encoding is the job's hot path, so everything that does not depend on the message is done once: how a value is read, by
which conversion, and which Python type needs none. Constants are encoded once per batch and appended: serialised
protobufs may be concatenated.
"""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
from apache_beam.metrics import Metrics
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from beam_jobs.errors import CannotSucceed
from beam_jobs.stages import DETAILS
from beam_jobs.warehouse.config import Column
from beam_jobs.warehouse.origins import Facts, Get, grouped
from beam_jobs.warehouse.values import CONVERSIONS, Conversion, elements

log = logging.getLogger(__name__)

_F = descriptor_pb2.FieldDescriptorProto
_PROTO_TYPES = {
    **dict.fromkeys(("STRING", "JSON", "GEOGRAPHY", "DATETIME", "TIME", "NUMERIC", "BIGNUMERIC"), _F.TYPE_STRING),
    "INT64": _F.TYPE_INT64,
    "TIMESTAMP": _F.TYPE_INT64,
    "DATE": _F.TYPE_INT32,
    "FLOAT64": _F.TYPE_DOUBLE,
    "BOOL": _F.TYPE_BOOL,
    "BYTES": _F.TYPE_BYTES,
}
_LABELS = {"NULLABLE": _F.LABEL_OPTIONAL, "REQUIRED": _F.LABEL_REQUIRED, "REPEATED": _F.LABEL_REPEATED}
# What protobuf takes as it is. JSON text comes as the bytes of the payload; a float that JSON gave is finite.
_AS_IS = {"STRING": str, "INT64": int, "BOOL": bool, "BYTES": bytes, "JSON": bytes}
_INVALID = (TypeError, ValueError, OverflowError)
LOG_SECONDS = 60.0  # between two lines about values of one column that became null; the counter has them all
_quiet_until: dict[str, float] = {}
_LONGEST_VALUE = 100  # characters of a value, and of what is wrong with it, that an error shows


class RowEncoder:
    """Encodes rows of a fixed set of columns."""

    def __init__(self, columns: tuple[Column, ...]) -> None:
        self.descriptor = _descriptor(columns)
        self.row_class = _message_class(self.descriptor)
        self._constants = _Constants(self.row_class, [column for column in columns if _constant(column)])
        self._columns = {column.name: column for column in columns}
        self._groups = _groups([column for column in columns if not _constant(column)])

    def encode(self, raw: bytes, now: datetime) -> bytes:
        """The row of a serialised `PubsubMessage`. Raises CannotSucceed with column, value and reason."""
        facts = Facts(raw, now)
        values: dict[str, Any] = {}
        for getter, steps in self._groups:
            get = getter(facts)
            for name, key, as_is, convert, absent, column in steps:
                value = None
                try:
                    value = get(key)
                    if type(value) is as_is:
                        values[name] = value
                    elif value is not None:
                        values[name] = convert(value)
                    elif absent is not None:
                        values[name] = absent()
                except _INVALID as error:
                    _refuse(column, value, error)
        try:
            row = self.row_class(**values)
        except _INVALID:
            row = self._one_by_one(values)
        return row.SerializePartialToString() + self._constants.block(now)  # type: ignore[no-any-return]

    def _one_by_one(self, values: dict[str, Any]) -> Any:
        """A row of values one of which protobuf does not take: an integer beyond 64 bits, text that is no Unicode."""
        row = self.row_class()
        for name, value in values.items():
            try:
                row.MergeFrom(self.row_class(**{name: value}))
            except _INVALID as error:
                _refuse(self._columns[name], value, error)
        return row


# What is done for a column: its name, the key its value is got by, the Python type that needs no conversion, the
# conversion, and what to do without a value. A plain tuple: it is unpacked for every value.
_Step = tuple[str, Any, type | None, Conversion, Callable[[], Any] | None, Column]
Groups = list[tuple[Callable[[Facts], Get], list[_Step]]]


def _groups(columns: list[Column]) -> Groups:
    """Columns by where they are read from, each with what is done for it."""
    made: dict[str, tuple[Callable[[Facts], Get], list[_Step]]] = {}
    for column in columns:
        name, key, getter = grouped(column)
        step = column.name, key, _as_is(column), _conversion(column), _absent(column), column
        made.setdefault(name, (getter, []))[1].append(step)
    return list(made.values())


def _conversion(column: Column) -> Conversion:
    convert = CONVERSIONS[column.type]
    return (lambda value: elements(value, convert)) if column.mode == "REPEATED" else convert


def _as_is(column: Column) -> type | None:
    if column.mode == "REPEATED":
        return None
    if column.type == "FLOAT64" and all(origin.pointer is not None for origin in column.origins):
        return float
    return _AS_IS.get(column.type)


def _absent(column: Column) -> Callable[[], Any] | None:
    """What gives the value where there is none; None for nothing, which is null."""
    if column.without_value == "dead_letter":
        return lambda: _missing(column)
    if column.without_value == "default":
        value = column.constant(column.default)
        return lambda: value
    return None


def _missing(column: Column) -> None:
    what = "REQUIRED, and there is none" if column.mode == "REQUIRED" else "there is none"
    raise CannotSucceed(f"column {column.name}: {what}", "missing_value")


def _refuse(column: Column, value: Any, error: Exception) -> None:
    if column.on_invalid == "dead_letter":
        what = "" if value is None else f"{_shown(value)} is no {column.kind}: "
        raise CannotSucceed(f"column {column.name}: {what}{str(error)[:_LONGEST_VALUE]}", "invalid_value") from error
    Metrics.counter(DETAILS, "invalid_values_nulled").inc()
    if time.monotonic() >= _quiet_until.get(column.name, 0.0):
        _quiet_until[column.name] = time.monotonic() + LOG_SECONDS
        log.warning("column %s is null: %s is no %s: %s", column.name, _shown(value), column.kind, error)


def _shown(value: Any) -> str:
    try:
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
    except TypeError:
        text = type(value).__name__
    return repr(text[:_LONGEST_VALUE])


class _Constants:
    """The columns that are the same for all rows of a batch: literals, and the time of writing."""

    def __init__(self, row: Any, columns: list[Column]) -> None:
        self._row = row
        self._columns = columns
        self._made = (datetime.min.replace(tzinfo=UTC), b"")

    def block(self, now: datetime) -> bytes:
        made = self._made
        if made[0] is not now:
            self._made = made = now, self._encoded(now)
        return made[1]

    def _encoded(self, now: datetime) -> bytes:
        values = {
            column.name: column.constant(now if column.literal is None else column.literal) for column in self._columns
        }
        return self._row(**values).SerializePartialToString()  # type: ignore[no-any-return]


def _constant(column: Column) -> bool:
    return not column.first_of and (column.literal is not None or column.envelope == "now")


def _descriptor(columns: tuple[Column, ...]) -> Any:
    descriptor = descriptor_pb2.DescriptorProto(name="Row")
    for number, column in enumerate(columns, start=1):
        descriptor.field.add(
            name=column.name, number=number, type=_PROTO_TYPES[column.type], label=_LABELS[column.mode]
        )
    return descriptor


def _message_class(descriptor: Any) -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="row.proto", package="row", syntax="proto2")
    file.message_type.append(descriptor)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("row.Row"))
