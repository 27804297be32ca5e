"""Whatever text comes, reading it gives a tree or says why not; and JSON reads as what it is."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from director.documents.loading import load
from director.documents.model import Architecture
from director.positions import Unreadable, tree
from director.strict import DocumentError
from director.strict import load as load_model

TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn", "Co", "Zl", "Zp")), max_size=40)
SCALARS = st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | TEXT
INTEGERS = st.integers(-(1 << 63), (1 << 63) - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | INTEGERS | FLOATS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)
WORDS = "a name dataflows topics 1 0x .nan null ~ : - [ ] { } , &x *x !t ' > ? # % --- ... <<"
PIECES = st.sampled_from([*WORDS.split(), ": ", "- ", " ", "  ", "\n", "\t", "|", '"', "\\", "\0", "\ufeff", "\xe9"])


@given(JSON)
def test_json_is_read_as_the_same_data(data: Any) -> None:
    assert tree(json.dumps(data, ensure_ascii=False)).data == data


@given(st.lists(PIECES, max_size=40).map("".join))
def test_any_text_is_a_tree_or_unreadable(text: str) -> None:
    try:
        places = tree(text).values.values()
    except Unreadable as error:
        places = [error.place]
    assert all(line >= 1 and column >= 1 for line, column in places)


@given(st.lists(PIECES, max_size=30).map("".join))
def test_any_text_that_is_no_architecture_ends_in_problems(text: str) -> None:
    with pytest.raises(DocumentError) as caught:
        load_model(text, Architecture)
    assert caught.value.problems


@given(data=JSON)
def test_any_data_that_is_no_architecture_ends_in_problems(data: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_text(json.dumps({"dataflows": {"air": {"resources": data, "services": data}}}))
    with pytest.raises(DocumentError) as caught:
        load(file)
    assert caught.value.problems
