"""Rows sent as Arrow record batches (AppendRows): checked against the schema, and in the types that are stored.

https://cloud.google.com/bigquery/docs/supported-data-types#supported_apache_arrow_data_types
"""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from localcloud.bigquery.conversions import SchemaMismatch
from localcloud.bigquery.literals import FIRST_MICROS, LAST_MICROS, json_text
from localcloud.bigquery.protos import BadRows
from localcloud.bigquery.rows import check_length, check_precision
from localcloud.bigquery.schema import Field, Schema, arrow_type


class BatchDecoder:
    """Decodes batches of one writer's schema for one table's schema.

    Raises SchemaMismatch if the two do not fit.
    """

    def __init__(self, serialized_schema: bytes, schema: Schema) -> None:
        try:
            self._written = pa.ipc.read_schema(pa.py_buffer(serialized_schema))
        except (pa.ArrowInvalid, OSError) as error:
            raise SchemaMismatch(f"Invalid Arrow schema: {error}") from error
        fields = {each.name.lower(): each for each in schema}
        extra = [name for name in self._written.names if name.lower() not in fields]
        if extra:
            names = ", ".join(f"'{name}'" for name in extra)
            raise SchemaMismatch(
                f"Input schema has more fields than BigQuery schema, extra fields: {names}", extra=True
            )
        self._fields = [fields[name.lower()] for name in self._written.names]
        for given, each in zip(self._written, self._fields, strict=True):
            _check_type(given.type, each)
        missing = [each.name for each in schema if each.required and each not in self._fields]
        if missing:
            raise SchemaMismatch(f"The required field {missing[0]} is missing in the Arrow schema")

    def table(self, batch: bytes) -> pa.Table:
        """Raises BadRows if any row is bad."""
        try:
            rows = pa.ipc.read_record_batch(pa.py_buffer(batch), self._written)
        except (pa.ArrowInvalid, OSError) as error:
            raise BadRows({0: f"Cannot read the record batch: {error}"}) from error
        errors: dict[int, str] = {}
        columns = [_stored(column, each, errors) for column, each in zip(rows.columns, self._fields, strict=True)]
        if errors:
            raise BadRows(errors)
        return pa.Table.from_arrays(columns, names=[each.name for each in self._fields])


def _check_type(given: Any, each: Field) -> None:
    wanted = arrow_type(each)
    if given != wanted and not any(is_kind(given) and is_kind(wanted) for is_kind in _KINDS):
        raise SchemaMismatch(
            f"The Arrow field mismatched with BigQuery field at {each.name}, the Arrow type {given}, "
            f"BigQuery field type {each.type}"
        )


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_binary(kind: Any) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_zoned(kind: Any) -> bool:
    return bool(pa.types.is_timestamp(kind) and kind.tz)


def _is_local(kind: Any) -> bool:
    return bool(pa.types.is_timestamp(kind) and not kind.tz)


_KINDS = (
    _is_text, _is_binary, _is_zoned, _is_local, pa.types.is_signed_integer, pa.types.is_floating, pa.types.is_time,
    pa.types.is_decimal, pa.types.is_date,
)  # fmt: skip


def _stored(column: Any, each: Field, errors: dict[int, str]) -> Any:
    if each.required and column.null_count:
        missing = pc.indices_nonzero(column.is_null()).to_pylist()
        errors.update(dict.fromkeys(missing, f"The required field {each.name} is missing"))
    if each.type == "JSON" or each.max_length is not None or each.precision is not None:
        return _one_by_one(column, each, errors)
    try:
        stored = column.cast(arrow_type(each))
    except pa.ArrowInvalid as error:
        raise BadRows({0: f"Field {each.name}: {error}"}) from error
    if each.type in ("TIMESTAMP", "DATETIME") and not each.repeated:
        _check_range(stored, each, errors)
    return stored


def _one_by_one(column: Any, each: Field, errors: dict[int, str]) -> Any:
    if each.repeated:
        raise BadRows({0: f"Field {each.name}: a repeated {each.type} cannot be checked in Arrow rows"})
    values: list[Any] = []
    for index, value in enumerate(column.to_pylist()):
        try:
            values.append(None if value is None else _checked(each, value))
        except ValueError as error:
            errors[index] = str(error)
            values.append(None)
    return pa.array(values, arrow_type(each))


def _checked(each: Field, value: Any) -> Any:
    if each.type == "JSON":
        return json_text(value)
    if each.type == "NUMERIC":
        return check_precision(each, value)
    check_length(each, len(value))
    return value


def _check_range(column: Any, each: Field, errors: dict[int, str]) -> None:
    micros = column.cast(pa.int64())
    outside = pc.or_(pc.less(micros, FIRST_MICROS), pc.greater(micros, LAST_MICROS)).fill_null(False)
    for index in pc.indices_nonzero(outside).to_pylist():
        errors[index] = f"{each.type.capitalize()} value of field {each.name} is out of range: {micros[index]}"
