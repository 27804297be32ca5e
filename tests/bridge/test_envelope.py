"""The envelope's bytes are protobuf's own, and appending means merging."""

from datetime import UTC, datetime

from google.pubsub_v1.types import PublishRequest
from hypothesis import given
from hypothesis import strategies as st

from bridge import envelope

REQUEST = type(PublishRequest.pb(PublishRequest()))
TEXT = st.text(max_size=300)
PAIRS = st.dictionaries(TEXT, TEXT, max_size=20)


@given(payload=st.binary(max_size=3_000), pairs=PAIRS, key=TEXT)
def test_what_is_encoded_is_what_protobuf_reads(payload: bytes, pairs: dict[str, str], key: str) -> None:
    message = envelope.parse(envelope.data(payload) + envelope.attributes(pairs) + envelope.ordering_key(key))
    assert (message.data, dict(message.attributes), message.ordering_key) == (payload, pairs, key)


@st.composite
def wire_messages(draw: st.DrawFn) -> bytes:
    """Fields of a message in any order, repeated and unknown ones too, as blocks appended to each other make them."""
    block = st.one_of(
        st.binary(max_size=300).map(envelope.data),
        st.builds(envelope.attribute, TEXT, TEXT),
        st.text(max_size=300).map(envelope.ordering_key),
        st.text(max_size=5).map(lambda key: b"\xaa\x80\x00" + envelope.ordering_key(key)[1:]),  # a tag written long
        st.text(max_size=42).map(lambda text: b"\x1a" + envelope.length(len(text.encode())) + text.encode()),
        st.integers(0, 2**63).map(lambda number: b"\x38" + envelope.length(number)),  # unknown, a number
    )
    return b"".join(draw(st.lists(block, max_size=6)))


@given(raw=wire_messages())
def test_an_ordering_key_is_the_one_that_protobuf_reads(raw: bytes) -> None:
    assert envelope.ordering_key_of(raw) == envelope.parse(raw).ordering_key


@given(moment=st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis asks so
def test_a_publish_time_is_kept_to_the_second(moment: datetime) -> None:
    message = envelope.parse(envelope.attribute("a", "b") + envelope.publish_time(moment))
    assert message.publish_time.ToDatetime(tzinfo=UTC) == moment.replace(microsecond=0)


def test_a_star_in_a_payload_or_a_length_is_no_ordering_key() -> None:
    assert envelope.ordering_key_of(envelope.data(b"*\x03abc" + b"x" * 37) + envelope.attribute("k", "*" * 37)) == ""
    assert envelope.ordering_key_of(b"") == ""


@given(first=PAIRS, second=PAIRS)
def test_appended_attributes_win_over_earlier_ones_of_the_same_name(
    first: dict[str, str], second: dict[str, str]
) -> None:
    raw = envelope.parse(envelope.attributes(first)).SerializeToString() + envelope.attributes(second)
    assert dict(envelope.parse(raw).attributes) == first | second


@given(messages=st.lists(st.tuples(st.binary(max_size=200), PAIRS), max_size=8))
def test_a_publish_request_holds_its_messages_in_order(messages: list[tuple[bytes, dict[str, str]]]) -> None:
    raw = [envelope.data(payload) + envelope.attributes(pairs) for payload, pairs in messages]
    request = REQUEST.FromString(envelope.publish_request("projects/p/topics/t", raw))
    assert request.topic == "projects/p/topics/t"
    assert [(one.data, dict(one.attributes)) for one in request.messages] == messages


@given(number=st.integers(0, 2**40))
def test_lengths_are_varints_of_any_size(number: int) -> None:
    encoded = envelope.length(number)
    decoded = sum((byte & 127) << (7 * place) for place, byte in enumerate(encoded))
    assert decoded == number
    assert all(byte > 127 for byte in encoded[:-1])
    assert encoded[-1] < 128


@given(text=st.text(max_size=2_000), limit=st.integers(0, 1_100))
def test_truncation_keeps_whole_characters_within_the_limit(text: str, limit: int) -> None:
    kept = envelope.truncated(text, limit)
    assert text.startswith(kept)
    assert len(kept.encode()) <= limit
    assert kept == text or len(text[: len(kept) + 1].encode()) > limit


@given(pairs=st.lists(st.tuples(TEXT, st.text(max_size=1_500)), max_size=80), room=st.integers(0, 60))
def test_whatever_devices_send_fits_into_the_limits_of_pubsub(pairs: list[tuple[str, str]], room: int) -> None:
    kept, lost = envelope.fitted(pairs, room)
    assert len(kept) <= room
    assert all(0 < len(key.encode()) <= 256 and not key.startswith("goog") for key in kept)
    assert all(len(value.encode()) <= 1_024 for value in kept.values())
    assert lost >= 0


def test_repeated_names_are_joined_in_their_order() -> None:
    assert envelope.fitted([("a", "1"), ("b", "2"), ("a", "3")], 10) == ({"a": "1,3", "b": "2"}, 0)


def test_what_is_dropped_or_cut_is_counted() -> None:
    kept, lost = envelope.fitted([("", "x"), ("googly", "x"), ("k" * 257, "x"), ("long", "v" * 1_025), ("ok", "v")], 10)
    assert lost == 4
    assert kept == {"long": "v" * 1_024, "ok": "v"}


def test_a_long_topic_is_cut_and_told_apart_by_its_hash() -> None:
    facts = envelope.fitted_topic("a/" * 1_000)
    assert len(facts["mqtt.topic"]) == 1_024
    assert len(facts["mqtt.topic_sha256"]) == 64


def test_a_dead_letter_keeps_the_message_and_says_what_happened() -> None:
    raw = envelope.data(b"\xff\x00") + envelope.attribute("ce-id", "7")
    block = envelope.dead_letter(
        stage="bridge", reason="no_route", error=ValueError("none"), original_topic="a/b", time="2026-01-01T00:00:00Z"
    )
    message = envelope.parse(raw + block)
    assert message.data == b"\xff\x00"
    assert dict(message.attributes) == {
        "ce-id": "7",
        "dead_letter.stage": "bridge",
        "dead_letter.reason": "no_route",
        "dead_letter.error_class": "ValueError",
        "dead_letter.message": "none",
        "dead_letter.attempt": "1",
        "dead_letter.original_topic": "a/b",
        "dead_letter.time": "2026-01-01T00:00:00Z",
    }
