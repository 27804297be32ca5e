"""Errors of the jobs, named by the reaction they ask for.

    CannotSucceed    this message never will: dead letter
    RetryLater       a service is down or slow: the same batch again, nothing is acknowledged meanwhile
    Misconfigured    the same, and not ready until someone changes what it says
Anything else out of a run is taken for a message that breaks the job, and that message is searched for.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from google.auth.exceptions import GoogleAuthError


class CannotSucceed(Exception):
    """A message that no retry can help; `reason` is one of the list in docs/dead-letters.md.

    Beam makes an exception anew from its `args`, with a note appended to the first: the reason is the second.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message, reason)
        self.reason = reason

    def __str__(self) -> str:
        return str(self.args[0])


class RetryLater(Exception):
    """A service did not answer, or asked for patience."""


class Misconfigured(RetryLater):
    """A resource or right is missing; the message says which, and what to do."""


CONFIGURATION = frozenset(
    {"NOT_FOUND", "PERMISSION_DENIED", "UNAUTHENTICATED", "FAILED_PRECONDITION", "INVALID_ARGUMENT", "UNIMPLEMENTED"}
)


def of_status(status: str, what: str, details: str) -> RetryLater:
    """The error for a gRPC status name that `what` met and that is no message's fault."""
    text = f"{what}: {status}: {details}"
    if status in CONFIGURATION:
        return Misconfigured(f"{text} (let the director verify the dataflow)")
    return RetryLater(text)


@contextmanager
def signed_in() -> Iterator[None]:
    """Turns what goes wrong with credentials into Misconfigured: no message is to blame for it."""
    try:
        yield
    except GoogleAuthError as error:
        raise Misconfigured(f"no usable credentials: {error}") from error
