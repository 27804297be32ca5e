"""Rows sent as serialised protobufs (AppendRows): a message class made of the writer's schema, and its rows as columns.

A field that is not set is NULL, as in proto2. https://cloud.google.com/bigquery/docs/supported-data-types
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,
    message,
    message_factory,
    timestamp_pb2,
    wrappers_pb2,
)
from google.protobuf.unknown_fields import UnknownFieldSet

from localcloud.bigquery.conversions import Conversion, SchemaMismatch, conversion
from localcloud.bigquery.schema import Field, Schema, arrow_type

_WELL_KNOWN = (timestamp_pb2, duration_pb2, wrappers_pb2)
_ROW_FILE = "row.proto"


class BadRows(Exception):
    """Rows that cannot be stored: what is wrong with each, by index."""

    def __init__(self, errors: dict[int, str]) -> None:
        super().__init__(f"{len(errors)} bad rows")
        self.errors = errors


@dataclass(frozen=True, slots=True)
class _Column:
    """A field of the table, the member of the message that fills it, and how a value becomes what is stored."""

    field: Field
    member: str
    convert: Conversion | None
    path: str

    def value(self, row: Any) -> Any:
        """Raises ValueError for a value that does not fit, or is missing."""
        if self.field.repeated:
            elements = getattr(row, self.member)
            return [self.convert(each) for each in elements] if self.convert else list(elements)
        if not row.HasField(self.member):
            if self.field.required:
                raise ValueError(f"The required field {self.path} is missing")
            return None
        value = getattr(row, self.member)
        return self.convert(value) if self.convert else value

    def values(self, rows: list[Any]) -> list[Any]:
        """As `value` of each row; simple columns without a call per row."""
        member = self.member
        if self.field.repeated or self.field.required:
            return [self.value(row) for row in rows]
        if self.convert is None:
            return [getattr(row, member) if row.HasField(member) else None for row in rows]
        convert = self.convert
        return [convert(getattr(row, member)) if row.HasField(member) else None for row in rows]


class RowDecoder:
    """Decodes rows of one writer's schema for one table's schema.

    Raises SchemaMismatch if the two do not fit.
    """

    def __init__(self, descriptor: Any, schema: Schema) -> None:
        made = _message_descriptor(descriptor)
        self._columns = _columns(made, schema, "")
        self._message = message_factory.GetMessageClass(made)
        self._types = [arrow_type(column.field) for column in self._columns]

    def table(self, rows: Sequence[bytes]) -> pa.Table:
        """Columns the writer does not have are left out. Raises BadRows if any row is bad."""
        messages = self._messages(rows)
        try:
            arrays = [
                pa.array(column.values(messages), kind) for column, kind in zip(self._columns, self._types, strict=True)
            ]
        except ValueError as error:
            raise BadRows(self._errors(messages)) from error
        return pa.Table.from_arrays(arrays, names=[column.field.name for column in self._columns])

    def _messages(self, rows: Sequence[bytes]) -> list[Any]:
        parse, messages, errors = self._message.FromString, [], {}
        for index, row in enumerate(rows):
            try:
                parsed = parse(row)
            except message.DecodeError as error:
                errors[index] = f"Cannot parse the row with the given schema: {error}"
                continue
            if len(UnknownFieldSet(parsed)):
                errors[index] = f"The row has unknown fields: numbers {_unknown(parsed)} are not in the writer schema"
            messages.append(parsed)
        if errors:
            raise BadRows(errors)
        return messages

    def _errors(self, messages: list[Any]) -> dict[int, str]:
        errors = {}
        for index, row in enumerate(messages):
            try:
                for column, kind in zip(self._columns, self._types, strict=True):
                    pa.array([column.value(row)], kind)  # which also finds text that is not UTF-8
            except ValueError as error:
                errors[index] = str(error)
        return errors


def _unknown(row: Any) -> str:
    return ", ".join(sorted({str(field.field_number) for field in UnknownFieldSet(row)}))


def _message_descriptor(descriptor: Any) -> Any:
    pool = descriptor_pool.DescriptorPool()
    for module in _WELL_KNOWN:
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    file = descriptor_pb2.FileDescriptorProto(name=_ROW_FILE, syntax="proto2")
    file.dependency.extend(module.DESCRIPTOR.name for module in _WELL_KNOWN)
    file.message_type.add().CopyFrom(descriptor)
    try:
        pool.AddSerializedFile(file.SerializeToString())
        return pool.FindMessageTypeByName(descriptor.name)
    except (TypeError, KeyError) as error:
        raise SchemaMismatch(f"Invalid proto schema: {error}") from error


def _columns(made: Any, schema: Schema, path: str) -> list[_Column]:
    members = {member.name.lower(): member for member in made.fields}
    columns = [_column(each, members.pop(each.name.lower()), path) for each in schema if each.name.lower() in members]
    if members:
        names = ", ".join(f"'{path}{member.name}'" for member in members.values())
        raise SchemaMismatch(f"Input schema has more fields than BigQuery schema, extra fields: {names}", extra=True)
    _check_required(schema, columns, path)
    return columns


def _check_required(schema: Schema, columns: Iterable[_Column], path: str) -> None:
    given = {column.field.name for column in columns}
    missing = [each.name for each in schema if each.required and each.name not in given]
    if missing:
        raise SchemaMismatch(f"The required field {path}{missing[0]} is missing in the proto schema")


def _column(each: Field, member: Any, path: str) -> _Column:
    dotted = f"{path}{each.name}"
    if each.repeated != member.is_repeated:
        wanted, given = ("a repeated", "a single") if each.repeated else ("a single", "a repeated")
        raise SchemaMismatch(f"Field {dotted} of the table is {wanted} field but the proto has {given} field")
    if each.type == "RECORD":
        return _Column(each, member.name, _record(each, member, dotted), dotted)
    return _Column(each, member.name, conversion(each, member, dotted), dotted)


def _record(each: Field, member: Any, dotted: str) -> Callable[[Any], dict[str, Any]]:
    if member.message_type is None:
        raise SchemaMismatch(f"The proto field mismatched with BigQuery field at {dotted}: RECORD needs a message")
    columns = _columns(member.message_type, each.fields, f"{dotted}.")

    def values(row: Any) -> dict[str, Any]:
        if len(UnknownFieldSet(row)):
            raise ValueError(f"Field {dotted} has unknown fields: numbers {_unknown(row)} are not in the writer schema")
        return {column.field.name: column.value(row) for column in columns}

    return values
