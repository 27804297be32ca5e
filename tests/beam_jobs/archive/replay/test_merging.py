"""Pieces of many objects come in the order of their times, each line once, from wherever one begins."""

import random
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_jobs.archive import manifest
from beam_jobs.archive.formats import FORMATS
from beam_jobs.archive.lines import line
from beam_jobs.archive.manifest import Entry
from beam_jobs.archive.objects import archive_object
from beam_jobs.archive.reading.choice import choice
from beam_jobs.archive.reading.contents import Damaged
from beam_jobs.archive.reading.place import Span
from beam_jobs.archive.replay.batches import Batches
from beam_jobs.archive.replay.merging import DAMAGED, MEMORY, Piece, Reading, Source, merged
from bridge import envelope
from tests.beam_jobs.archive.parts import message


def time(second: int) -> str:
    return f"2026-01-02T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.000000Z"


def objects(places: Sequence[Sequence[int]], padding: int = 0) -> list[tuple[Entry, bytes]]:
    """One for each list of seconds, by its first event."""
    made = []
    for number, seconds in enumerate(places):
        raw = [message(f"{number}-{place}", b"*" * padding, ce_time=time(at)) for place, at in enumerate(seconds)]
        one = archive_object("a/x", [line(envelope.parse(some)).json for some in raw], "jsonl.zst")
        lines = FORMATS["jsonl.zst"].decode(one.content)
        made.append((manifest.entry("a", one), b"\n".join([*lines, b""])))
    return sorted(made, key=lambda pair: pair[0].min_event_time)


def texts(found: Iterable[bytes | Damaged]) -> Generator[bytes | Damaged, None, None]:
    yield from found


def pieces(
    made: Sequence[tuple[Entry, Any]],
    done: Sequence[int] = (),
    span: Span = Span(),  # noqa: B008
    memory: int = MEMORY,
) -> Iterator[Piece]:
    begun = [*done, *[0] * len(made)]
    sources = [Source(number, entry, begun[number]) for number, (entry, _) in enumerate(made)]
    reading = Reading(choice(span, [], [], []), lambda text, document: document["id"].encode())
    for run in merged(sources, texts([text for _, text in made]), reading, memory):
        assert run
        yield from run


OBJECTS = st.lists(st.lists(st.integers(0, 300), min_size=1, max_size=12), min_size=1, max_size=8)


@given(places=OBJECTS, data=st.data())
def test_messages_come_in_order_once_each_behind_what_was_done(places: list[list[int]], data: st.DataObject) -> None:
    made = objects(places)
    totals = [text.count(b"\n") for _, text in made]
    done = [data.draw(st.integers(0, total)) for total in totals]
    since, until = sorted([data.draw(st.integers(0, 301)), data.draw(st.integers(0, 301))])
    memory = data.draw(st.sampled_from([0, 1_000, MEMORY]))
    found = list(pieces(made, done, Span(time(since), time(until)), memory))
    sent = [piece for piece in found if piece[3] is not None]
    assert [piece[0] for piece in sent] == sorted(piece[0] for piece in sent)
    expected = Counter(
        one.encode()[15:42]
        for number, (_, text) in enumerate(made)
        for one in text.decode().splitlines()[done[number] :]
        if time(since) <= one[15:42] < time(until)
    )
    assert Counter(piece[0] for piece in sent) == expected
    assert len({piece[3] for piece in sent}) == len(sent)
    ends = {piece[1]: piece[2] for piece in found if piece[3] is None}
    assert ends == dict(enumerate(totals))
    for number in ends:
        of_object = [piece[2] for piece in found if piece[1] == number]
        assert of_object == sorted(of_object)


