"""Objects are complete, in their place, and the same for the same messages."""

import base64
import gzip
import hashlib
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_jobs.archive.objects import ArchiveObject, Line, line, objects, partition
from beam_jobs.errors import CannotSucceed
from bridge import envelope


def archived(payload: bytes, **attributes: str) -> tuple[str, Line]:
    facts = {name.replace("_", "-"): value for name, value in attributes.items()}
    message = envelope.parse(envelope.data(payload) + envelope.attributes(facts))
    made = line(message)
    return partition(message, made, ["device.location"]), made


def lines_of(one: ArchiveObject) -> list[dict[str, object]]:
    return [json.loads(text) for text in gzip.decompress(one.content).splitlines()]


@given(payload=st.binary(max_size=500), attributes=st.dictionaries(st.text(max_size=20), st.text(max_size=50)))
def test_a_line_gives_back_the_bytes_and_attributes(payload: bytes, attributes: dict[str, str]) -> None:
    facts = attributes | {"ce-id": "7", "ce-time": "2026-01-02T03:04:05Z"}
    document = json.loads(line(envelope.parse(envelope.data(payload) + envelope.attributes(facts))).json)
    restored = document["payload"].encode() if "payload" in document else base64.b64decode(document["payload_base64"])
    assert restored == payload
    assert document["attributes"] == facts
    assert (document["v"], document["id"], document["event_time"]) == (1, "7", "2026-01-02T03:04:05Z")


def test_messages_are_grouped_by_event_date_in_utc_and_key() -> None:
    made = [
        archived(b"a", ce_id="1", ce_time="2026-01-02T00:30:00+01:00"),
        archived(b"b", ce_id="2", ce_time="2026-01-02T00:00:00Z"),
        archived(b"c", ce_id="3", ce_time="2026-01-02T23:59:59Z"),
    ]
    first, second = objects("p", made)
    assert first.name.startswith("p/date=2026-01-01/location=unknown/20260101T233000Z-")
    assert second.name.startswith("p/date=2026-01-02/location=unknown/20260102T000000Z-")
    assert [one["id"] for one in lines_of(second)] == ["2", "3"]
    assert second.metadata["count"] == "2"
    assert second.metadata["max-event-time"] == "2026-01-02T23:59:59.000000Z"
    assert second.metadata["sha256"] == hashlib.sha256(gzip.decompress(second.content)).hexdigest()


def test_the_same_messages_in_any_order_make_the_same_object() -> None:
    made = [archived(b"x" * n, ce_id=str(n), ce_time=f"2026-01-02T03:04:{n:02d}Z") for n in range(50)]
    shuffled = random.Random(1).sample(made, len(made))
    assert objects("p", made) == objects("p", shuffled)


def test_other_messages_make_an_object_of_another_name() -> None:
    names = {
        objects("p", [archived(b"x", ce_id=identity, ce_time="2026-01-02T03:04:05Z")])[0].name for identity in "ab"
    }
    assert len(names) == 2


def test_a_message_sent_again_with_other_facts_does_not_meet_its_first_copy() -> None:
    facts = {"ce_id": "1", "ce_time": "2026-01-02T03:04:05Z"}
    first, again = (objects("p", [archived(b"x", **facts, received=time)])[0] for time in ("03:04:06", "03:04:09"))
    assert first.name != again.name


@pytest.mark.parametrize("location", ["../../etc/passwd", "a/b", "..", "hall 1", "ü", "x" * 300, "a\nb"])
def test_no_value_escapes_its_folder_or_meets_another(location: str) -> None:
    message = envelope.parse(
        envelope.attributes({"ce-id": "1", "ce-time": "2026-01-02T03:04:05Z", "device.location": location})
    )
    place = partition(message, line(message), ["device.location"])
    folder, segment = place.split("/")
    assert folder == "date=2026-01-02"
    assert segment.startswith("location=")
    assert all(character.isascii() and (character.isalnum() or character in "_-=") for character in segment)
    assert segment != f"location={location}"


@pytest.mark.parametrize("event_time", ["", "soon", "2026-01-02T03:04:05", "0001-01-01T00:00:00+14:00"])
def test_without_a_time_there_is_no_place(event_time: str) -> None:
    with pytest.raises(CannotSucceed) as caught:
        archived(b"", ce_id="1", ce_time=event_time)
    assert caught.value.reason == "invalid_event_time"
