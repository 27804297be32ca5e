"""A2: the soak, small. What makes it fail is proved too, for a checker that cannot fail proves nothing."""

import pytest

from benchmarks.soak.ledger import Count, Ledger, failures
from benchmarks.soak.soak import Plan, soak
from localcloud.cloud import LocalCloud

SMALL = {"messages": 3_000, "kills": 3, "rate": 250.0}


def test_a2_killed_cut_off_and_refused_the_bridge_loses_nothing(cloud: LocalCloud) -> None:
    report = soak(Plan(**SMALL), cloud)  # type: ignore[arg-type]
    assert report.failures == []
    assert report.kills == 3
    assert report.resets > 0
    assert report.failed_publishes > 0
    assert report.count.arrived == report.count.acknowledged == 3_000
    assert report.document()["passed"] is True


def test_a2_a_bridge_that_acknowledges_before_it_publishes_is_found_out(cloud: LocalCloud) -> None:
    report = soak(Plan(**SMALL, planted_loss=True), cloud)  # type: ignore[arg-type]
    assert report.count.lost > 0
    assert report.count.acknowledged == 3_000
    assert [failure for failure in report.failures if "lost" in failure]
    assert report.document()["passed"] is False


def test_the_ledger_counts_what_is_lost_repeated_reordered_and_dead() -> None:
    ledger = Ledger()
    ledger.acknowledged(["a-1", "a-2", "a-3", "b-1", "b-2"])
    ledger.arrived(["a-1", "a-3", "a-2", "a-1"])
    ledger.arrived(["a-1", "never-1"])
    ledger.dead_lettered(["b-1"])
    assert ledger.missing == 1
    assert ledger.count() == Count(
        acknowledged=5, arrived=4, dead_letters=1, lost=1, examples_lost=["b-2"], duplicates_percent=50.0, reordered=1
    )


@pytest.mark.parametrize(
    ("lost", "duplicates", "seconds", "sent", "failure"),
    [
        (0, 15.0, 60.0, 100, None),
        (1, 0.0, 1.0, 100, "1 messages lost, such as x-1"),
        (0, 15.1, 1.0, 100, "15.1 % duplicates, more than 15 %"),
        (0, 0.0, 60.6, 100, "done 61 s after the last fault, more than 60 s"),
        (0, 0.0, 1.0, 99, "only 99 of 100 messages were sent"),
    ],
)
def test_each_bar_fails_the_soak_on_its_own(
    lost: int, duplicates: float, seconds: float, sent: int, failure: str | None
) -> None:
    count = Count(sent, sent - lost, 0, lost, ["x-1"] * lost, duplicates, 0)
    assert failures(count, 100, seconds) == ([failure] if failure else [])
