"""Schedules that Cloud Scheduler takes, and what is said of those it does not."""

import pytest

from director.documents.specs import schedules
from director.documents.specs.schedules import schedule, time_zone


@pytest.mark.parametrize(
    "text",
    [
        "*/5 * * * *",
        "0 3 * * *",
        "0 9 * * MON-FRI",
        "1-5,10 */2 1,15 JAN-MAR 7",
        "0 0 29 2 *",
        "every 5 minutes",
        "every 1440 mins",
        "every 12 hours",
    ],
)
def test_cron_and_every_so_often_are_schedules(text: str) -> None:
    assert schedule(text) == text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("daily", "is no schedule; write five cron fields"),
        ("* * * *", "is no schedule; write five cron fields"),
        ("0  9 * * *", "is no schedule; write five cron fields"),
        ("0 0 12 * * MON", "is no schedule; write five cron fields"),
        ("60 * * * *", "Bad minute"),
        ("0 24 * * *", "Bad hour"),
        ("0 0 30 2 *", "Bad day-of-month"),
        ("5-1 * * * *", "Bad minute"),
        ("*/0 * * * *", "is no minute of cron"),
        ("5/15 * * * *", "'5/15' is no minute of cron"),
        ("0 0 L * *", "'L' is no day of the month"),
        ("0 9 * * mon", "'mon' is no day of the week"),
        ("0 9 * * MON#1", "is no day of the week"),
        ("every 0 minutes", "is not within a day"),
        ("every 25 hours", "is not within a day"),
        ("every 5 days", "is no schedule"),
        ("every day 09:00", "is no day of the month|is no schedule"),
    ],
)
def test_what_cloud_scheduler_would_refuse_or_cannot_be_checked_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        schedule(text)


@pytest.mark.parametrize("name", ["Etc/UTC", "UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"])
def test_zones_of_the_tz_database_are_time_zones(name: str) -> None:
    assert time_zone(name) == name


def test_another_is_refused_with_what_may_be_meant() -> None:
    with pytest.raises(ValueError, match="did you mean 'Europe/Berlin'"):
        time_zone("Europe/Berln")
    with pytest.raises(ValueError, match="write one such as"):
        time_zone("nowhere")


def test_without_a_tz_database_utc_is_known_and_the_others_cannot_be_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedules, "available_timezones", set)
    schedules.zones.cache_clear()
    try:
        assert time_zone("Etc/UTC") == "Etc/UTC"
        with pytest.raises(ValueError, match="install tzdata"):
            time_zone("Europe/Berlin")
    finally:
        monkeypatch.undo()
        schedules.zones.cache_clear()
