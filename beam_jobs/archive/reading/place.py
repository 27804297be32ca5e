"""Which part of which archive somebody means: `gs://bucket/prefix`, and a range of event time. Light."""

import re
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

_GS = re.compile(r"gs://([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])/([^\s?#]+?)/*")


@dataclass(frozen=True, slots=True)
class Place:
    """A bucket, and the archive's prefix or a folder inside it."""

    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"gs://{self.bucket}/{self.prefix}"

    @property
    def roots(self) -> list[str]:
        """Where the archive may begin: the prefix, then the folders around it."""
        return [root.rstrip("/") for root in accumulate(f"{part}/" for part in self.prefix.split("/"))][::-1]


@dataclass(frozen=True, slots=True)
class Span:
    """Event times from `since` on and before `until`, written as in a line; "" is no bound."""

    since: str = ""
    until: str = ""

    def meets(self, first: str, last: str) -> bool:
        """Whether any time from `first` to `last` is inside."""
        return last >= self.since and (not self.until or first < self.until)

    def holds(self, first: str, last: str) -> bool:
        """Whether all of them are."""
        return first >= self.since and (not self.until or last < self.until)


def place(text: str) -> Place:
    """Raises ValueError that says what to write."""
    found = _GS.fullmatch(text)
    if not found:
        raise ValueError(f"{text[:100]!r} is no place of an archive; write gs://BUCKET/PREFIX")
    return Place(*found.groups())


def event_time(text: str, now: datetime) -> str:
    """`2h` is two hours before `now`; else RFC 3339 with a time zone. As in a line. Raises ValueError."""
    from bridge.envelope import timestamp
    from director.moments import moment

    return timestamp(moment(text, now))
