"""Topic filters match as MQTT says, capture what they name, and overlap where one topic may match two."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.routing import Router, TopicFilter, overlapping

LEVEL = st.sampled_from(["a", "b", "", "$x"])
TOPIC = st.lists(LEVEL, min_size=1, max_size=4).map("/".join)
FILTER = st.one_of(
    st.lists(st.one_of(LEVEL, st.just("+")), min_size=1, max_size=4).map("/".join),
    st.lists(st.one_of(LEVEL, st.just("+")), max_size=3).map(lambda levels: "/".join([*levels, "#"])),
).filter(bool)


def matches(topic_filter: str, topic: str) -> bool:
    return TopicFilter.parse(topic_filter).match(topic.split("/")) is not None


def reference(topic_filter: str, topic: str) -> bool:
    """The rule of MQTT 5.0, section 4.7, as a regular expression."""
    if topic.startswith("$") and topic_filter[0] in "+#":
        return False
    pattern = re.escape(topic_filter).replace(r"\+", "[^/]*")
    if topic_filter == "#":
        pattern = ".*"
    elif pattern.endswith(r"/\#"):
        pattern = pattern[:-3] + "(/.*)?"
    return re.fullmatch(pattern, topic) is not None


@given(topic_filter=FILTER, topic=TOPIC)
def test_a_filter_matches_what_the_specification_says(topic_filter: str, topic: str) -> None:
    assert matches(topic_filter, topic) == reference(topic_filter, topic)


@given(one=FILTER, other=FILTER, topic=TOPIC)
def test_filters_that_match_one_topic_overlap(one: str, other: str, topic: str) -> None:
    if matches(one, topic) and matches(other, topic):
        assert TopicFilter.parse(one).overlaps(TopicFilter.parse(other))


def test_captures_are_the_levels_they_name() -> None:
    parsed = TopicFilter.parse("sites/{site}/+/{device}/#")
    assert parsed.mqtt == "sites/+/+/+/#"
    assert parsed.match(["sites", "berlin", "x", "d1", "up", "raw"]) == {"site": "berlin", "device": "d1"}


@pytest.mark.parametrize(
    ("topic_filter", "rule"),
    [
        ("", "at least one character"),
        ("a/#/b", "'#' is the last level"),
        ("a+", "'+' stands alone"),
        ("a/b#", "'#' stands alone"),
        ("a\0b", "NUL"),
        ("a/\ud800", "valid Unicode"),
        ("a" * 65_536, "65535 bytes"),
        ("{device}x", "whole level"),
        ("{Device}", "whole level"),
        ("{d}/{d}", "stands once"),
    ],
)
def test_a_filter_that_cannot_be_says_which_rule_it_breaks(topic_filter: str, rule: str) -> None:
    with pytest.raises(ValueError, match=re.escape(rule)):
        TopicFilter.parse(topic_filter)


def test_the_first_route_that_matches_wins() -> None:
    router = Router([(TopicFilter.parse("a/{x}"), "narrow"), (TopicFilter.parse("a/#"), "wide")])
    match = router.match("a/1")
    assert match is not None
    assert (match.route, match.captures) == ("narrow", {"x": "1"})
    assert router.match("a/1/2") is not None
    assert router.match("b") is None


def test_overlapping_names_every_pair_once() -> None:
    filters = [(name, TopicFilter.parse(text)) for name, text in (("p", "a/+"), ("q", "a/b"), ("r", "c/#"))]
    assert overlapping(filters) == [("p", "q")]
