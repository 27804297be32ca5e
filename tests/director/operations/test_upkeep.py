"""Beside the work: what others left behind is told, and what is old is forgotten, in bounds."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from director.errors import Unavailable
from director.operations.upkeep import AT_ONCE, ROUNDS, Retention, Upkeep

NOW = datetime(2026, 6, 1, tzinfo=UTC)


class Shelf:
    """So many old entries."""

    def __init__(self, old: int) -> None:
        self.old = old
        self.asked: list[datetime] = []

    def prune(self, before: datetime, most: int) -> int:
        self.asked.append(before)
        gone = min(self.old, most)
        self.old -= gone
        return gone


def upkeep(*shelves: Shelf) -> Upkeep:
    kept = [Retention(f"shelf {number}", timedelta(days=30), shelf.prune) for number, shelf in enumerate(shelves)]
    return Upkeep(lambda: None, kept, now=lambda: NOW)


def test_what_is_older_than_its_time_goes_and_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    full, empty = Shelf(1_200), Shelf(0)
    with caplog.at_level(logging.INFO):
        assert upkeep(full, empty).clean_up() == {"shelf 0": 1_200, "shelf 1": 0}
    assert set(full.asked) == {NOW - timedelta(days=30)}
    assert [record.getMessage() for record in caplog.records] == ["shelf 0: 1200 older than 30d forgotten"]


def test_a_clean_up_has_an_end(caplog: pytest.LogCaptureFixture) -> None:
    shelf = Shelf(1_000_000)
    assert upkeep(shelf).clean_up() == {"shelf 0": AT_ONCE * ROUNDS}
    assert "more are left for the next time" in caplog.text


def test_what_cannot_be_cleaned_up_now_keeps_nothing_else_from_it(caplog: pytest.LogCaptureFixture) -> None:
    def away(before: datetime, most: int) -> int:
        raise Unavailable("away")

    shelf = Shelf(3)
    kept = [Retention("first", timedelta(days=1), away), Retention("second", timedelta(days=1), shelf.prune)]
    assert Upkeep(lambda: None, kept).clean_up() == {"second": 3}
    assert "first are not cleaned up: away" in caplog.text


def test_it_looks_for_what_others_left_behind_again_and_again_even_after_a_failure(
    eventually: Callable[..., None],
) -> None:
    looks: list[int] = []
    shelf = Shelf(1)

    def recover() -> None:
        looks.append(1)
        if len(looks) == 1:
            raise Unavailable("away")

    found = Upkeep(recover, [Retention("shelf", timedelta(days=1), shelf.prune)], look=0.02, day=0.1)
    found.start()
    eventually(lambda: len(looks) > 3 and len(shelf.asked) > 2)
    found.close()
    done = len(looks)
    found.close()
    assert len(looks) == done
