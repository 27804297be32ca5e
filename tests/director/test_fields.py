"""Pointers and topic names are taken as their specifications write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonpointer import JsonPointer, JsonPointerException

from director.fields import Pointer, PubsubTopic, pointer_parts
from director.strict import DocumentError, Strict, parse


class Document(Strict):
    pointer: Pointer = ""
    pubsub_topic: PubsubTopic = "projects/p/topics/t"


@given(parts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=5))
def test_the_parts_of_a_pointer_are_those_it_was_made_of(parts: list[str]) -> None:
    pointer = JsonPointer.from_parts(parts).path
    assert parse({"pointer": pointer}, Document).pointer == pointer
    assert pointer_parts(pointer) == tuple(parts)


@given(text=st.text(st.sampled_from("/~01ab"), max_size=8))
def test_a_pointer_is_taken_where_a_library_of_its_own_takes_it(text: str) -> None:
    try:
        JsonPointer(text)
        valid = True
    except JsonPointerException:
        valid = False
    if valid:
        assert parse({"pointer": text}, Document).pointer == text
    else:
        with pytest.raises(DocumentError, match="such as /data/temp"):
            parse({"pointer": text}, Document)


@pytest.mark.parametrize(
    "text", ["t", "projects/p/subscriptions/t", "projects//topics/t", "projects/p/topics/", "a/b/c/d/e"]
)
def test_a_pubsub_topic_is_written_in_full(text: str) -> None:
    with pytest.raises(DocumentError, match="projects/PROJECT/topics/TOPIC"):
        parse({"pubsub_topic": text}, Document)
