"""Whatever a lookup gives, each message goes on, is dead, or is held with its batch, as the policies say."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_jobs.enrichment.cache.layers import STALE
from beam_jobs.enrichment.cache.lookup import Lookup
from beam_jobs.enrichment.transforms import Enricher
from beam_jobs.errors import RetryLater
from bridge import envelope
from tests.beam_jobs.enrichment.parts import Clock, Register, attributes, config, record

WINDOW = {"window.start": "2026-01-02T03:04:00Z", "window.end": "2026-01-02T03:05:00Z"}


@pytest.fixture
def register() -> Register:
    return Register(Clock(), {"known": record("hall")})


def message(identity: str = "1", payload: bytes = b"{}", **facts: str) -> bytes:
    given = {"ce-specversion": "1.0", "ce-id": identity, "ce-time": "2026-01-02T03:04:05Z"}
    named = {name.replace("_", "-"): value for name, value in facts.items()}
    return envelope.data(payload) + envelope.attributes(given | named)


def enricher(register: Register, **settings: Any) -> Enricher:
    return Enricher(Lookup(register), config(**settings))


def added(stage: Enricher, raw: bytes) -> dict[str, str]:
    """What a message got that it did not have, window aside."""
    (out,) = stage([raw]).messages
    assert out.startswith(raw)
    return {name: value for name, value in attributes(out[len(raw) :]).items() if not name.startswith("window.")}


def reasons(stage: Enricher, raw: Sequence[bytes]) -> list[str]:
    return [attributes(letter)["dead_letter.reason"] for letter in stage(raw).dead_letters]


def test_a_known_device_adds_its_record_and_the_window(register: Register) -> None:
    raw = message(ce_subject="known")
    (out,) = enricher(register)([raw]).messages
    facts = attributes(out[len(raw) :])
    assert facts.pop("window.late", "true") == "true"
    assert facts == {"device.location": "hall", "enrichment.status": "ok"} | WINDOW


@pytest.mark.parametrize("published_after", [0.0, 179.0, 180.0, 181.0])
@pytest.mark.parametrize("read_after", [0.0, 170.0, 175.0, 181.0, 86_400.0])
def test_late_is_what_pubsub_took_late_however_long_the_job_takes_to_get_to_it(
    published_after: float, read_after: float, register: Register
) -> None:
    """With windows of 60 s and lateness of 120 s an event at the start of its window is late after 180 s."""
    start = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    raw = message(ce_subject="known", ce_time=envelope.timestamp(start))
    raw += envelope.publish_time(start + timedelta(seconds=published_after))
    for after in (max(read_after, published_after), published_after - 5):  # Pub/Sub's clock may be ahead of ours
        now = (start + timedelta(seconds=after)).timestamp()
        stage = Enricher(Lookup(register), config(allowed_lateness_seconds=120), lambda now=now: now)
        (out,) = stage([raw]).messages
        assert ("window.late" in attributes(out)) == (published_after >= 180)


def test_a_message_without_time_of_publishing_is_late_by_the_clock(register: Register) -> None:
    end = datetime(2026, 1, 2, 3, 5, tzinfo=UTC).timestamp()
    for now, late in ((end + 59.5, False), (end + 60.5, True)):
        stage = Enricher(Lookup(register), config(allowed_lateness_seconds=60), lambda now=now: now)
        (out,) = stage([message(ce_subject="known")]).messages
        assert ("window.late" in attributes(out)) == late


def test_one_lookup_is_made_for_all_messages_of_a_batch(register: Register) -> None:
    batch = [message(str(number), ce_subject=f"d{number % 3}") for number in range(300)]
    assert enricher(register)(batch).done == 300
    assert register.asked == [{"d0", "d1", "d2"}]


@pytest.mark.parametrize("facts", [{"ce_subject": "unknown"}, {"ce_subject": ""}, {}])
def test_a_message_without_a_known_device_is_marked_or_dead(facts: dict[str, str], register: Register) -> None:
    assert added(enricher(register), message(**facts)) == {"enrichment.status": "not_found"}
    assert reasons(enricher(register, on_missing="dead_letter"), [message(**facts)]) == ["device_unknown"]


def test_with_the_register_away_messages_are_marked_or_dead_or_held(register: Register) -> None:
    register.away = True
    raw = message(ce_subject="known")
    assert added(enricher(register), raw) == {"enrichment.status": "unavailable"}
    dead = enricher(register, on_unavailable="dead_letter")
    assert reasons(dead, [raw]) == ["enrichment_unavailable"]
    held = enricher(register, on_unavailable="hold")
    with pytest.raises(RetryLater, match="1 devices"):
        held([raw, message()])
    register.away = False
    assert added(held, raw)["enrichment.status"] == "ok"


def test_a_message_without_a_device_is_not_held(register: Register) -> None:
    register.away = True
    assert added(enricher(register, on_unavailable="hold"), message()) == {"enrichment.status": "not_found"}


def test_a_stale_record_goes_on_marked_whatever_the_policies(register: Register) -> None:
    register.records["known"] = record("hall") + STALE
    for policy in ("forward", "dead_letter", "hold"):
        facts = added(enricher(register, on_unavailable=policy), message(ce_subject="known"))
        assert facts == {"device.location": "hall", "enrichment.status": "stale"}


def test_the_key_may_be_any_attribute_or_stand_in_the_payload(register: Register) -> None:
    captured = envelope.attribute("capture.box", "known")
    assert added(enricher(register, key="capture.box"), message() + captured)["device.location"] == "hall"
    raw = message(payload=b'{"meta": {"id": "known"}}', ce_subject="other")
    assert added(enricher(register, key_pointer="/meta/id"), raw)["device.location"] == "hall"


def test_what_the_device_says_of_itself_does_not_stand_against_the_register(register: Register) -> None:
    raw = message(ce_subject="known") + envelope.attributes({"device.location": "forged", "enrichment.status": "ok"})
    assert attributes(enricher(register)([raw]).messages[0])["device.location"] == "hall"


PAYLOADS = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([b'{"id": "known"}', b'{"id": "other"}', b'{"id": NaN}', b"[" * 900, b"\xff", b'{"id": 1e999}']),
)
FACTS = st.fixed_dictionaries(
    {},
    optional={
        "ce_subject": st.sampled_from(["known", "other", ""]) | st.text(max_size=5),
        "ce_specversion": st.sampled_from(["1.0", "2.0", ""]),
        "ce_time": st.sampled_from(["", "yesterday", "2026-01-02T03:04:05", "9999-12-31T23:59:59-14:00"]),
    },
)


@given(
    contents=st.lists(st.tuples(PAYLOADS, FACTS), max_size=12),
    away=st.booleans(),
    on_missing=st.sampled_from(["forward", "dead_letter"]),
    on_unavailable=st.sampled_from(["forward", "dead_letter", "hold"]),
    on_late=st.sampled_from(["forward", "dead_letter"]),
    pointer=st.sampled_from([None, "/id"]),
)
def test_every_message_comes_out_once_or_is_dead_by_id(
    contents: list[tuple[bytes, dict[str, str]]], away: bool, pointer: str | None, **policies: Any
) -> None:
    register = Register(Clock(), {"known": record("hall")})
    register.away = away
    batch = [message(str(number), payload, **facts) for number, (payload, facts) in enumerate(contents)]
    try:
        result = enricher(register, key_pointer=pointer, **policies)(batch)
    except RetryLater:
        assert away
        assert policies["on_unavailable"] == "hold"
        return
    assert result.done == len(result.messages)
    out = [envelope.parse(raw) for raw in result.messages + result.dead_letters]
    assert sorted((one.attributes["ce-id"] for one in out), key=int) == [str(number) for number in range(len(batch))]
    for one in out:
        assert one.data == contents[int(one.attributes["ce-id"])][0]
