"""How often a schedule comes."""

import pytest

from director.documents.specs.scheduler import SchedulerJob
from director.estimate.schedules import runs
from director.strict import parse


def job(schedule: str, **more: object) -> SchedulerJob:
    return parse({"name": "tick", "schedule": schedule, "topic": "ticks", "data": "x", **more}, SchedulerJob)


@pytest.mark.parametrize(
    ("schedule", "often"),
    [
        ("every 1 minutes", 730 * 60),
        ("every 2 hours", 365),
        ("* * * * *", 1461 / 48 * 1440),
        ("*/15 8-17 * * *", 1461 / 48 * 40),
        ("0 3 1 * *", 1),
        ("0 3 1,15 1 *", 2 / 12),
        ("30 2 29 2 *", 1 / 48),
        ("0 0 * * 1", 208 / 48),  # Mondays from 2025 to 2028
    ],
)
def test_runs_are_counted_over_four_years(schedule: str, often: float) -> None:
    assert runs(job(schedule)) == pytest.approx(often)


def test_a_paused_job_never_runs() -> None:
    assert runs(job("* * * * *", paused=True)) == 0
