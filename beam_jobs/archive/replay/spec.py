"""What a replay is: fixed when it begins, kept in its state, the same for whoever resumes it."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from beam_jobs.archive.reading.choice import Choice, choice, where
from beam_jobs.archive.reading.place import Place, Span

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class Target:
    """A topic's full name or a file's path; `address` is what `retry.to` says, "" for every subscription."""

    kind: Literal["topic", "file"]
    name: str
    address: str = ""

    def __str__(self) -> str:
        return f"{self.name}, for {self.address} only" if self.address else self.name


@dataclass(frozen=True, slots=True)
class Spec:
    """Which messages of which archive go where, and under which id."""

    replay_id: str
    archive: Place
    choice: Choice
    target: Target
    listing: bool = True  # whether objects that no manifest lists are looked for
    speed: str = "max"  # unless whoever resumes says another one

    def as_json(self) -> dict[str, Any]:
        chosen = self.choice
        return {
            "replay_id": self.replay_id,
            "archive": str(self.archive),
            "since": chosen.span.since,
            "until": chosen.span.until,
            "ids": sorted(chosen.ids),
            "where": [str(one) for tests in chosen.tests for one in tests],
            "target": {"kind": self.target.kind, "name": self.target.name, "address": self.target.address},
            "listing": self.listing,
            "speed": self.speed,
        }


def spec(document: Mapping[str, Any]) -> Spec:
    """From its JSON."""
    bucket, _, prefix = document["archive"].removeprefix("gs://").partition("/")
    span = Span(document["since"], document["until"])
    chosen = choice(span, document["ids"], [], [where(one) for one in document["where"]])
    target = Target(**document["target"])
    place = Place(bucket, prefix)
    return Spec(document["replay_id"], place, chosen, target, document["listing"], document["speed"])


def minted(now: datetime) -> str:
    """An id for a replay that was given none."""
    return f"replay-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def replay_id(text: str) -> str:
    """Raises ValueError for what can be no folder."""
    if not _ID.fullmatch(text):
        raise ValueError(f"{text[:40]!r}: an id has letters, digits and . _ - only, up to 100")
    return text
