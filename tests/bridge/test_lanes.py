"""One at a time for each key, in order."""

from bridge.lanes import Lanes


def test_only_the_head_of_a_lane_goes_and_lanes_do_not_know_each_other() -> None:
    lanes: Lanes[str] = Lanes()
    assert lanes.enter("a", "a1")
    assert not lanes.enter("a", "a2")
    assert lanes.enter("b", "b1")
    assert lanes.leave("a") == "a2"
    assert lanes.leave("a") is None
    assert lanes.leave("b") is None
    assert len(lanes) == 0


def test_parts_take_the_place_of_the_whole() -> None:
    lanes: Lanes[str] = Lanes()
    lanes.enter("a", "whole")
    lanes.enter("a", "next")
    assert lanes.split("a", ["first", "second"]) == "first"
    assert [lanes.leave("a"), lanes.leave("a"), lanes.leave("a")] == ["second", "next", None]
