"""The manifest says of each object what proves it, in parts named from what they say."""

import dataclasses

import pytest

from beam_jobs.archive.formats import FORMATS, FormatName
from beam_jobs.archive.lines import line
from beam_jobs.archive.manifest import Entry, decode, encode, entry, folder, parts, union
from beam_jobs.archive.objects import ArchiveObject, archive_object
from bridge import envelope
from tests.beam_jobs.archive.parts import message


def an_object(*times: str, form: FormatName = "jsonl.gz") -> ArchiveObject:
    lines = [line(envelope.parse(message(time, ce_time=time))).json for time in times]
    return archive_object("a/b/date=2026-01-02/location=hall", lines, form)


@pytest.mark.parametrize("form", FORMATS)
def test_an_entry_says_what_an_object_holds_and_how_to_prove_it(form: FormatName) -> None:
    made = an_object("2026-01-02T03:59:59Z", "2026-01-02T04:00:00Z", form=form)
    assert entry("a/b", made) == Entry(
        name=made.name,
        partition="date=2026-01-02/location=hall",
        format=form,
        bytes=len(made.content),
        crc32c=made.crc32c,
        sha256=made.metadata["sha256"],
        count=2,
        min_event_time="2026-01-02T03:59:59.000000Z",
        max_event_time="2026-01-02T04:00:00.000000Z",
    )


def test_a_part_lists_the_objects_that_begin_in_its_hour_and_is_the_same_in_any_order() -> None:
    made = [an_object(f"2026-01-02T{hour}:00:00Z") for hour in ("03", "04")] + [an_object("2026-01-02T03:30:00Z")]
    entries = [entry("a/b", one) for one in made]
    first, second = parts("a/b", entries)
    assert parts("a/b", [*reversed(entries), *entries]) == [first, second]
    assert first.name.startswith("a/b/_manifest/date=2026-01-02/hour=03/")
    assert first.name.startswith(folder("a/b", "2026-01-02T03:59:59.000000Z") + "/")
    assert second.name.startswith(folder("a/b", "2026-01-02", hour=False) + "/hour=04/")
    assert first.name.endswith(".jsonl")
    assert decode(first.content) == sorted([entries[0], entries[2]])
    assert decode(second.content) == [entries[1]]


def test_what_is_listed_twice_is_there_once() -> None:
    first = entry("a/b", an_object("2026-01-02T03:00:00Z"))
    assert union([first, dataclasses.replace(first)]) == {first.name: first}
    assert decode(encode([first, first])) == [first, first]


@pytest.mark.parametrize("text", [b"[]\n", b"{}\n", b'{"name": "a"}\n', b"x\n"])
def test_what_is_no_entry_is_told(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"manifest|line 1"):
        decode(text)
