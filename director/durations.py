"""Lengths of time as people write them: `7d`, `10m`, `1h30m`, `250ms`. Light."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, PlainSerializer, PlainValidator, WithJsonSchema

PATTERN = r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d{1,6})?)s)?(?:(\d+)ms)?"
_DURATION = re.compile(PATTERN, re.ASCII)
_UNITS = ("weeks", "days", "hours", "minutes", "seconds", "milliseconds")


def duration(value: object) -> timedelta:
    """`7d`, `10m`, `1h30m`, `0.5s`, `250ms`. Raises ValueError for anything else, bare numbers included."""
    if isinstance(value, timedelta):
        return value
    found = _DURATION.fullmatch(value) if isinstance(value, str) and len(value) <= 40 else None
    if not found or not any(found.groups()):
        raise ValueError(f"is {str(value)[:40]!r}; write a duration with its unit, such as 7d, 10m, 1h30m or 250ms")
    try:
        return timedelta(**{unit: float(part) for unit, part in zip(_UNITS, found.groups(), strict=True) if part})
    except OverflowError as error:
        raise ValueError(f"is {value!r}; a shorter duration is needed") from error


def written(value: timedelta) -> str:
    """The shortest text that `duration` reads as `value`."""
    left, text = value // timedelta(microseconds=1), ""
    for unit, size in (("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000)):
        count, left = divmod(left, size)
        text += f"{count}{unit}" if count else ""
    seconds = f"{left / 1_000_000:.6f}".rstrip("0").rstrip(".")
    return text + (f"{seconds}s" if left or not text else "")


def milliseconds(value: timedelta | None) -> int | None:
    """For services that count them."""
    return None if value is None else value // timedelta(milliseconds=1)


Duration = Annotated[
    timedelta,
    PlainValidator(duration),
    PlainSerializer(written, return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^{PATTERN}$"}),
]


def between(least: str, most: str) -> AfterValidator:
    """A bound for durations: `Annotated[Duration, between("10m", "31d")]`."""
    low, high = duration(least), duration(most)

    def bounded(value: timedelta) -> timedelta:
        if not low <= value <= high:
            raise ValueError(f"is {written(value)}; from {least} to {most} is allowed")
        return value

    return AfterValidator(bounded)
