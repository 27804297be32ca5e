"""Dead letters of the jobs: the message as it came, with a block that says what happened."""

import re
from datetime import UTC, datetime

from google.protobuf.message import DecodeError

from beam_jobs.errors import CannotSucceed
from bridge import envelope
from director.addressing import RETRY_ATTEMPT, RETRY_TO


def dead_letter(raw: bytes, stage: str, subscription: str, error: Exception) -> bytes:
    """`raw` as a dead letter of `stage`; an error that is no CannotSucceed counts as `processing_failed`."""
    return raw + envelope.dead_letter(
        stage=stage,
        reason=error.reason if isinstance(error, CannotSucceed) else "processing_failed",
        error=error,
        original_topic=subscription,
        time=envelope.timestamp(datetime.now(UTC)),
        attempt=_attempt(raw, subscription),
    )


def _attempt(raw: bytes, subscription: str) -> int:
    """Which try of this stage failed: a retry of an earlier stage, whose marks the message still has, is not one."""
    if RETRY_TO.encode() not in raw:
        return 1
    try:
        attributes = envelope.parse(raw).attributes
    except DecodeError:
        return 1
    number = attributes.get(RETRY_ATTEMPT, "")
    mine = attributes.get(RETRY_TO, "").rpartition("/")[2] == subscription.rpartition("/")[2]
    return int(number) if mine and re.fullmatch(r"[1-9][0-9]{0,8}", number, re.ASCII) else 1
