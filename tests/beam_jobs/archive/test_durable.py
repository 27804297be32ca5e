"""What is held goes when there are enough messages, enough bytes, when it is old enough, or when the stream ends."""

import random
from collections import Counter, defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_jobs.archive.config import ArchiveConfig
from beam_jobs.archive.durable import BLOB_BYTES, GatherFn, blob_bytes, shard, unpacked
from beam_jobs.archive.formats import lines_in, text_of
from beam_jobs.archive.gathering import Blob, Gathering
from beam_jobs.archive.lines import read
from beam_jobs.archive.pipeline import build
from beam_jobs.archive.transforms import LineReader
from beam_jobs.embedded import Graph
from beam_jobs.messages import HandedInEdges
from beam_jobs.stages import DEAD_LETTERS
from bridge import envelope
from tests.beam_jobs.archive.parts import Archived, config, message
from tests.beam_jobs.archive.streams import Ended, Stream

HOT, COLD = {"device__location": "hot"}, {"device__location": "cold"}


def messages(first: int, count: int, **attributes: str) -> list[bytes]:
    return [message(str(number), **attributes) for number in range(first, first + count)]


def ids(batch: tuple[str, bytes]) -> list[str]:
    return [read(line)["id"] for line in lines_in(unpacked(batch).text)]


def story(ended: Ended) -> list[Any]:
    """Bundles as how many came, batches as the ids that left."""
    return [one if isinstance(one, int) else sorted(ids(one), key=int) for one in ended.happened]


def counts(archived: Archived) -> list[int]:
    return sorted(len(lines) for lines in archived.lines.values())


def test_enough_messages_go_at_once_and_never_more_of_them() -> None:
    stream = Stream().send(*messages(0, 4)).send(*messages(4, 4)).send(*messages(8, 4)).send(*messages(12, 10))
    ended = stream.held(config(flush_messages=10, shards=1))
    batches = [["0", "1", "2", "3", "4", "5", "6", "7"], ["8", "9", "10", "11"], [str(n) for n in range(12, 22)]]
    assert story(ended) == [4, 4, 4, batches[0], 10, batches[1], batches[2]]
    assert ended.left == []


def test_enough_bytes_go_at_once_and_never_more_of_them_but_for_one_long_line() -> None:
    stream = Stream()
    for number in range(12):
        stream.send(message(str(number), b"x" * 800))
    ended = stream.send(message("12", b"x" * 9_000)).held(config(flush_bytes=5_000, shards=1))
    assert [len(ids(batch)) for batch in ended.out] == [4, 4, 4, 1]
    assert all(len(unpacked(batch).text) <= 5_000 for batch in ended.out[:-1])
    assert ended.left == []


def test_what_is_old_enough_goes_without_another_message() -> None:
    ended = Stream().send(*messages(0, 3)).clock(59).send(*messages(3, 1)).clock(1).send(*messages(4, 1)).held(config())
    assert story(ended) == [3, 1, ["0", "1", "2", "3"], 1, ["4"]]
    assert ended.left == []


def test_age_is_that_of_what_is_held_now() -> None:
    stream = Stream().send(*messages(0, 2)).clock(30).send(*messages(2, 2)).clock(30).send(*messages(4, 1)).clock(29)
    stream.send(*messages(5, 1)).clock(1).send(*messages(6, 1))
    ended = stream.held(config(flush_messages=3, shards=1))
    assert story(ended) == [2, 2, ["0", "1"], 1, ["2", "3", "4"], 1, 1, ["5", "6"]]
    later = Stream().send(*messages(0, 3)).clock(50).send(*messages(3, 1)).clock(59).send(*messages(4, 1)).clock(1)
    ended = later.send(*messages(5, 1)).held(config(flush_messages=3, shards=1))
    assert story(ended) == [3, ["0", "1", "2"], 1, 1, ["3", "4"], 1, ["5"]]
    assert ended.left == []


