"""The schedule is decided by its plan alone, and no answer of the system can hold it up."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest

from examples.demo.schedule import MALFORMED, Plan, schedule

PLAN = Plan(messages=2000, rate=100, late_share=0.1, malformed_share=0.2, burst_size=50, burst_every=2)


def test_the_same_plan_gives_the_same_messages() -> None:
    assert list(schedule(PLAN)) == list(schedule(PLAN))


def test_another_seed_gives_other_messages() -> None:
    assert list(schedule(PLAN)) != list(schedule(replace(PLAN, seed=2)))


def test_a_message_is_due_when_its_number_says_so() -> None:
    offsets = [planned.offset for planned in schedule(Plan(messages=5, rate=4))]
    assert offsets == [0, 0.25, 0.5, 0.75, 1]


def test_serials_count_up_in_the_order_messages_are_due() -> None:
    messages = list(schedule(PLAN))
    assert [planned.serial for planned in messages] == list(range(1, 2001))
    assert all(one.offset <= next_one.offset for one, next_one in pairwise(messages))


def test_bursts_come_on_top_of_the_steady_rate() -> None:
    due = Counter(planned.offset for planned in schedule(replace(PLAN, rate=10, messages=150)))
    assert due[2.0] == due[4.0] == 51
    assert due[1.0] == 1


def test_shares_are_kept_about() -> None:
    kinds = Counter(planned.kind for planned in schedule(PLAN))
    assert kinds["late"] == pytest.approx(200, rel=0.25)
    assert sum(kinds[kind] for kind in MALFORMED) == pytest.approx(400, rel=0.25)
    assert kinds["truncated"] > 100
    assert kinds["binary"] > 100


def test_late_messages_tell_a_time_hours_ago() -> None:
    late = [planned.hours_late for planned in schedule(PLAN) if planned.kind == "late"]
    assert 1 <= min(late) < 12
    assert 36 < max(late) <= 48
    assert {planned.hours_late for planned in schedule(PLAN) if planned.kind != "late"} == {0.0}


def test_devices_are_the_registered_ones_and_a_few_unknown() -> None:
    devices = {planned.device for planned in schedule(Plan(messages=20_000, devices=20, unknown_devices=2))}
    known = {f"device-{number:04d}" for number in range(1, 21)}
    assert devices == known | {"device-unknown-1", "device-unknown-2"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"messages": 0}, "messages: 0 is not above 0"),
        ({"rate": -1}, "rate: -1 is not above 0"),
        ({"late_share": 1.5}, "late_share: 1.5 is not between 0 and 1"),
        ({"burst_size": -1}, "burst_size: -1 is negative"),
        ({"late_share": 0.6, "malformed_share": 0.6}, "late_share and malformed_share are more than 1 together"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(wrong: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Plan(**wrong)  # type: ignore[arg-type]
