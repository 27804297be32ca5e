"""Errors of the bridge, named by the reaction they ask for.

CannotSucceed       this message never will: dead letter
Misconfigured       nothing will until someone changes something: hold, turn not ready, say what to change
TakenOver           another client uses our id: stop
"""


class CannotSucceed(Exception):
    """A message that no retry can help; `reason` is one of the list in docs/dead-letters.md."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class TakenOver(Exception):
    """The broker gave our session to another client with the same id."""
