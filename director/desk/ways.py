"""How a letter gets back to the stage where it failed: what every way has in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from director.desk.letters import Letter


class Refused(Exception):
    """This letter is not to be sent again, or cannot be; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Addressed:
    """A letter with where it goes: a subscription's path, or `mqtt:` and an MQTT topic."""

    letter: Letter
    target: str

    @property
    def attempt(self) -> int:
        """Which try it will be."""
        return self.letter.attempt + 1


class Way(Protocol):
    """To one kind of stage."""

    def addressed(self, letter: Letter, force: bool) -> Addressed:
        """Changes nothing. Raises Refused; Unavailable or Rejected where it cannot be found out."""

    def send(self, letters: Sequence[Addressed]) -> list[str]:
        """Of each letter, why it was not accepted, "" where it was.

        Raises Unavailable or Rejected where the service is the cause and nothing more should be tried; letters
        before the cause may have been sent all the same.
        """
