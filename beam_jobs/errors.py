"""Errors of the jobs, named by the reaction they ask for.

    CannotSucceed    this message never will: dead letter
    RetryLater       a service is down or slow: the same batch again, nothing is acknowledged meanwhile
    Misconfigured    the same, and not ready until someone changes what it says
Anything else out of a run is taken for a message that breaks the job, and that message is searched for.
"""


class CannotSucceed(Exception):
    """A message that no retry can help; `reason` is one of the list in docs/dead-letters.md."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class RetryLater(Exception):
    """A service did not answer, or asked for patience."""


class Misconfigured(RetryLater):
    """A resource or right is missing; the message says which, and what to do."""


CONFIGURATION = frozenset({"NOT_FOUND", "PERMISSION_DENIED", "UNAUTHENTICATED", "FAILED_PRECONDITION"})


def of_status(status: str, what: str, details: str) -> RetryLater:
    """The error for a gRPC status name that `what` met and that is no message's fault."""
    text = f"{what}: {status}: {details}"
    if status in CONFIGURATION:
        return Misconfigured(f"{text} (let the director verify the dataflow)")
    return RetryLater(text)
