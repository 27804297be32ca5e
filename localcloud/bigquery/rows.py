"""Rows sent as JSON (tabledata.insertAll): checked against the schema and turned into what is stored.

https://cloud.google.com/bigquery/docs/reference/rest/v2/tabledata/insertAll
"""

import binascii
import math
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from localcloud.bigquery.literals import (
    SECOND,
    date_days,
    datetime_micros,
    in_range,
    json_text,
    numeric,
    time_micros,
    timestamp_micros,
)
from localcloud.bigquery.schema import Field, Schema, arrow_type

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RowError:
    """Why one row was not taken, and the path of the field that is to blame."""

    location: str
    message: str
    reason: str = "invalid"

    def resource(self) -> dict[str, str]:
        return {"reason": self.reason, "location": self.location, "debugInfo": "", "message": self.message}


class BadValue(Exception):
    """A value that does not fit its field."""

    def __init__(self, location: str, message: str) -> None:
        super().__init__(message)
        self.error = RowError(location, message)


def checked(schema: Schema, rows: Sequence[Any], ignore_unknown: bool) -> tuple[list[Values], dict[int, RowError]]:
    """Stored values of the good rows, and what is wrong with the others, by index."""
    good, errors = [], {}
    for index, row in enumerate(rows):
        try:
            good.append(_members(schema, row, "", ignore_unknown))
        except BadValue as bad:
            errors[index] = bad.error
    return good, errors


def columns(schema: Schema, rows: Sequence[Values]) -> pa.Table:
    """The Arrow table of checked rows."""
    arrays = [pa.array([row[each.name] for row in rows], arrow_type(each)) for each in schema]
    return pa.Table.from_arrays(arrays, names=[each.name for each in schema])


def check_length(each: Field, length: int) -> None:
    """Raises ValueError for text or bytes longer than the field allows."""
    if each.max_length is not None and length > each.max_length:
        raise ValueError(
            f"Field {each.name}: {each.type}({each.max_length}) has maximum length {each.max_length} "
            f"but got a value with length {length}"
        )


def check_precision(each: Field, value: Any) -> Any:
    """A NUMERIC rounded to the field's scale. Raises ValueError if it has too many digits."""
    if each.precision is None:
        return value
    scale = each.scale or 0
    rounded = numeric(round(value, scale))
    if abs(rounded) >= 10 ** (each.precision - scale):
        raise ValueError(f"Field {each.name}: NUMERIC({each.precision}, {scale}) is too small for {value}")
    return rounded


def _members(schema: Schema, value: Any, path: str, ignore_unknown: bool) -> Values:
    if not isinstance(value, Mapping):
        raise BadValue(path.rstrip("."), f"This field: {path.rstrip('.') or 'row'} is not a record.")
    given = {str(key).lower(): each for key, each in value.items()}
    values = {each.name: _value(each, given.pop(each.name.lower(), None), path, ignore_unknown) for each in schema}
    if given and not ignore_unknown:
        unknown = next(str(key) for key in value if str(key).lower() in given)
        raise BadValue(f"{path}{unknown}", f"no such field: {path}{unknown}.")
    return values


def _value(each: Field, value: Any, path: str, ignore_unknown: bool) -> Any:
    if each.repeated:
        return _elements(each, value, path, ignore_unknown)
    if value is None:
        if each.required:
            raise BadValue(path + each.name, f"Missing required field: Msg_0_CLOUD_QUERY_TABLE.{path}{each.name}.")
        return None
    if isinstance(value, list):
        raise BadValue(path + each.name, f"Array specified for non-repeated field: {path}{each.name}.")
    return _one(each, value, path, ignore_unknown)


def _elements(each: Field, value: Any, path: str, ignore_unknown: bool) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        message = f"Repeated field must be imported as a JSON array. Field: {path}{each.name}."
        raise BadValue(path + each.name, message)
    if None in value:
        raise BadValue(
            path + each.name, f"Only optional fields can be set to NULL. Field: {path}{each.name}; Value: NULL"
        )
    return [_one(each, element, path, ignore_unknown) for element in value]


def _one(each: Field, value: Any, path: str, ignore_unknown: bool) -> Any:
    if each.type == "RECORD":
        return _members(each.fields, value, f"{path}{each.name}.", ignore_unknown)
    if isinstance(value, Mapping | list):
        raise BadValue(path + each.name, f"This field: {path}{each.name} is not a record.")
    try:
        return _CONVERSIONS[each.type](each, value)
    except ValueError as error:
        raise BadValue(path + each.name, str(error)) from error


def _string(each: Field, value: Any) -> str:
    text = value if isinstance(value, str) else _json_scalar(value)
    check_length(each, len(text))
    return text


def _json_scalar(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _bytes(each: Field, value: Any) -> bytes:
    try:
        content = b64decode(value, validate=True)
    except (TypeError, binascii.Error) as error:
        raise ValueError(f"Could not decode base64 string to bytes. Field: {each.name}; Value: {value}") from error
    check_length(each, len(content))
    return content


def _integer(each: Field, value: Any) -> int:
    refusal = ValueError(f"Cannot convert value to integer (bad value): {value}")
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise refusal
    try:
        number = int(value)
    except (ValueError, OverflowError):
        raise refusal from None
    if not -(2**63) <= number < 2**63:
        raise refusal
    return number


def _float(each: Field, value: Any) -> float:
    if isinstance(value, bool):
        raise ValueError(f"Cannot convert value to floating point (bad value): {value}")
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"Cannot convert value to floating point (bad value): {value}") from None


def _boolean(each: Field, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise ValueError(f"Cannot convert value to boolean (bad value): {value}")


def _timestamp(each: Field, value: Any) -> int:
    """Text, or seconds since 1970."""
    if isinstance(value, bool):
        raise ValueError(f"Could not parse '{value}' as a timestamp")
    if isinstance(value, str):
        return timestamp_micros(value)
    if not math.isfinite(value):
        raise ValueError(f"Could not parse '{value}' as a timestamp")
    return in_range(round(value * SECOND))


def _numeric(each: Field, value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(f"Invalid NUMERIC value: {value}")
    return check_precision(each, numeric(value))


def _json(each: Field, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"Field {each.name} takes JSON as a string, not {value}")
    return json_text(value)


def _text_only(convert: Callable[[str], int]) -> Callable[[Field, Any], int]:
    def converted(each: Field, value: Any) -> int:
        if not isinstance(value, str):
            raise ValueError(f"Could not parse '{value}' as {each.type} for field {each.name}")
        return convert(value)

    return converted


_CONVERSIONS: dict[str, Callable[[Field, Any], Any]] = {
    "STRING": _string,
    "BYTES": _bytes,
    "INTEGER": _integer,
    "FLOAT": _float,
    "BOOLEAN": _boolean,
    "TIMESTAMP": _timestamp,
    "DATE": _text_only(date_days),
    "TIME": _text_only(time_micros),
    "DATETIME": _text_only(datetime_micros),
    "NUMERIC": _numeric,
    "JSON": _json,
}
