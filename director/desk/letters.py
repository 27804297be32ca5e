"""A dead letter as it lies in BigQuery: what it was before it failed, and what people decided about it. Pure.

The attributes `dead_letter.*` are described in docs/dead-letters.md; `retry.*` is what a message carries that was sent
back to the stage where it failed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from director.addressing import RETRY_ATTEMPT

Decided = Literal["retried", "discarded"]

DEAD, RETRY, GOOGLES = "dead_letter.", "retry.", "goog"
USER_PROPERTY = "mqtt.up."
BRIDGE = "bridge"
MAX_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of a letter, when, and by whom; `target` is where a retry went."""

    decision: Decided
    decided_at: datetime
    decided_by: str | None
    target: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Letter:
    """One row; without its `data` (None) where only a list was asked for."""

    message_id: str
    written_at: datetime
    attributes: Mapping[str, str]
    data: bytes | None = None
    decision: Decision | None = None

    @property
    def stage(self) -> str:
        return self.attributes.get("dead_letter.stage", "")

    @property
    def reason(self) -> str:
        return self.attributes.get("dead_letter.reason", "")

    @property
    def message(self) -> str:
        return self.attributes.get("dead_letter.message", "")

    @property
    def came_from(self) -> str:
        """The subscription, Pub/Sub topic or MQTT topic that the stage names."""
        return self.attributes.get("dead_letter.original_topic", "")

    @property
    def ce_id(self) -> str:
        return self.attributes.get("ce-id", "")

    @property
    def device(self) -> str:
        return self.attributes.get("ce-subject", "")

    @property
    def attempt(self) -> int:
        """Which try it was that failed, from 1. The bridge does not count; what the desk sent it counts for it."""
        tries = [_number(self.attributes.get("dead_letter.attempt", ""))]
        if self.stage == BRIDGE:
            tries.append(_number(self.attributes.get(USER_PROPERTY + RETRY_ATTEMPT, "")))
        return max(tries)

    @property
    def original(self) -> dict[str, str]:
        """The attributes before it failed, without those of earlier retries and those that Google keeps for itself."""
        added = (DEAD, RETRY, GOOGLES)
        return {name: value for name, value in self.attributes.items() if not name.startswith(added)}

    @property
    def user_properties(self) -> dict[str, str]:
        """MQTT 5 user properties as the device sent them; values of a repeated name are joined by commas."""
        named = {name.removeprefix(USER_PROPERTY): value for name, value in self.attributes.items() if _by_user(name)}
        return {name: value for name, value in named.items() if name != RETRY_ATTEMPT}


def _by_user(name: str) -> bool:
    return name.startswith(USER_PROPERTY)


def _number(text: str) -> int:
    return int(text) if re.fullmatch(r"[1-9][0-9]{0,8}", text, re.ASCII) else 1
