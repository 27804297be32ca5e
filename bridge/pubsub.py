"""Publishing to Pub/Sub in raw bytes: every publish ends in published or refused, or goes on being tried.

Reactions by status (AIP-193 names):
    transient        again after a wait with full jitter, as long as it is wanted; nothing is acknowledged meanwhile
    the request is   INVALID_ARGUMENT: split in halves until the culprit stands alone, then `refused`; the others go on
    misconfigured    NOT_FOUND, PERMISSION_DENIED and the like: the same waits, and `fault` says what to change
"""

import logging
import random
from collections.abc import Sequence
from typing import Any, Protocol

import grpc

from bridge.envelope import publish_request
from bridge.later import Later

log = logging.getLogger(__name__)

PUBLISH = "/google.pubsub.v1.Publisher/Publish"
TRANSIENT = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.UNKNOWN,
    }
)
UNACCEPTABLE = frozenset({grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OUT_OF_RANGE})
SHORTEST_WAIT, LONGEST_WAIT = 0.1, 30.0  # seconds


class Message(Protocol):
    """What can be published: bytes for a topic."""

    @property
    def message(self) -> bytes: ...


class Ending(Protocol):
    """Who hears how a publish ended; called on gRPC's threads. Together the three name every message once."""

    @property
    def wanted(self) -> bool:
        """Whether it is worth another try."""

    def published(self, messages: Sequence[Any]) -> None: ...
    def given_up(self, messages: Sequence[Any]) -> None:
        """Not published, and no longer wanted."""

    def refused(self, message: Any, why: str) -> bool:
        """Pub/Sub will never take this message. False where nothing can take its place: it is tried again."""


class Publisher:
    """Publishes sequences of messages, each try within `deadline_seconds`."""

    def __init__(self, channel: grpc.Channel, deadline_seconds: float) -> None:
        self._call = channel.unary_unary(PUBLISH, None, None)  # bytes in, bytes out
        self._deadline = deadline_seconds
        self._later = Later()
        self._faults: dict[str, str] = {}
        self._lost_track = False
        self.retries = 0

    def publish(self, pubsub_topic: str, messages: Sequence[Message], ending: Ending) -> None:
        """Returns at once, never raises; `ending` may be called before it returns."""
        _Publish(self, pubsub_topic, messages, ending).send()

    @property
    def fault(self) -> str | None:
        """What someone must change before publishing can succeed, or None."""
        return next(iter(self._faults.values()), None)

    @property
    def broken(self) -> bool:
        """Whether an error of ours left messages behind that only a new start brings back."""
        return self._lost_track or not self._later.alive

    def close(self) -> None:
        """No more tries; running ones end by themselves."""
        self._later.close()


class _Publish:
    def __init__(self, owner: Publisher, pubsub_topic: str, messages: Sequence[Message], ending: Ending) -> None:
        self._owner = owner
        self._topic = pubsub_topic
        self._messages = messages
        self._ending = ending
        self._attempt = 0

    def send(self) -> None:
        if self._attempt and not self._ending.wanted:
            self._ending.given_up(self._messages)
            return
        self._attempt += 1
        request = publish_request(self._topic, [message.message for message in self._messages])
        try:
            future = self._owner._call.future(request, timeout=self._owner._deadline)
        except Exception:  # no thread, a closed channel: nothing was sent
            log.exception("cannot start a publish to %s; trying again", self._topic)
            self._again()
            return
        future.add_done_callback(self._ended)

    def _ended(self, future: Any) -> None:
        try:
            self._react(future.code(), future.details() or "")
        except Exception:  # a callback's exception would vanish in gRPC
            log.exception("lost track of a publish to %s: its messages stay unacknowledged", self._topic)
            self._owner._lost_track = True

    def _react(self, code: grpc.StatusCode, details: str) -> None:
        if code is grpc.StatusCode.OK:
            self._owner._faults.pop(self._topic, None)
            self._ending.published(self._messages)
        elif code in UNACCEPTABLE and len(self._messages) > 1:
            self._split()
        elif code not in UNACCEPTABLE or not self._ending.refused(self._messages[0], f"{code.name}: {details}"):
            self._hold(code, details)

    def _hold(self, code: grpc.StatusCode, details: str) -> None:
        if code not in TRANSIENT:
            self._owner._faults[self._topic] = _advice(self._topic, code, details)
        log.warning("publishing %d messages to %s: %s: %s", len(self._messages), self._topic, code.name, details)
        self._again()

    def _split(self) -> None:
        middle = len(self._messages) // 2
        for half in (self._messages[:middle], self._messages[middle:]):
            _Publish(self._owner, self._topic, half, self._ending).send()

    def _again(self) -> None:
        self._owner.retries += 1
        longest = min(LONGEST_WAIT, SHORTEST_WAIT * 2 ** min(self._attempt, 10))
        self._owner._later.call(random.uniform(0, longest), self.send)  # noqa: S311 - full jitter, no secret


def _advice(pubsub_topic: str, code: grpc.StatusCode, details: str) -> str:
    if code is grpc.StatusCode.NOT_FOUND:
        return f"{pubsub_topic} does not exist: let the director apply the dataflow ({details})"
    if code in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED):
        return f"no right to publish to {pubsub_topic}: grant roles/pubsub.publisher on it ({details})"
    return f"{pubsub_topic} takes no messages: {code.name}: {details}"
