"""The filter language: what matches, and what is no filter."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.pubsub.filter import FilterError, parse

SITE = {"site": "north", "kind": "telemetry"}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("attributes:site", True),
        ("attributes:missing", False),
        ('attributes.site = "north"', True),
        ('attributes.site="south"', False),
        ('attributes.missing = "north"', False),
        ('attributes.site != "south"', True),
        ('attributes.site != "north"', False),
        ('attributes.missing != "north"', True),
        ('hasPrefix(attributes.site, "no")', True),
        ('hasPrefix(attributes.site, "so")', False),
        ('hasPrefix(attributes.missing, "")', False),
        ("NOT attributes:missing", True),
        ("-attributes:site", False),
        ("NOT NOT attributes:site", True),
        ('attributes:site AND attributes.kind = "telemetry"', True),
        ("attributes:site AND attributes:missing", False),
        ("attributes:missing OR attributes:other OR attributes:site", True),
        ("attributes:missing OR attributes:other", False),
        ("attributes:site AND (attributes:missing OR attributes:kind)", True),
        ("NOT (attributes:site AND attributes:kind)", False),
        ('NOT attributes:site OR hasPrefix(attributes.kind, "tele")', True),
        ("  (  attributes : site )  ", True),
        ('attributes:"site"', True),
    ],
)
def test_a_filter_selects_by_attributes(text: str, matches: bool) -> None:
    assert parse(text)(SITE) is matches


@pytest.mark.parametrize(
    ("text", "attributes"),
    [
        ('attributes."mqtt.topic" = "a/b"', {"mqtt.topic": "a/b"}),
        ('attributes.ce-type_2 = "x"', {"ce-type_2": "x"}),
        (r'attributes.k = "say \"hi\" \\ \n\t"', {"k": 'say "hi" \\ \n\t'}),
        (r'attributes.k = "\x41\u00e9\U0001F600\101"', {"k": "Aé😀A"}),
        ('attributes."schlüssel" = "grün"', {"schlüssel": "grün"}),
    ],
)
def test_strings_hold_what_plain_words_cannot(text: str, attributes: dict[str, str]) -> None:
    assert parse(text)(attributes)


@pytest.mark.parametrize(
    "text",
    [
        " ",
        "nonsense",
        "attributes",
        "attributes.site",
        "attributes.site = north",
        "attributes.site == 'north'",
        'attributes.site < "north"',
        'attributes.device.location = "hall"',
        "attributes:",
        'attributes."open',
        r'attributes.k = "\q"',
        "attributes:a AND",
        "attributes:a attributes:b",
        "attributes:a and attributes:b",
        "attributes:a AND attributes:b OR attributes:c",
        "attributes:a OR attributes:b AND attributes:c",
        "(attributes:a",
        "attributes:a)",
        "hasPrefix(attributes:a)",
        'hasPrefix(attributes.a "b")',
        "hassuffix(attributes.a, 'b')",
        "NOT",
        "data = 1",
        "attributes:ключ",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(FilterError):
        parse(text)


def test_a_filter_has_at_most_256_bytes() -> None:
    fitting = 'attributes.k = "' + "x" * 239 + '"'
    assert parse(fitting)({"k": "x" * 239})
    with pytest.raises(FilterError, match="256 bytes"):
        parse(fitting.replace("x", "ü"))


@given(st.text(max_size=60))
def test_any_text_is_a_filter_or_refused(text: str) -> None:
    with contextlib.suppress(FilterError):
        parse(text)({})
