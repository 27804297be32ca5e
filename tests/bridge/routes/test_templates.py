"""A template becomes text with what was captured in place of each name, and knows what it may become."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.routes.templates import Template

NAMES = st.sampled_from(["device", "site", "x1"])
PIECES = st.lists(st.one_of(st.tuples(st.just(True), NAMES), st.tuples(st.just(False), st.text("ab{}/-", max_size=4))))


def written(pieces: list[tuple[bool, str]]) -> str:
    return "".join(f"{{{text}}}" if name else text.replace("{", "{{").replace("}", "}}") for name, text in pieces)


@given(
    pieces=PIECES,
    captures=st.fixed_dictionaries({name: st.text("ab{", max_size=4) for name in ("device", "site", "x1")}),
)
def test_a_template_is_filled_with_what_was_captured_and_may_become_that(
    pieces: list[tuple[bool, str]], captures: dict[str, str]
) -> None:
    template = Template.parse(written(pieces))
    filled = template.fill(captures)
    assert filled == "".join(captures[text] if name else text for name, text in pieces)
    assert template.may_become(filled)
    assert template.literal_bytes == sum(len(text) for name, text in pieces if not name)


@pytest.mark.parametrize("text", ["{", "a}", "{Device}", "{}", "{a b}", "{device", "device}}}"])
def test_a_lone_brace_is_refused_with_what_to_write_instead(text: str) -> None:
    with pytest.raises(ValueError, match=r"lone brace; write a capture as \{device\}"):
        Template.parse(text)


@pytest.mark.parametrize(
    ("template", "text", "may"),
    [
        ("ingestion", "ingestion", True),
        ("ingestion", "other", False),
        ("{site}-uplinks", "berlin-uplinks", True),
        ("{site}-uplinks", "-uplinks", True),
        ("{site}-uplinks", "berlin-alarms", False),
        ("a-{site}-{kind}-z", "a-berlin-up-z", True),
        ("a-{site}-{kind}-z", "a-berlin-z", False),
        ("aa{site}aa", "aaa", False),
        ("{{x}}", "{x}", True),
    ],
)
def test_what_a_template_may_become_is_known_before_anything_is_captured(template: str, text: str, may: bool) -> None:
    assert Template.parse(template).may_become(text) is may


def test_many_captures_side_by_side_are_compared_in_no_time() -> None:
    template = Template.parse("".join(f"{{c{number}}}a" for number in range(16)))
    assert not template.may_become("a" * 15 + "b" * 100_000)
