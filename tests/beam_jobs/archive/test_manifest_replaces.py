"""An entry that replaces others takes them off the manifest, wherever and however often they are listed."""

import dataclasses
from itertools import permutations

from beam_jobs.archive.manifest import Entry, decode, encode, replaced, union

FIRST, SECOND = (
    Entry(name, "x", "jsonl.gz", 1, "c", "s", 1, "2026-01-02T03:00:00Z", "2026-01-02T03:00:00Z") for name in "ab"
)
LARGE = dataclasses.replace(FIRST, name="l", replaces=("a", "b"))
LARGER = dataclasses.replace(FIRST, name="m", replaces=("l", "c"))


def test_what_an_entry_replaces_is_kept_and_left_out_for_none() -> None:
    assert decode(encode([FIRST, LARGE])) == [FIRST, LARGE]
    assert b"replaces" not in encode([FIRST])


def test_in_whatever_order_they_are_listed_only_the_last_in_the_chain_is_left() -> None:
    for order in permutations([FIRST, SECOND, LARGE, LARGER, FIRST]):
        assert union(order) == {"m": LARGER}
        assert replaced(order) == {"a", "b", "c", "l"}


def test_an_entry_that_holds_all_the_lines_of_another_may_keep_its_name() -> None:
    itself = dataclasses.replace(SECOND, replaces=("a", "b"))
    for order in permutations([FIRST, SECOND, itself]):
        assert union(order).keys() == {"b"}