def test_a_busy_folder_does_not_starve_a_quiet_one() -> None:
    stream = Stream().send(*messages(0, 1, **COLD))
    for second in range(60):
        stream.send(*messages(1_000 + second * 10, 10, **HOT)).clock(1)
    ended = stream.send(*messages(1, 1, **HOT)).held(config(flush_messages=20, shards=1))
    quiet = next(place for place, one in enumerate(ended.happened) if not isinstance(one, int) and "cold" in one[0])
    assert ended.happened[:quiet].count(10) == 60  # by the clock, after a minute
    assert ended.happened[quiet:].count(1) == 1  # and not by the end
    assert ended.left == []


def test_b9_a_jump_of_the_watermark_neither_loses_nor_hurries_anything(bucket: Any) -> None:
    stream = Stream().send(*messages(0, 2)).watermark(4e9).send(*messages(2, 2)).clock(60).watermark(8e9)
    ended = stream.send(*messages(4, 1)).archived(config(bucket.name))
    archived = Archived(bucket)
    assert counts(archived) == [1, 4]
    assert archived.ids == Counter(map(str, range(5)))
    assert ended.left == []
    archived.proved()


def test_b9_late_data_goes_to_the_folder_of_its_event_date(bucket: Any) -> None:
    stream = (
        Stream()
        .watermark(4e9)
        .send(
            message("1", ce_time="2026-01-02T23:59:59.9Z"),
            message("2", ce_time="1999-12-31T23:00:00Z"),
            message("3", ce_time="2026-01-03T00:30:00+01:00"),
        )
    )
    ended = stream.archived(config(bucket.name))
    archived = Archived(bucket)
    folders = {read(line)["id"]: name.split("/")[1] for name, lines in archived.lines.items() for line in lines}
    assert folders == {"1": "date=2026-01-02", "2": "date=1999-12-31", "3": "date=2026-01-02"}
    assert (ended.out, ended.left) == ([], [])
    archived.proved()


@pytest.mark.parametrize("form", ["jsonl.gz", "jsonl.zst", "parquet"])
def test_b9_a_drain_writes_all_that_is_held_and_leaves_no_state(bucket: Any, form: str) -> None:
    stream = Stream()
    for number in range(30):
        stream.send(message(str(number), device__location=f"hall-{number % 7}"))
    ended = stream.archived(config(bucket.name, format=form))
    archived = Archived(bucket)
    assert len(archived.blobs) == 7
    assert archived.ids == Counter(map(str, range(30)))
    assert (ended.out, ended.left) == ([], [])
    archived.proved()


def test_what_is_no_line_is_a_dead_letter_and_holds_up_nobody(bucket: Any) -> None:
    ended = Stream().send(message("1"), message("2", b"\xff", ce_time="soon")).archived(config(bucket.name))
    (letter,) = map(envelope.parse, ended.out)
    assert (letter.data, letter.attributes["ce-id"]) == (b"\xff", "2")
    assert letter.attributes["dead_letter.reason"] == "invalid_event_time"
    assert Archived(bucket).ids == Counter(["1"])


def test_b6_messages_whose_object_meets_another_are_dead_letters_as_they_came(bucket: Any, caplog: Any) -> None:
    stream = Stream().send(message("1", b"\x00\xff", device__location="a"), message("2", device__location="b"))
    stream.archived(config(bucket.name))
    (name,) = (name for name in Archived(bucket).blobs if "location=a" in name)
    bucket.blob(name).upload_from_string(b"somebody else's")
    again = Stream().send(message("1", b"\x00\xff", device__location="a"), message("2", device__location="b"))
    (letter,) = map(envelope.parse, again.archived(config(bucket.name)).out)
    original = envelope.parse(message("1", b"\x00\xff", device__location="a"))
    assert letter.data == original.data
    assert dict(original.attributes).items() <= dict(letter.attributes).items()
    assert letter.attributes["dead_letter.reason"] == "archive_conflict"
    assert f"gs://{bucket.name}/{name} exists with other content" in caplog.text
    assert bucket.blob(name).download_as_bytes() == b"somebody else's"


def shards_of(settings_: ArchiveConfig, raw: list[bytes]) -> dict[str, set[int]]:
    """The shards that hold a folder's blobs of one bundle."""
    reader = LineReader(settings_)
    gathering = Gathering(settings_.flush_messages, blob_bytes(settings_), settings_.open_bytes)
    shards: dict[str, set[int]] = defaultdict(set)
    blobs: list[Blob] = []
    for one in raw:
        blobs += gathering.add(*reader.read(one))
        assert gathering.taken <= settings_.open_bytes
    for blob in [*blobs, *gathering.rest()]:
        shards[blob.folder].add(shard(blob.text, settings_))
    return shards


