"""Values as BigQuery's Storage Write API takes them, by type of column. Pure; TypeError or ValueError says why not.

Protobuf types follow https://cloud.google.com/bigquery/docs/supported-data-types: TIMESTAMP is microseconds and DATE
days since 1970; DATETIME, TIME, NUMERIC, BIGNUMERIC, GEOGRAPHY and JSON are text.
"""

import base64
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any, Literal

import orjson

ColumnType = Literal[
    "STRING", "INT64", "FLOAT64", "NUMERIC", "BIGNUMERIC", "BOOL", "TIMESTAMP", "DATE", "DATETIME", "TIME", "BYTES",
    "JSON", "GEOGRAPHY",
]  # fmt: skip
Conversion = Callable[[Any], Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_EPOCH_DAY = _EPOCH.toordinal()
_FIRST_MICROSECOND, _LAST_MICROSECOND = -62_135_596_800_000_000, 253_402_300_799_999_999  # years 1 to 9999
_DECIMALS = Context(prec=100)
_DIGITS = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def converted(kind: ColumnType, value: Any) -> Any:
    """`value` as a column of type `kind` holds it. Raises TypeError or ValueError."""
    return CONVERSIONS[kind](value)


def elements(value: Any, convert: Conversion) -> list[Any]:
    """A list for a REPEATED column; text is read as a JSON array, as attributes hold lists."""
    if isinstance(value, str):
        value = orjson.loads(value)
    if not isinstance(value, list | tuple):
        raise TypeError("no list")
    if any(one is None for one in value):
        raise ValueError("a list with null in it")
    return [convert(one) for one in value]


def _string(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool | int | float | dict | list):
        return orjson.dumps(value).decode()
    raise TypeError("no text")


def _int64(value: Any) -> int:
    number = value if isinstance(value, int) and not isinstance(value, bool) else _whole(value)
    if not -(1 << 63) <= number < 1 << 63:
        raise ValueError("outside 64 bits")
    return number


def _whole(value: Any) -> int:
    if isinstance(value, str):
        return int(_number(value))
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise TypeError("no whole number")


def _float64(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError("no number")
    try:
        number = float(_number(value) if isinstance(value, str) else value)
    except OverflowError as error:
        raise ValueError("larger than a FLOAT64") from error
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number


def _number(text: str) -> str:
    """`text`, if it is a number as JSON and people write them; Python takes underscores and spaces as well."""
    if not _DIGITS.fullmatch(text):
        raise ValueError("no number")
    return text


def _decimal(whole_digits: int, places: int) -> Conversion:
    """Digits as text, rounded half away from zero as BigQuery does."""
    unit, limit = Decimal(1).scaleb(-places), Decimal(10) ** whole_digits

    def convert(value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise TypeError("no number")
        try:
            number = Decimal(_number(value) if isinstance(value, str) else str(value))
        except InvalidOperation as error:
            raise ValueError("no number") from error
        if not number.is_finite() or number.copy_abs() >= limit:
            raise ValueError(f"not finite, or more than {whole_digits} digits before the point")
        rounded = number.quantize(unit, ROUND_HALF_UP, _DECIMALS)
        if rounded.copy_abs() >= limit:
            raise ValueError(f"rounded, it has more than {whole_digits} digits before the point")
        return format(rounded, "f")

    return convert


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in ("true", "false"):
        return value == "true"
    raise TypeError("neither true nor false")


def _timestamp(value: Any) -> int:
    """Numbers are Unix seconds, text is RFC 3339."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
        if value.tzinfo is None:
            raise ValueError("no time zone")
    moment = isinstance(value, datetime)
    micros = (value - _EPOCH) // _MICROSECOND if moment else round(_float64(value) * 1_000_000)
    if not _FIRST_MICROSECOND <= micros <= _LAST_MICROSECOND:
        raise ValueError("outside the years 1 to 9999, in seconds")
    return micros


def _date(value: Any) -> int:
    """Text is a date, or a time whose date in UTC is meant."""
    if isinstance(value, str):
        value = _civil(value) if len(value) > 10 else date.fromisoformat(value)
    if not isinstance(value, date):
        raise TypeError("no date")
    return (_in_utc(value) if isinstance(value, datetime) else value).toordinal() - _EPOCH_DAY


def _datetime(value: Any) -> str:
    """A time with a zone is turned to UTC."""
    if isinstance(value, str):
        value = _civil(value)
    if not isinstance(value, datetime):
        raise TypeError("no date and time")
    return _in_utc(value).isoformat(" ", "microseconds")[:26]


def _civil(text: str) -> datetime:
    return _in_utc(datetime.fromisoformat(text))


def _in_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        return value
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("outside the years 1 to 9999") from error


def _time(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    parsed = time.fromisoformat(value)
    if parsed.tzinfo is not None:
        raise ValueError("a time of day with a zone")
    return parsed.isoformat("microseconds")


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return base64.b64decode(value, validate=True)
    raise TypeError("no base64 text")


def _json(value: Any) -> bytes:
    """As UTF-8, which protobuf takes for text."""
    return orjson.dumps(value)


def _geography(value: Any) -> str | bytes:
    """WKT as text, or a GeoJSON object."""
    if isinstance(value, dict):
        return _json(value)
    if isinstance(value, str):
        return value
    raise TypeError("neither WKT nor GeoJSON")


CONVERSIONS: Mapping[str, Conversion] = {
    "STRING": _string,
    "INT64": _int64,
    "FLOAT64": _float64,
    "NUMERIC": _decimal(29, 9),
    "BIGNUMERIC": _decimal(38, 38),
    "BOOL": _bool,
    "TIMESTAMP": _timestamp,
    "DATE": _date,
    "DATETIME": _datetime,
    "TIME": _time,
    "BYTES": _bytes,
    "JSON": _json,
    "GEOGRAPHY": _geography,
}
