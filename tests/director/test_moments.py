"""Times as people write them on a command line."""

from datetime import UTC, datetime, timedelta

import pytest

from director.moments import moment

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_duration_is_so_long_ago() -> None:
    assert moment("2h", NOW) == NOW - timedelta(hours=2)
    assert moment("1h30m", NOW) == NOW - timedelta(minutes=90)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-03-01T11:00:00Z", 0.0),
        ("2026-03-01t11:00:00z", 0.0),
        ("2026-03-01 13:00:00.25+02:00", 0.25),
        ("2026-03-01T11:00:00.123456789Z", 0.123456),
    ],
)
def test_rfc_3339_is_taken_in_any_zone(text: str, seconds: float) -> None:
    assert moment(text, NOW) == NOW - timedelta(hours=1) + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    ["", "2026-03-01", "2026-03-01T11:00:00", "20260301T110000Z", "2026-13-01T11:00:00Z", "yesterday", "2", "-2h"],
)
def test_anything_else_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="such as 2h or 7d, or a time such as"):
        moment(text, NOW)


def test_a_duration_beyond_all_time_is_refused() -> None:
    with pytest.raises(ValueError, match="is no time"):
        moment("9999999w", NOW)
