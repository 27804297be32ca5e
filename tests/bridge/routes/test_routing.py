"""Topic filters match as MQTT says, capture what they name, and overlap where one topic may match two."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.routes.routing import Router, TopicFilter, overlapping, widest

LEVEL = st.sampled_from(["a", "b", "", "$x"])
TOPIC = st.lists(LEVEL, min_size=1, max_size=4).map("/".join)
FILTER = st.one_of(
    st.lists(st.one_of(LEVEL, st.just("+")), min_size=1, max_size=4).map("/".join),
    st.lists(st.one_of(LEVEL, st.just("+")), max_size=3).map(lambda levels: "/".join([*levels, "#"])),
).filter(bool)


LEVELS = ["a", "$x", "+"]
SMALL_FILTERS = ["/".join(levels) for size in (1, 2, 3) for levels in itertools.product(LEVELS, repeat=size)]
SMALL_FILTERS += ["/".join((*levels, "#")) for size in (0, 1, 2) for levels in itertools.product(LEVELS, repeat=size)]
# Enough to tell any two of these filters apart: one level more than they have, and a word that none of them names.
TOPICS = ["/".join(levels) for size in (1, 2, 3, 4) for levels in itertools.product(["a", "$x", "c"], repeat=size)]


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


def test_filters_overlap_or_cover_each_other_exactly_where_their_topics_do() -> None:
    matched = {text: {topic for topic in TOPICS if matches(text, topic)} for text in SMALL_FILTERS}
    for one, other in itertools.product(SMALL_FILTERS, repeat=2):
        first, second = TopicFilter.parse(one), TopicFilter.parse(other)
        assert first.overlaps(second) == bool(matched[one] & matched[other]), (one, other)
        assert first.covers(second) == (matched[one] >= matched[other]), (one, other)


@given(texts=st.lists(st.sampled_from(SMALL_FILTERS), max_size=6))
def test_the_widest_filters_match_what_all_match_and_none_covers_another(texts: list[str]) -> None:
    filters = [TopicFilter.parse(text) for text in texts]
    kept = widest(filters)
    for topic in TOPICS:
        levels = topic.split("/")
        assert any(one.match(levels) is not None for one in kept) == any(
            one.match(levels) is not None for one in filters
        )
    assert not any(one.covers(other) for one in kept for other in kept if one is not other)


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
        ("$share/group/a", "without $share/GROUP/"),
    ],
)
def test_a_filter_that_cannot_be_says_which_rule_it_breaks(topic_filter: str, rule: str) -> None:
    with pytest.raises(ValueError, match=re.escape(rule)):
        TopicFilter.parse(topic_filter)


def test_all_routes_that_match_are_found_in_their_order() -> None:
    router = Router([(TopicFilter.parse("a/{x}"), "narrow"), (TopicFilter.parse("a/#"), "wide")])
    assert [(match.route, match.captures) for match in router.matches("a/1")] == [("narrow", {"x": "1"}), ("wide", {})]
    assert [match.route for match in router.matches("a/1/2")] == ["wide"]
    assert not list(router.matches("b"))


def test_overlapping_names_every_pair_once() -> None:
    filters = [(name, TopicFilter.parse(text)) for name, text in (("p", "a/+"), ("q", "a/b"), ("r", "c/#"))]
    assert overlapping(filters) == [("p", "q")]


def test_filters_of_very_many_levels_are_compared_all_the_same() -> None:
    one, other = TopicFilter.parse("a/" * 30_000 + "#"), TopicFilter.parse("+/" * 30_000 + "b")
    assert one.overlaps(other)
    assert not one.covers(other)
    assert TopicFilter.parse("#").covers(one)
