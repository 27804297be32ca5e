"""How often a schedule comes, in a month."""

import re
from datetime import UTC, datetime, timedelta
from itertools import takewhile

from cronsim import CronSim

from director.documents.specs.scheduler import SchedulerJob
from director.estimate.units import SECONDS

_EVERY = re.compile(r"every (\d+) (minutes|mins|hours)", re.ASCII)
_FIRST = datetime(2025, 1, 1, tzinfo=UTC)
_FOUR_YEARS = timedelta(days=1461)
_MONTHS = 48  # in four years


def runs(job: SchedulerJob) -> float:
    """In a month on the average; of a paused job none. What a clock change does is not counted."""
    if job.paused:
        return 0.0
    every = _EVERY.fullmatch(job.schedule)
    if every:
        return SECONDS / (int(every[1]) * (3600 if every[2] == "hours" else 60))
    minute, hour, day, month, weekday = job.schedule.split(" ")
    days = _times(f"0 0 {day} {month} {weekday}", _FOUR_YEARS)
    return _times(f"{minute} {hour} * * *", timedelta(days=1)) * days / _MONTHS


def _times(cron: str, span: timedelta) -> int:
    """How often it comes, beginning with a midnight."""
    before = _FIRST - timedelta(seconds=1)
    return sum(1 for _ in takewhile(lambda moment: moment < _FIRST + span, CronSim(cron, before)))
