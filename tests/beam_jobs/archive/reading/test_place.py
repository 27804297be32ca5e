"""What people write for a place and a time means what it says, or is refused with what to write."""

from datetime import UTC, datetime

import pytest

from beam_jobs.archive.reading.place import Place, Span, event_time, place

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["gs://bucket/a/b", "gs://bucket/a/b/", "gs://bucket/a/b//"])
def test_a_place_is_a_bucket_and_a_prefix(text: str) -> None:
    found = place(text)
    assert found == Place("bucket", "a/b")
    assert str(found) == "gs://bucket/a/b"
    assert found.roots == ["a/b", "a"]


@pytest.mark.parametrize("text", ["bucket/a", "gs://bucket", "gs://bucket/", "s3://bucket/a", "gs://B/a", "gs://b/a b"])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write gs://BUCKET/PREFIX"):
        place(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2h", "2026-01-02T10:00:00.000000Z"),
        ("1d12h", "2026-01-01T00:00:00.000000Z"),
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000000Z"),
        ("2026-01-02t03:04:05.123456789+02:00", "2026-01-02T01:04:05.123456Z"),
    ],
)
def test_times_are_as_in_lines(text: str, found: str) -> None:
    assert event_time(text, NOW) == found


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-01-02", "2026-01-02T03:04:05", "2026-13-01T00:00:00Z", "9" * 30]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no time; write how long ago"):
        event_time(text, NOW)


def test_a_span_has_its_first_moment_and_not_its_last() -> None:
    span = Span("2", "4")
    assert [span.meets(*both) for both in (("1", "1"), ("1", "2"), ("3", "9"), ("4", "9"))] == [
        False,
        True,
        True,
        False,
    ]
    assert [span.holds(*both) for both in (("1", "2"), ("2", "3"), ("3", "4"))] == [False, True, False]
    assert Span().meets("1", "9")
    assert Span().holds("1", "9")
