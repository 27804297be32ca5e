"""BigQuery's text forms of times, numbers and JSON, to and from what is stored.

Stored are: TIMESTAMP and DATETIME as microseconds since 1970, DATE as days since 1970, TIME as microseconds of the day,
NUMERIC as Decimal with nine decimal places, JSON as compact text.
https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

SECOND = 1_000_000
DAY = 86_400 * SECOND
EPOCH_DAY = date(1970, 1, 1).toordinal()
FIRST_DAY, LAST_DAY = -719_162, 2_932_896  # 0001-01-01 and 9999-12-31
FIRST_MICROS, LAST_MICROS = FIRST_DAY * DAY, (LAST_DAY + 1) * DAY - 1
LARGEST_NUMERIC = Decimal("99999999999999999999999999999.999999999")

_NUMERIC = Context(prec=60, rounding=ROUND_HALF_UP)
_NINE_PLACES = Decimal("0.000000001")
_DATE = r"(\d{4})-(\d{1,2})-(\d{1,2})"
_TIME = r"(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{0,9}))?"
_ZONE = r"\s*(Z|z|[+-]\d{1,2}(?::?\d{2})?|[A-Za-z][\w+-]*(?:/[\w+-]+)*)?"
_DATE_ONLY = re.compile(rf"\s*{_DATE}\s*")
_TIME_ONLY = re.compile(rf"\s*{_TIME}\s*")
_DATETIME = re.compile(rf"\s*{_DATE}(?:(?:[Tt]|\s+){_TIME})?\s*")
_TIMESTAMP = re.compile(rf"\s*{_DATE}(?:(?:[Tt]|\s+){_TIME})?{_ZONE}\s*")


def date_days(text: str) -> int:
    """Raises ValueError for what is no date."""
    match = _DATE_ONLY.fullmatch(text)
    if not match:
        raise ValueError(f"Invalid date: '{text}'")
    return _ordinal(match, text) - EPOCH_DAY


def time_micros(text: str) -> int:
    """Raises ValueError for what is no time of day."""
    match = _TIME_ONLY.fullmatch(text)
    if not match:
        raise ValueError(f'Invalid time string "{text}"')
    return _day_micros(match, 1, text)


def datetime_micros(text: str) -> int:
    """Raises ValueError for what is no DATETIME."""
    match = _DATETIME.fullmatch(text)
    if not match:
        raise ValueError(f'Invalid datetime string "{text}"')
    return (_ordinal(match, text) - EPOCH_DAY) * DAY + _day_micros(match, 4, text)


def timestamp_micros(text: str) -> int:
    """A timestamp without a zone is in UTC. Raises ValueError for what is no timestamp."""
    match = _TIMESTAMP.fullmatch(text)
    if not match:
        raise ValueError(f"Invalid timestamp: '{text}'")
    local = (_ordinal(match, text) - EPOCH_DAY) * DAY + _day_micros(match, 4, text)
    return in_range(local - _offset_micros(match[8], local, text))


def in_range(micros: int) -> int:
    """Raises ValueError for a time outside of the years 1 to 9999."""
    if not FIRST_MICROS <= micros <= LAST_MICROS:
        raise ValueError(f"Timestamp value is out of range: {micros}")
    return micros


def _ordinal(match: re.Match[str], text: str) -> int:
    try:
        return date(int(match[1]), int(match[2]), int(match[3])).toordinal()
    except ValueError as error:
        raise ValueError(f"Invalid date in '{text}': {error}") from error


def _day_micros(match: re.Match[str], first: int, text: str) -> int:
    if match[first] is None:
        return 0
    hour, minute, second = int(match[first]), int(match[first + 1]), int(match[first + 2])
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError(f"Invalid time of day in '{text}'")
    fraction = int((match[first + 3] or "").ljust(6, "0")[:6])
    return ((hour * 60 + minute) * 60 + second) * SECOND + fraction


def _offset_micros(zone: str | None, local: int, text: str) -> int:
    if zone is None or zone in ("Z", "z", "UTC"):
        return 0
    wall = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=local)
    offset = wall.replace(tzinfo=_zone(zone, text)).utcoffset()
    return (offset or timedelta(0)) // timedelta(microseconds=1)


def _zone(zone: str, text: str) -> tzinfo:
    if zone[0] in "+-":
        digits = zone[1:].replace(":", "")
        hours, minutes = (digits[:-2], digits[-2:]) if len(digits) > 2 else (digits, "0")
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        return timezone(-offset if zone[0] == "-" else offset)
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"Invalid time zone in '{text}': {zone}") from error


def date_text(days: int) -> str:
    return date.fromordinal(days + EPOCH_DAY).isoformat()


def time_text(micros: int) -> str:
    """`HH:MM:SS`, with six decimals when there are any."""
    seconds, fraction = divmod(micros, SECOND)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02}:{minute:02}:{second:02}" + (f".{fraction:06}" if fraction else "")


def datetime_text(micros: int) -> str:
    days, rest = divmod(micros, DAY)
    return f"{date_text(days)}T{time_text(rest)}"


def timestamp_text(micros: int) -> str:
    """As SQL literals have it: `2024-01-02 03:04:05+00`."""
    days, rest = divmod(micros, DAY)
    return f"{date_text(days)} {time_text(rest)}+00"


def now_micros(seconds: float) -> int:
    return int(datetime.fromtimestamp(seconds, UTC).timestamp() * SECOND)


def numeric(value: str | int | float | Decimal) -> Decimal:
    """Rounded half away from zero to nine places. Raises ValueError for what is no NUMERIC."""
    try:
        number = Decimal(repr(value) if isinstance(value, float) else value).quantize(_NINE_PLACES, context=_NUMERIC)
    except InvalidOperation as error:
        raise ValueError(f"Invalid NUMERIC value: {value}") from error
    if not number.is_finite() or abs(number) > LARGEST_NUMERIC:
        raise ValueError(f"Invalid NUMERIC value: {value}")
    return number


def numeric_text(number: Decimal) -> str:
    """Without trailing zeros and without an exponent."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def json_text(text: str | bytes) -> str:
    """JSON as it is stored: compact. Raises ValueError for what is no JSON."""
    return orjson.dumps(json_value(text)).decode()


def json_value(text: str | bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"Invalid JSON: {error}") from error
