"""Which dead letters somebody means. Light; nothing of Google's."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from director.durations import duration

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Selection:
    """Letters to which all that is given applies; of `stages`, `reasons` and the like any one will do.

    `since` and `until` bound when the letter was published: from `since` on, before `until`. Letters that were
    decided about are left out, unless `decided`.
    """

    stages: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    ce_ids: tuple[str, ...] = ()
    message_ids: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    decided: bool = False
    limit: int | None = None

    @property
    def narrow(self) -> bool:
        """Whether anything but the limit keeps it from being every letter."""
        some = (self.stages, self.reasons, self.ce_ids, self.message_ids, self.devices, self.since, self.until)
        return any(some)


def moment(text: str, now: datetime) -> datetime:
    """`2h` is two hours before `now`; else RFC 3339 with a time zone. Raises ValueError."""
    try:
        if _RFC_3339.fullmatch(text):
            digits = re.sub(r"(\.\d{6})\d+", r"\1", text)  # BigQuery counts microseconds
            return datetime.fromisoformat(digits.upper()).astimezone(UTC)
        return now - duration(text)
    except (ValueError, OverflowError) as error:
        advice = "write how long ago, such as 2h or 7d, or a time such as 2026-01-31T12:00:00Z"
        raise ValueError(f"{text[:40]!r} is no time; {advice}") from error
