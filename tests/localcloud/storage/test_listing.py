"""Pages of names: prefix, folders, offsets, patterns, tokens."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.rest import HttpError
from localcloud.storage.listing import Key, Listing, Page, page

DOCUMENTED = ["a/b", "a/c", "d", "e", "e/f", "e/g/h"]


def keys(names: list[str]) -> list[Key]:
    return sorted((name, 1) for name in names)


def listed(names: list[str], listing: Listing) -> tuple[list[str], list[str]]:
    found = page(keys(names), listing, lambda key: True)
    return [name for name, _ in found.keys], found.folders


def pages(names: list[Key], listing: Listing) -> list[Page]:
    found = [page(names, listing, lambda key: True)]
    while found[-1].token:
        found.append(page(names, replace(listing, token=found[-1].token), lambda key: True))
    return found


def test_a_delimiter_rolls_names_up_into_folders() -> None:
    assert listed(DOCUMENTED, Listing(delimiter="/")) == (["d", "e"], ["a/", "e/"])


def test_folders_begin_after_the_prefix() -> None:
    assert listed(DOCUMENTED, Listing(delimiter="/", prefix="e/")) == (["e/f"], ["e/g/"])


def test_a_delimiter_may_be_several_characters() -> None:
    assert listed(["a--b", "a--c", "ab"], Listing(delimiter="--")) == (["ab"], ["a--"])


def test_offsets_take_the_start_and_leave_the_end() -> None:
    assert listed(DOCUMENTED, Listing(start="a/c", end="e/f")) == (["a/c", "d", "e"], [])


def test_a_prefix_above_the_start_offset_wins() -> None:
    assert listed(DOCUMENTED, Listing(start="a", prefix="e")) == (["e", "e/f", "e/g/h"], [])


def test_a_start_offset_beyond_the_prefix_gives_nothing() -> None:
    assert listed(DOCUMENTED, Listing(start="f", prefix="e")) == ([], [])


def test_a_pattern_chooses_names_and_folders() -> None:
    assert listed(DOCUMENTED, Listing(match="e/*")) == (["e/f"], [])
    assert listed(DOCUMENTED, Listing(match="e*", delimiter="/")) == (["e"], ["e/"])


def test_an_object_named_like_a_folder_is_listed_when_asked_for() -> None:
    assert listed(["a/", "a/b"], Listing(delimiter="/")) == ([], ["a/"])
    assert listed(["a/", "a/b"], Listing(delimiter="/", folder_objects=True)) == (["a/"], ["a/"])


def test_hidden_keys_make_no_folder() -> None:
    found = page(keys(["a/b", "c"]), Listing(delimiter="/"), lambda key: key[0] == "c")
    assert (found.keys, found.folders) == ([("c", 1)], [])


def test_generations_of_a_name_are_listed_in_order() -> None:
    names = [("a", 1), ("a", 2), ("b", 3)]
    assert [found.keys for found in pages(names, Listing(limit=1))] == [[("a", 1)], [("a", 2)], [("b", 3)]]


def test_a_foreign_token_is_refused() -> None:
    with pytest.raises(HttpError, match="pageToken"):
        listed(DOCUMENTED, Listing(token="!"))


@given(st.sets(st.text("ab/", min_size=1, max_size=6), max_size=20), st.integers(1, 5), st.sampled_from(["", "/"]))
def test_small_pages_together_are_the_large_one(names: set[str], limit: int, delimiter: str) -> None:
    ordered = keys(list(names))
    whole = page(ordered, Listing(delimiter=delimiter), lambda key: True)
    small = pages(ordered, Listing(delimiter=delimiter, limit=limit))
    assert [key for found in small for key in found.keys] == whole.keys
    assert [folder for found in small for folder in found.folders] == whole.folders
    assert all(len(found.keys) + len(found.folders) <= limit for found in small)
