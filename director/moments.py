"""Points in time as people write them on a command line: `2h` for two hours ago, or RFC 3339. PUBLIC, light."""

import re
from datetime import UTC, datetime

from director.durations import duration

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def moment(text: str, now: datetime) -> datetime:
    """`2h` is two hours before `now`; else RFC 3339 with a time zone, cut to microseconds. Raises ValueError."""
    try:
        if _RFC_3339.fullmatch(text):
            digits = re.sub(r"(\.\d{6})\d+", r"\1", text)
            return datetime.fromisoformat(digits.upper()).astimezone(UTC)
        return now - duration(text)
    except (ValueError, OverflowError) as error:
        advice = "write how long ago, such as 2h or 7d, or a time such as 2026-01-31T12:00:00Z"
        raise ValueError(f"{text[:40]!r} is no time; {advice}") from error