@pytest.mark.parametrize("memory", [0, 2_000_000, MEMORY])
def test_objects_larger_than_what_is_read_at_once_are_merged_too(memory: int) -> None:
    dice = random.Random(1)
    made = objects([[dice.randrange(3_000) for _ in range(200)] for _ in range(3)], padding=8_000)
    assert all(len(text) > 1_000_000 for _, text in made)
    found = [piece for piece in pieces(made, memory=memory) if piece[3] is not None]
    times = [piece[0] for piece in found]
    assert (len(times), times) == (600, sorted(times))
    assert len({piece[3] for piece in found}) == 600
    half = [piece for piece in pieces(made, [100, 200, 0], memory=memory) if piece[3] is not None]
    assert Counter(piece[1] for piece in half) == {0: 100, 2: 200}


def test_open_objects_share_one_descriptor_however_many_they_are() -> None:
    made = objects([range(200)], padding=8_000) * 12
    before = len(list(Path("/proc/self/fd").iterdir()))
    most = max(len(list(Path("/proc/self/fd").iterdir())) for _ in pieces(made, memory=1_000_000))
    assert most <= before + 2  # the file, and the folder that is listed


def test_an_object_is_not_opened_before_its_first_event_may_be_next() -> None:
    made = objects([[10 * number, 10 * number + 5] for number in range(50)])
    sources = [Source(number, entry, 0) for number, (entry, _) in enumerate(made)]
    reading = Reading(choice(Span(), [], [], []), lambda text, document: text)
    asked: list[int] = []

    def counted() -> Generator[bytes | Damaged, None, None]:
        for number, (_, text) in enumerate(made):
            asked.append(number)
            yield text

    runs = merged(sources, counted(), reading)
    next(runs)
    assert asked == [0]
    assert len(list(runs)) == 49


def test_a_damaged_object_is_told_and_harms_no_other() -> None:
    (first, _), second = objects([[1], [2]])
    found = list(pieces([(first, Damaged("broken")), second]))
    assert [piece[1:] for piece in found] == [
        (0, DAMAGED, None, "broken"),
        (0, 0, None, ""),
        (1, 1, b"1-0", ""),
        (1, 1, None, ""),
    ]


@pytest.mark.parametrize("bad", [b"{", b"[]", b'{"v":2}', b'{"v":1,"attributes":3,"payload":""}', b"\xff"])
def test_a_line_that_is_no_message_is_told_with_its_number(bad: bytes) -> None:
    ((entry, text),) = objects([[1, 2]])
    first, second, _ = text.split(b"\n")
    sources = [Source(0, entry, 0)]
    reading = Reading(
        choice(Span(), ["0-0", "0-1"], [], []), lambda _, document: document["attributes"]["ce-id"].encode()
    )
    (run,) = merged(sources, texts([b"\n".join([first, bad, second, b""])]), reading)
    assert [(piece[2], piece[3], bool(piece[4])) for piece in run] == [
        (1, b"0-0", False),
        (2, None, True),
        (3, b"0-1", False),
        (3, None, False),
    ]


@given(places=OBJECTS, messages=st.integers(1, 7), octets=st.integers(1, 12))
def test_batches_hold_all_pieces_in_order_and_no_more_than_they_may(
    places: list[list[int]], messages: int, octets: int
) -> None:
    made = objects(places)
    batches = Batches(iter([[piece] for piece in pieces(made)]), messages, octets)
    found: list[Piece] = []
    while batch := batches.take():
        assert len(batch) <= messages
        assert len(batch) == 1 or sum(len(piece[3] or b"") for piece in batch) <= octets
        found += batch
    assert found == list(pieces(made))


def test_a_batch_ends_where_the_next_message_is_not_due() -> None:
    made = objects([[1, 2, 3]])
    batches = Batches(iter([list(pieces(made))]))
    assert batches.first() == time(1).encode()
    assert [piece[0].decode() for piece in batches.take(time(2).encode())] == [time(1), time(2)]
    assert batches.first() == time(3).encode()
    assert batches.take(time(2).encode()) == []
    assert len(batches.take()) == 2  # with the end of the object
    assert batches.first() is None
