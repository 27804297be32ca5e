"""A line holds a message whole: what comes back from it is the message that went in."""

from datetime import UTC, datetime

import orjson
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from beam_jobs.archive.lines import event_time_of, line, restored
from beam_jobs.errors import CannotSucceed
from bridge import envelope

FIRST, LAST = -62_135_596_800, 253_402_300_799  # seconds of the years 1 to 9999
FACTS = {"ce-id": "7", "ce-time": "2026-01-02T03:04:05.678901Z"}
PAYLOADS = st.one_of(
    st.binary(max_size=500),
    st.text(max_size=300).map(str.encode),
    st.sampled_from([b"", b"\xff\xfe", b"\x00", b"\n", b"\xed\xa0\x80", b'{"a": "\\n"}', b"x" * 1_000_000]),
    st.sampled_from([b"\x00" * 1_000_000, bytes(range(256)) * 4_000, "ü\u2028".encode() * 100_000]),
)
NAMES = st.text(min_size=1, max_size=20)


@given(
    payload=PAYLOADS,
    attributes=st.dictionaries(NAMES, st.text(max_size=50), max_size=12),
    identity=st.sampled_from(["", "7", "ü-1"]),
    message_id=st.sampled_from(["", "7", "123456789"]),
    ordering_key=st.sampled_from(["", "k", "ü\n"]),
    seconds=st.integers(FIRST, LAST),
    nanos=st.one_of(st.sampled_from([0, 1, 5_000_000, 123_000_000, 123_456_000]), st.integers(0, 999_999_999)),
)
def test_a_message_comes_back_from_its_line_as_it_was(
    payload: bytes,
    attributes: dict[str, str],
    identity: str,
    message_id: str,
    ordering_key: str,
    seconds: int,
    nanos: int,
) -> None:
    message = envelope.parse(envelope.data(payload) + envelope.attributes(attributes | FACTS | {"ce-id": identity}))
    message.message_id = message_id
    message.ordering_key = ordering_key
    message.publish_time.CopyFrom(Timestamp(seconds=seconds, nanos=nanos))
    made = line(message)
    again = envelope.parse(restored(made.json))
    assert again.data == payload
    assert dict(again.attributes) == dict(message.attributes) == made.attributes
    assert (again.message_id, again.ordering_key) == (message_id, ordering_key)
    assert again.publish_time == message.publish_time
    assert line(again).json == made.json
    assert b"\n" not in made.json
    document = orjson.loads(made.json)
    assert (document["v"], document["id"]) == (1, identity or message_id)
    assert document["publish_time"] == message.publish_time.ToJsonString()


@pytest.mark.parametrize(
    ("written", "in_utc"),
    [
        ("2026-01-02T03:04:05.678901Z", "2026-01-02T03:04:05.678901Z"),
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000000Z"),
        ("2026-01-02T00:30:00+01:00", "2026-01-01T23:30:00.000000Z"),
        ("2026-01-02T03:04:05.123456789Z", "2026-01-02T03:04:05.123456Z"),
        ("2026-01-02 03:04:05.678901Z", "2026-01-02T03:04:05.678901Z"),
        ("2026-W01-5T03:04:05.678901Z", "2026-01-02T03:04:05.678901Z"),
        ("2026-W01-5T03:04:05.67890+00", "2026-01-02T03:04:05.678900Z"),
        ("20260102T030405.678901+0000", "2026-01-02T03:04:05.678901Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
    ],
)
def test_the_event_time_of_a_line_is_in_utc_with_microseconds_and_what_the_device_wrote_stays(
    written: str, in_utc: str
) -> None:
    made = line(envelope.parse(envelope.attributes({"ce-id": "1", "ce-time": written})))
    assert made.event_time == in_utc == event_time_of(made.json) == orjson.loads(made.json)["event_time"]
    assert orjson.loads(made.json)["attributes"]["ce-time"] == written
    assert datetime.fromisoformat(in_utc).tzinfo == UTC


def test_lines_sorted_as_bytes_are_sorted_by_event_time() -> None:
    times = ["2026-01-02T03:04:05.9Z", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.10Z", "2025-12-31T23:59:59+05:00"]
    made = [line(envelope.parse(envelope.attributes({"ce-id": "1", "ce-time": time}))) for time in times]
    assert [event_time_of(one) for one in sorted(each.json for each in made)] == sorted(one.event_time for one in made)


@pytest.mark.parametrize("event_time", ["", "soon", "2026-01-02T03:04:05", "0001-01-01T00:00:00+14:00"])
def test_without_a_time_there_is_no_line(event_time: str) -> None:
    with pytest.raises(CannotSucceed) as caught:
        line(envelope.parse(envelope.attributes({"ce-id": "1", "ce-time": event_time})))
    assert caught.value.reason == "invalid_event_time"


def test_a_payload_of_control_characters_takes_no_more_room_than_base64() -> None:
    message = envelope.parse(envelope.data(b"\x01" * 3_000_000) + envelope.attributes(FACTS))
    assert len(line(message).json) < 4_100_000


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"v":2}', b"not json"])
def test_what_is_no_line_is_said_to_be_none(text: bytes) -> None:
    with pytest.raises(ValueError, match="line"):
        restored(text)
