"""JSON from outside is taken within bounds, whatever it holds."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from director.safety.untrusted import DEEPEST, MOST_KEYS, Unreadable, json_object

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), JSON))
def test_objects_come_through_as_they_are(document: dict[str, Any]) -> None:
    assert json_object(json.dumps(document).encode()) == document


@given(st.binary())
def test_whatever_comes_nothing_but_our_own_error_leaves(text: bytes) -> None:
    with suppress(Unreadable):
        assert isinstance(json_object(text), dict)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'{"a": ' + b"[" * DEEPEST + b"]" * DEEPEST + b"}", "nested more than 32 deep"),
        (b"[" * 1_000_000, "nested more than 32 deep"),
        (json.dumps({f"k{number}": 1 for number in range(MOST_KEYS + 1)}).encode(), "more than 2000 keys"),
        (b'{"a": {"b": 1, "b": 2}}', "a key twice"),
        (b'{"a": Infinity}', "not JSON"),
        (b"1", "not an object"),
    ],
)
def test_what_is_beyond_the_bounds_is_refused_with_the_reason(text: bytes, message: str) -> None:
    with pytest.raises(Unreadable, match=message):
        json_object(text)


def test_brackets_in_texts_are_no_depth() -> None:
    assert json_object(json.dumps({"a": "[" * 100 + '\\"{'}).encode())
