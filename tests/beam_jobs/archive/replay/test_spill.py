"""What waits comes back as it was, wherever it lay, and leaves its room to others."""

import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_jobs.archive.replay.spill import Spill


@given(
    texts=st.lists(st.binary(max_size=60), max_size=8),
    memory=st.integers(0, 100),
    page=st.integers(1, 20),
    data=st.data(),
)
def test_texts_come_back_page_by_page_however_they_are_taken_in_turn(
    texts: list[bytes], memory: int, page: int, data: st.DataObject
) -> None:
    waiting, found = list(enumerate(texts)), [b""] * len(texts)
    kept = {}
    with closing(Spill(memory, page)) as spill:
        while waiting or kept:
            if waiting and (not kept or data.draw(st.booleans())):
                number, text = waiting.pop(0)
                kept[number] = spill.keep(text)
                continue
            number = data.draw(st.sampled_from(sorted(kept)))
            taken = spill.take(kept[number])
            assert len(taken) <= page
            found[number] += taken
            if not taken:
                del kept[number]
    assert found == texts


def test_the_file_grows_no_larger_than_what_waits_at_one_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    spill = Spill(memory=10, page=10)
    first = spill.keep(b"a" * 100)
    for number in range(50):
        kept = spill.keep(b"%05d" % number * 20)
        assert spill.take(kept) == b"%05d" % number * 2
        spill.drop(kept)
    rest = b""
    while page := spill.take(first):
        rest += page
    assert rest == b"a" * 100
    assert spill.size <= 200
    spill.close()
