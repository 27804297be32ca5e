"""Objects are complete, in their place, and the same for the same messages."""

import hashlib
import random

import pytest

from beam_jobs.archive.formats import FORMATS, FormatName, text_of
from beam_jobs.archive.lines import line, read
from beam_jobs.archive.objects import LONGEST_FILE, archive_object
from bridge import envelope
from tests.beam_jobs.archive.parts import message


def archived(identity: str, time: str, payload: bytes = b"x", **attributes: str) -> bytes:
    return line(envelope.parse(message(identity, payload, ce_time=time, **attributes))).json


MADE = [archived(str(n), f"2026-01-02T03:04:{n:02d}Z", b"x" * n) for n in range(50)]


@pytest.mark.parametrize("form", FORMATS)
def test_an_object_holds_its_lines_by_event_time_and_says_what_it_holds(form: FormatName) -> None:
    made = archive_object("p/f", random.Random(1).sample(MADE, len(MADE)), form)
    lines = FORMATS[form].decode(made.content)
    assert [read(one)["id"] for one in lines] == [str(n) for n in range(50)]
    digest = hashlib.sha256(text_of(lines)).hexdigest()
    assert made.name == f"p/f/20260102T030400Z-{digest[:16]}-50.{form}"
    assert made.metadata == {
        "count": "50",
        "min-event-time": "2026-01-02T03:04:00.000000Z",
        "max-event-time": "2026-01-02T03:04:49.000000Z",
        "line-version": "1",
        "sha256": digest,
    }


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_messages_in_any_order_make_the_same_object(form: FormatName) -> None:
    shuffled = random.Random(2).sample(MADE, len(MADE))
    assert archive_object("p", MADE, form) == archive_object("p", shuffled, form)


def test_a_message_that_came_twice_is_written_once() -> None:
    made = archive_object("p", [MADE[1], MADE[0], MADE[1]], "jsonl.gz")
    assert made == archive_object("p", MADE[:2], "jsonl.gz")
    assert made.metadata["count"] == "2"


def test_other_messages_make_an_object_of_another_name() -> None:
    names = {archive_object("p", [archived(one, "2026-01-02T03:04:05Z")], "jsonl.gz").name for one in "ab"}
    assert len(names) == 2


def test_a_message_sent_again_with_other_facts_does_not_meet_its_first_copy() -> None:
    copies = [archived("1", "2026-01-02T03:04:05Z", received=at) for at in ("03:04:06", "03:04:09")]
    first, again = (archive_object("p", [one], "jsonl.gz").name for one in copies)
    assert first != again


@pytest.mark.parametrize("form", FORMATS)
def test_the_name_behind_a_folder_has_a_longest_length(form: FormatName) -> None:
    made = archive_object("p", MADE[:1], form)
    assert len(made.name) - len("p/") + len(str(10**9)) < LONGEST_FILE
