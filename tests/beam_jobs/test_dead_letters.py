"""The block that makes a message a dead letter, on what it was before."""

import re
from typing import Any

import pytest

from beam_jobs.dead_letters import dead_letter
from beam_jobs.errors import CannotSucceed
from bridge import envelope
from director.addressing import RETRY_ATTEMPT, RETRY_TO, address

SUBSCRIPTION = "projects/p/subscriptions/enriched-warehouse"
TOPIC = "projects/p/topics/enriched"
ERROR = CannotSucceed("column a: no number", "invalid_value")


def facts(raw: bytes, error: Exception = ERROR) -> dict[str, str]:
    return dict(envelope.parse(dead_letter(raw, "warehouse", SUBSCRIPTION, error)).attributes)


def test_bytes_and_attributes_stay_and_what_happened_is_added(message: Any) -> None:
    raw = message("id-1", b"\x00\xff")
    letter = envelope.parse(dead_letter(raw, "warehouse", SUBSCRIPTION, ERROR))
    assert letter.data == b"\x00\xff"
    added = dict(letter.attributes)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", added.pop("dead_letter.time"))
    assert added == dict(envelope.parse(raw).attributes) | {
        "dead_letter.stage": "warehouse",
        "dead_letter.reason": "invalid_value",
        "dead_letter.error_class": "CannotSucceed",
        "dead_letter.message": "column a: no number",
        "dead_letter.attempt": "1",
        "dead_letter.original_topic": SUBSCRIPTION,
    }


def test_an_error_of_no_kind_we_know_is_processing_failed(message: Any) -> None:
    assert facts(message("id-1"), ZeroDivisionError("by zero"))["dead_letter.reason"] == "processing_failed"


def test_what_was_sent_back_here_says_which_try_it_was(message: Any) -> None:
    raw = message("id-1") + envelope.attributes({RETRY_TO: address(TOPIC, SUBSCRIPTION), RETRY_ATTEMPT: "3"})
    assert facts(raw)["dead_letter.attempt"] == "3"


def test_a_retry_of_an_earlier_stage_is_no_try_of_this_one(message: Any) -> None:
    raw = message("id-1") + envelope.attributes({RETRY_TO: "ingestion/ingestion-enrichment", RETRY_ATTEMPT: "3"})
    assert facts(raw)["dead_letter.attempt"] == "1"


@pytest.mark.parametrize("number", ["", "0", "-1", "many", "1e9", "9" * 30, "٣"])
def test_a_number_that_the_desk_did_not_write_counts_for_nothing(message: Any, number: str) -> None:
    raw = message("id-1") + envelope.attributes({RETRY_TO: address(TOPIC, SUBSCRIPTION), RETRY_ATTEMPT: number})
    assert facts(raw)["dead_letter.attempt"] == "1"


def test_a_payload_that_speaks_of_retries_is_none(message: Any) -> None:
    assert facts(message("id-1", b"retry.to"))["dead_letter.attempt"] == "1"


def test_bytes_that_are_no_message_are_a_dead_letter_all_the_same() -> None:
    assert dead_letter(b"retry.to\xff", "warehouse", SUBSCRIPTION, ERROR).startswith(b"retry.to\xff")
