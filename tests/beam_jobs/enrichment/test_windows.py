"""A message's window follows from its event time; whether it is late, from when Pub/Sub took it. Nothing is dropped."""

from datetime import UTC, datetime, timedelta

import pytest
from apache_beam.metrics.execution import MetricsContainer
from apache_beam.runners.worker.statesampler import StateSampler
from apache_beam.utils.counters import CounterFactory
from hypothesis import given
from hypothesis import strategies as st

from beam_jobs.enrichment.config import OnLate
from beam_jobs.enrichment.windows import CACHED, Windows
from beam_jobs.errors import CannotSucceed
from bridge import envelope

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def windows(seconds: int = 60, lateness: int = 30, on_late: OnLate = "forward") -> Windows:
    return Windows(seconds, lateness, on_late)


def block(some: Windows, event_time: str, arrival: datetime) -> bytes:
    return some.block(some.of(event_time), arrival.timestamp())


def stamped(some: Windows, event: datetime, arrival: datetime) -> dict[str, str]:
    return dict(envelope.parse(block(some, envelope.timestamp(event), arrival)).attributes)


@given(
    event=st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9999, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    arrival=st.datetimes(min_value=datetime(1970, 1, 2), timezones=st.just(UTC)),  # noqa: DTZ001
    seconds=st.integers(1, 86_400),
    lateness=st.integers(0, 604_800),
)
def test_a_window_holds_its_event_and_lateness_counts_from_its_end(
    event: datetime, arrival: datetime, seconds: int, lateness: int
) -> None:
    facts = stamped(windows(seconds, lateness), event, arrival)
    start, end = (envelope.moment(facts[name]) for name in ("window.start", "window.end"))
    assert start <= event < end
    assert end - start == timedelta(seconds=seconds)
    assert (start - EPOCH) % timedelta(seconds=seconds) == timedelta(0)
    late = arrival - end >= timedelta(seconds=lateness)
    assert facts.get("window.late") == ("true" if late else None)


@pytest.mark.parametrize(
    ("after", "late"), [(-3_600, None), (0, None), (89, None), (89.999, None), (90, "true"), (86_400, "true")]
)
def test_late_begins_at_the_window_s_end_plus_the_allowed_lateness(after: float, late: str | None) -> None:
    arrival = NOON + timedelta(seconds=after)
    assert stamped(windows(), NOON, arrival).get("window.late") == late


def test_what_is_late_becomes_a_dead_letter_where_that_is_the_policy() -> None:
    some = windows(on_late="dead_letter")
    assert stamped(some, NOON, NOON)["window.start"] == "2026-01-02T12:00:00Z"
    with pytest.raises(CannotSucceed, match="published 10 s after its window closed") as caught:
        stamped(some, NOON, NOON + timedelta(seconds=100))
    assert caught.value.reason == "late"


@pytest.mark.parametrize(
    "event_time",
    [
        "",
        "yesterday",
        "2026-01-02T03:04:05",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59Z",
        "2026-02-30T00:00:00Z",
    ],
)
def test_what_is_no_time_or_has_no_window_is_said(event_time: str) -> None:
    with pytest.raises(CannotSucceed, match="ce-time") as caught:
        windows().of(event_time)
    assert caught.value.reason == "invalid_event_time"


@pytest.mark.parametrize(
    "same_second", ["2026-01-02T12:00:00+02:00", "2026-01-02T12:00:00.5-11:30", "2026-01-02T12:00:00+00:00:30"]
)
def test_the_same_digits_in_another_time_zone_are_another_time(same_second: str) -> None:
    some = windows()
    for event_time in ("2026-01-02T12:00:00Z", same_second, "2026-01-02T12:00:00Z", same_second):
        start = envelope.moment(dict(envelope.parse(block(some, event_time, NOON)).attributes)["window.start"])
        assert start <= envelope.moment(event_time) < start + timedelta(seconds=60)


@pytest.mark.parametrize("rest", ["", "x", ".5", "Zulu", "+25:00"])
def test_a_known_second_makes_no_time_of_what_is_none(rest: str) -> None:
    some = windows()
    some.of("2026-01-02T12:00:00Z")
    with pytest.raises(CannotSucceed, match="ce-time"):
        some.of(f"2026-01-02T12:00:00{rest}")


def test_early_years_have_four_digits_as_rfc_3339_wants() -> None:
    assert stamped(windows(), datetime(33, 4, 3, tzinfo=UTC), NOON)["window.start"] == "0033-04-03T00:00:00Z"


def test_a_window_is_encoded_once() -> None:
    some = windows()
    first, second = (block(some, envelope.timestamp(NOON + timedelta(seconds=at)), NOON) for at in (0, 59))
    assert first is second


def test_windows_kept_are_bounded_and_right_beyond_the_bound() -> None:
    some = windows(1)
    for number in range(CACHED + 2):
        event = NOON + timedelta(seconds=number)
        assert envelope.moment(stamped(some, event, event)["window.start"]) == event


@pytest.mark.parametrize("on_late", ["forward", "dead_letter"])
def test_what_is_late_is_counted(on_late: OnLate) -> None:
    some = windows(on_late=on_late)
    sampler = StateSampler("sampler", CounterFactory())
    container = MetricsContainer("step")
    state = sampler.scoped_state("step", "process", metrics_container=container)
    sampler.start()
    with state:
        for after in (0, 100, 200):
            try:
                stamped(some, NOON, NOON + timedelta(seconds=after))
            except CannotSucceed:
                continue
    sampler.stop()
    counted = {key.metric.name: value for key, value in container.get_cumulative().counters.items()}
    assert counted == {"late": 2}
