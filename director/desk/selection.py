"""Which dead letters somebody means. Light; nothing of Google's."""

from dataclasses import dataclass
from datetime import datetime


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
