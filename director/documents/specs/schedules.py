"""When a Cloud Scheduler job runs: unix-cron, or `every N minutes`; checked before Cloud Scheduler would.

Source: https://cloud.google.com/scheduler/docs/configuring/cron-job-schedules. What that calls the alternative format
is taken as far as it can be checked here.
"""

import re
from datetime import UTC, datetime
from functools import cache
from zoneinfo import available_timezones

from cronsim import CronSim, CronSimError

from director.strict import similar

_FIELDS = {
    "minute": r"\d{1,2}",
    "hour": r"\d{1,2}",
    "day of the month": r"\d{1,2}",
    "month": r"\d{1,2}|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC",
    "day of the week": r"[0-7]|SUN|MON|TUE|WED|THU|FRI|SAT",
}
_EVERY = re.compile(r"every (\d{1,4}) (minutes|mins|hours)", re.ASCII)
_LONGEST = {"minutes": 1440, "mins": 1440, "hours": 24}
_LEAP_CYCLE = datetime(2096, 1, 1, tzinfo=UTC)  # after it the next 29 February is eight years away


def schedule(text: str) -> str:
    """Raises ValueError for what Cloud Scheduler does not take, or what never comes."""
    every = _EVERY.fullmatch(text)
    if every:
        if not 1 <= int(every[1]) <= _LONGEST[every[2]]:
            raise ValueError(f"{text!r} is not within a day; write it as cron, such as '0 3 * * *'")
        return text
    parts = text.split(" ")
    if len(parts) != len(_FIELDS):
        raise ValueError(
            f"{text[:80]!r} is no schedule; write five cron fields such as '*/5 * * * *', or 'every N minutes'"
        )
    for (name, value), part in zip(_FIELDS.items(), parts, strict=True):
        if not _field(value).fullmatch(part):
            raise ValueError(
                f"{part[:40]!r} is no {name} of cron; write numbers, *, lists, ranges, or steps such as */5"
            )
    try:
        next(CronSim(text, _LEAP_CYCLE))
    except CronSimError as error:
        raise ValueError(f"{text!r} is no schedule: {error}; correct it") from error
    except StopIteration as error:
        raise ValueError(f"{text!r} never comes; correct it") from error
    return text


def time_zone(text: str) -> str:
    """Raises ValueError for what is no zone of the tz database. UTC needs none on this machine."""
    if text in ("UTC", "Etc/UTC"):
        return text
    known = zones()
    if not known:
        raise ValueError(f"{text!r} cannot be checked: this machine has no tz database; install tzdata")
    if text not in known:
        advice = similar(text, known)
        advice = advice if advice.startswith("did you mean") else "write one such as Europe/Berlin"
        raise ValueError(f"{text[:80]!r} is no time zone; {advice}")
    return text


@cache
def zones() -> frozenset[str]:
    """Those of this machine; none where it has no tz database."""
    return frozenset(available_timezones())


def _field(value: str) -> re.Pattern[str]:
    one = rf"(\*|({value})-({value}))(/[1-9]\d?)?|({value})"
    return re.compile(rf"({one})(,({one}))*", re.ASCII)
