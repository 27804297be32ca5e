"""Dead letters of the jobs: the message as it came, with a block that says what happened."""

from datetime import UTC, datetime

from beam_jobs.errors import CannotSucceed
from bridge import envelope


def dead_letter(raw: bytes, stage: str, subscription: str, error: Exception) -> bytes:
    """`raw` as a dead letter of `stage`; an error that is no CannotSucceed counts as `processing_failed`."""
    return raw + envelope.dead_letter(
        stage=stage,
        reason=error.reason if isinstance(error, CannotSucceed) else "processing_failed",
        error=error,
        original_topic=subscription,
        time=envelope.timestamp(datetime.now(UTC)),
    )
