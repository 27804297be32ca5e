"""Tallies add up exactly, in any order and grouping, and say what the numbers were."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from functools import reduce
from operator import add

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_jobs.enrichment.tallies import Group, Reading, Tallies, Tally, pane_id
from bridge import envelope

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
FLOATS = st.floats(allow_nan=False, allow_infinity=False).map(lambda value: value + 0.0)
READINGS = st.lists(
    st.builds(Reading, FLOATS, st.integers(-(2**55), 2**55), st.booleans(), st.integers(0, 2**128 - 1)), max_size=12
)
GROUP = Group("d", "t", "2026-01-02T12:00:00Z", "2026-01-02T12:01:00Z", keeps=True)


@given(first=READINGS, second=READINGS, third=READINGS)
def test_tallies_add_up_in_any_grouping(first: list[Reading], second: list[Reading], third: list[Reading]) -> None:
    a, b, c = map(Tally.of, (first, second, third))
    assert (a + b) + c == a + (b + c) == Tally.of(first + second + third)
    assert a + Tally() == Tally() + a == a


@given(readings=READINGS, data=st.data())
def test_tallies_add_up_in_any_order(readings: list[Reading], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(readings))
    one_by_one = reduce(add, (Tally.of([reading]) for reading in shuffled), Tally())
    assert one_by_one == Tally.of(readings)
    assert pane_id(GROUP, one_by_one) == pane_id(GROUP, Tally.of(readings))


@given(readings=READINGS.filter(bool))
def test_a_tally_is_what_plain_python_makes_of_the_numbers(readings: list[Reading]) -> None:
    tally = Tally.of(readings)
    values = [reading.value for reading in readings]
    exact = sum(map(Fraction, values))
    assert (tally.count, tally.late) == (len(values), sum(reading.late for reading in readings))
    assert (tally.least, tally.greatest) == (min(values), max(values))
    assert tally.last == max((reading.at, reading.value) for reading in readings)
    assert tally.mean == float(exact / len(values))
    try:
        assert tally.sum == float(exact)
    except OverflowError:
        assert tally.sum is None


def test_a_sum_that_rounding_would_lose_is_kept() -> None:
    numbers = [1e308, 0.1, 1.0, -1e308, 1e-300]
    tally = Tally.of([Reading(value, 0, False, 0) for value in numbers])
    assert tally.sum == 1.1
    assert math.fsum(numbers) == 1.1


def test_of_two_readings_at_one_time_the_greater_is_the_last() -> None:
    readings = [Reading(2.0, 5, False, 1), Reading(3.0, 5, False, 2), Reading(9.0, 4, False, 3)]
    assert Tally.of(readings).last == (5, 3.0)


def test_panes_of_other_messages_fields_or_windows_have_other_ids() -> None:
    tally = Tally.of([Reading(1.0, 0, False, 7)])
    others = [GROUP._replace(device="e"), GROUP._replace(field="u"), GROUP._replace(start="2026-01-02T11:59:00Z")]
    ids = {pane_id(group, tally) for group in (GROUP, *others)}
    ids |= {pane_id(GROUP, Tally.of([Reading(1.0, 0, False, identity)])) for identity in (8, 14)}
    ids.add(pane_id(GROUP, tally + tally))
    assert len(ids) == 7


def enriched(identity: str, payload: bytes, late: bool = False, published: datetime = NOON, **facts: str) -> bytes:
    known = {
        "ce-id": identity,
        "ce-subject": "d",
        "ce-time": "2026-01-02T12:00:30.5Z",
        "window.start": "2026-01-02T12:00:00Z",
        "window.end": "2026-01-02T12:01:00Z",
    }
    known |= {"window.late": "true"} if late else {}
    named = {name.replace("_", "-"): value for name, value in facts.items()}
    return envelope.data(payload) + envelope.attributes(known | named) + envelope.publish_time(published)


def tallied(*batch: bytes) -> tuple[dict[Group, Tally], Tallies]:
    tallies = Tallies({"t": "/data/t", "second": "/list/1"})
    return tallies.of(batch), tallies


def test_numbers_are_read_where_the_pointers_say() -> None:
    document = {"data": {"t": 1.5}, "list": [7, 8], "other": 9}
    found, _ = tallied(enriched("1", orjson.dumps(document)), enriched("2", b'{"data": {"t": -2}}'))
    assert {group.field: (tally.count, tally.sum) for group, tally in found.items()} == {
        "t": (2, -0.5),
        "second": (1, 8),
    }
    assert found[GROUP].last == ((NOON.timestamp() + 30.5) * 1e6, 1.5)


@pytest.mark.parametrize("value", [b"true", b'"1.5"', b"{}", b"[1]"])
def test_what_is_there_and_no_number_is_counted(value: bytes) -> None:
    found, tallies = tallied(enriched("1", b'{"data": {"t": %b}, "list": [0, 4]}' % value))
    assert [group.field for group in found] == ["second"]
    assert (tallies.no_numbers, tallies.skipped) == (1, 0)


@pytest.mark.parametrize(
    "payload", [b"", b"\xff", b"[", b"{}", b"3", b'{"data": null}', b'{"data": {"t": null}}', b"[1]"]
)
def test_a_message_without_any_number_is_counted(payload: bytes) -> None:
    found, tallies = tallied(enriched("1", payload))
    assert (found, tallies.skipped, tallies.no_numbers) == ({}, 1, 0)


def test_a_message_without_device_is_counted() -> None:
    found, tallies = tallied(enriched("1", b'{"data": {"t": 1}}', ce_subject=""))
    assert (found, tallies.skipped) == ({}, 1)


def keeps(*batch: bytes) -> Sequence[bool]:
    return [group.keeps for group in tallied(*batch)[0]]


def test_late_messages_wait_in_no_window() -> None:
    payload = b'{"data": {"t": 1}}'
    assert keeps(enriched("1", payload), enriched("2", payload, late=True)) == [True, False]


def test_a_clock_that_is_days_ahead_keeps_no_window_open() -> None:
    payload = b'{"data": {"t": 1}}'
    assert keeps(enriched("1", payload, ce_time="2026-01-03T11:59:59Z")) == [True]
    assert keeps(enriched("1", payload, ce_time="9998-01-03T12:00:00Z")) == [False]
    assert keeps(enriched("1", payload, published=datetime(1970, 1, 1, tzinfo=UTC))) == [False]


def test_messages_without_an_id_of_their_own_are_told_apart_by_pubsub_s() -> None:
    bare = enriched("", b'{"data": {"t": 1}}')
    first, second = (tallied(bare + b"\x1a\x01" + number)[0][GROUP] for number in (b"1", b"2"))
    assert pane_id(GROUP, first) != pane_id(GROUP, second)
