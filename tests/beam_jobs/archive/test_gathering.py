"""Lines are joined by folder, within limits; memory stays within its budget however many folders are open."""

import tracemalloc
from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from beam_jobs.archive.formats import lines_in
from beam_jobs.archive.gathering import Blob, Gathering

LINES = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c", "d"]), st.integers(1, 400).map(lambda size: b"x" * size)), max_size=60
)


@given(lines=LINES, most_lines=st.integers(1, 6), most_bytes=st.integers(1, 900), budget=st.integers(0, 6_000))
def test_every_line_comes_out_once_in_its_folder_and_limits_hold(
    lines: list[tuple[str, bytes]], most_lines: int, most_bytes: int, budget: int
) -> None:
    gathering = Gathering(most_lines, most_bytes, budget)
    blobs: list[Blob] = []
    for folder, line in lines:
        blobs += gathering.add(folder, line)
        assert gathering.taken <= budget
    blobs += gathering.rest()
    assert gathering.taken == 0
    out: dict[str, list[bytes]] = defaultdict(list)
    for blob in blobs:
        some = lines_in(blob.text)
        assert 1 <= len(some) <= most_lines
        assert len(blob.text) <= most_bytes or len(some) == 1
        out[blob.folder] += some
    for name in out:
        assert out[name] == [line for folder, line in lines if folder == name]
    assert sum(map(len, out.values())) == len(lines)


def test_over_budget_the_folder_open_for_longest_goes_first() -> None:
    gathering = Gathering(100, 10_000, 4_000)
    assert [*gathering.add("a", b"1" * 100), *gathering.add("b", b"2" * 100), *gathering.add("a", b"3" * 100)] == []
    gone = [*gathering.add("c", b"4" * 1_000), *gathering.add("d", b"5" * 1_000)]
    assert [blob.folder for blob in gone] == ["a", "b"]
    assert [blob.folder for blob in gathering.rest()] == ["c", "d"]


def test_a_hundred_thousand_open_folders_take_no_more_memory_than_the_budget() -> None:
    budget = 40_000_000
    gathering = Gathering(5_000, 100_000, budget)
    made = 0
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in range(300_000):
        # Made for each message anew, as lines are.
        for _ in gathering.add(f"archive/date=2026-01-02/location=hall-{number % 100_000}", b"%0400d" % number):
            made += 1
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - before <= budget
    assert made > 100_000  # the budget was reached, and kept by giving back
    assert gathering.taken > budget * 0.9