@settings(max_examples=12)
@given(seed=st.integers(0, 1_000), flush_messages=st.integers(50, 400), bundles=st.integers(1, 6))
def test_b10_a_hot_folder_is_spread_and_caps_hold(seed: int, flush_messages: int, bundles: int) -> None:
    """Nine messages of ten are for one of eleven folders."""
    chance = random.Random(seed)
    settings_ = config(flush_messages=flush_messages, flush_bytes=100_000, open_bytes=300_000)
    stream = Stream()
    sent: list[bytes] = []
    shards: set[int] = set()
    for bundle in range(bundles):
        some = [
            message(
                f"{bundle}-{number}",
                b"x" * chance.randrange(800),
                device__location="hot" if chance.random() < 0.9 else f"cold-{chance.randrange(10)}",
            )
            for number in range(1_000)
        ]
        stream.send(*some)
        sent += some
        found = shards_of(settings_, some)
        shards |= found.pop("archive/date=2026-01-02/location=hot")
        assert set().union(*found.values()) <= set(range(4))  # the quiet ones stay closer
    assert len(shards) >= (2 if bundles < 3 else 4)
    ended = stream.held(settings_)
    out = Counter(identity for batch in ended.out for identity in ids(batch))
    assert out == Counter(envelope.parse(one).attributes["ce-id"] for one in sent)
    assert all(len(ids(batch)) <= flush_messages and len(unpacked(batch).text) <= 100_000 for batch in ended.out)
    assert ended.left == []


def test_full_blobs_are_held_by_all_shards_and_small_ones_by_one() -> None:
    large = [text_of([b"%d" % number, b"x" * BLOB_BYTES]) for number in range(400)]
    many = [text_of([b"%d" % number] * 100) for number in range(400)]
    small = [text_of([b"%d" % number]) for number in range(400)]
    assert {shard(text, config()) for text in large} == set(range(8))
    assert {shard(text, config(flush_messages=100)) for text in many} == set(range(8))
    assert {shard(text, config()) for text in small} == {0}
    assert {shard(text, config(shards=1)) for text in large} == {0}


def test_dead_letters_of_a_bundle_leave_while_it_runs() -> None:
    gather = GatherFn(config())
    gather.setup()
    gather.start_bundle()
    (letter,) = gather.process(message("1", ce_time="")) or []
    assert letter.tag == DEAD_LETTERS
    assert list(gather.finish_bundle()) == []


class KeepsState(HandedInEdges):
    """Edges of an engine that keeps state; Beam's own engine does for one run, and counts what happens."""

    durable_state = True


def test_what_happens_is_counted(bucket: Any, topics: Any) -> None:
    settings_ = config(bucket.name, flush_messages=10, shards=1, dead_letter_topic=topics().name)
    graph = Graph("counted", lambda pipeline, _: build(pipeline, settings_, KeepsState("counted")))
    twice = message("0", device__location="b")
    counted = graph.run([*messages(0, 25), message("x", ce_time="soon"), twice, twice])
    archived = Archived(bucket)
    assert counts(archived) == [1, 5, 10, 10]
    assert (counted.outcomes["in"], counted.outcomes["out"]) == (28, 27)
    assert (
        counted.details.items()
        >= {
            "archive_blobs": 4,
            "archive_flushed_full": 2,
            "archive_oldest_wait_ms_count": 4,
            "archive_objects": 4,
            "archive_object_messages_sum": 26,
            "archive_object_messages_count": 4,
            "archive_object_bytes_sum": sum(blob.size for blob in archived.blobs.values()),
            "archive_repeated_lines": 1,
            "archive_manifest_parts": 1,
        }.items()
    )
    ended = counted.details.get("archive_flushed_at_end", 0) + counted.details.get("archive_flushed_aged", 0)
    assert ended == 2  # which of them comes first at the end is the engine's choice
