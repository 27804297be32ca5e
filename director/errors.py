"""What the director may say no with, named by what the caller can do.

DirectorError
  Unknown         no such dataflow or service here: check the names
  Busy            the same is being done already: ask again later
  Moved           the plan no longer fits the world or the document: look at the new one
  Superseded      another took over meanwhile: stop, and begin again
  Unavailable     Google's services do not answer now: try again
  Rejected        Google refuses to answer: see to the rights, or to what the message names
  Misconfigured   the process cannot work where it was started: change what the message names
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Self


class DirectorError(Exception):
    """Base of the director's own errors; the message says what was wrong, where, and what to do."""


class Unknown(DirectorError):
    """No such dataflow or service here; the same for absent and foreign ones."""


class Busy(DirectorError):
    """Another is doing this very thing. Where it holds a lease: who, until when, and how many seconds that still is."""

    holder: str = ""
    expires: datetime | None = None
    seconds: float = 0.0

    @classmethod
    def held(cls, scope: str, holder: str, expires: datetime, seconds: float) -> Self:
        until = f"{expires:%Y-%m-%dT%H:%M:%SZ}"
        error = cls(f"{scope} is being changed by {holder}, whose lease lasts until {until}; ask again then")
        error.holder, error.expires, error.seconds = holder, expires, seconds
        return error


class Moved(DirectorError):
    """A plan that was agreed on is not what would be done now; `moved` says of each resource what is different."""

    def __init__(self, message: str, moved: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.moved = tuple(moved)


class Superseded(DirectorError):
    """The lease went to another: what was begun here stops before its next effect."""

    @classmethod
    def by(cls, scope: str, holder: str) -> Self:
        return cls(f"{scope} went over to {holder} meanwhile, so this one stopped; see what there is and begin again")


class Unavailable(DirectorError):
    """Google could not be asked, for a reason that may pass. Nothing was changed."""


class Rejected(DirectorError):
    """Google refused to be asked, for a reason that will not pass by itself. Nothing was changed."""


class Misconfigured(DirectorError):
    """An environment variable, an address or a file with which the process cannot work."""
