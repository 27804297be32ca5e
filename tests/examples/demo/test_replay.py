"""What comes back from the archive is held against it, by id and content."""

from collections import Counter

from examples.demo.readers import copy_of
from examples.demo.replay import Replayed, compared

ONE, TWO = copy_of({"ce-id": "1"}, b"one"), copy_of({"ce-id": "2", "b": "", "a": "x"}, b"\xff")


def test_everything_as_it_was_is_nothing_missing_however_often_it_came() -> None:
    kept = Counter({ONE: 1, TWO: 2})
    assert compared(kept, Counter({ONE: 2, TWO: 1}), 0.5) == Replayed(3, [], [], 0.5)


def test_what_did_not_come_and_what_came_otherwise_are_told() -> None:
    altered = copy_of({"ce-id": "2", "b": "", "a": "y"}, b"\xff")
    assert compared(Counter([ONE, TWO]), Counter([altered]), 0.5) == Replayed(1, ["1", "2"], ["2"], 0.5)


def test_attributes_count_in_any_order() -> None:
    assert copy_of({"ce-id": "2", "a": "x", "b": ""}, b"\xff") == TWO
