"""Publishing to Pub/Sub in raw bytes: every publish ends in published or refused, or goes on being tried.

Reactions by status (AIP-193 names):
    transient        again after a wait with full jitter, without end; nothing is acknowledged meanwhile. What goes on
                     failing while others for the same topic pass is split in halves, and alone is `refused`
    the request is   INVALID_ARGUMENT: split in halves until the culprit stands alone, then `refused`; the others go on
    misconfigured    NOT_FOUND, PERMISSION_DENIED and the like: the same waits, and `fault` says what to change

Messages with an ordering key go one request at a time for each key, whatever becomes of a request.
"""

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import grpc

from bridge.envelope import publish_request
from bridge.errors import CannotSucceed
from bridge.lanes import Lanes
from bridge.later import Later
from bridge.metrics import Metrics

log = logging.getLogger(__name__)
_jitter = random.Random()  # noqa: S311 - no secret; its own, whatever seeds the shared one

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
SILENT_TRIES = 2  # in a row that get no answer within the deadline: the connection may carry nothing any more
STUBBORN = 16  # failures in a row, others passing before each of them, that show a request itself to be the cause


class Message(Protocol):
    """What can be published: bytes for a topic."""

    @property
    def message(self) -> bytes: ...


class Ending(Protocol):
    """Who hears how a publish ended; called on gRPC's threads. Together the two name every message once."""

    def published(self, messages: Sequence[Any]) -> None: ...
    def refused(self, message: Any, error: CannotSucceed) -> bool:
        """Pub/Sub will never take this message. False where nothing can take its place: it is tried again."""


class Publisher:
    """Publishes sequences of messages, each try within `deadline_seconds`, over channels that `connect` gives."""

    def __init__(
        self, connect: Callable[[], grpc.Channel], deadline_seconds: float, later: Later, metrics: Metrics
    ) -> None:
        self._connect = connect
        self._channel = _early(connect())
        self._deadline = deadline_seconds
        self._later = later
        self._metrics = metrics
        self._lock = threading.Lock()  # guards the lanes, the running tries and the channel
        self._lanes: Lanes[_Publish] = Lanes()
        self._running: dict[_Publish, float] = {}
        self._silent_tries = 0
        self._successes: Counter[str] = Counter()
        self._failing_since: dict[str, float] = {}
        self._faults: dict[str, str] = {}
        self._lost_track = False

    def publish(self, pubsub_topic: str, messages: Sequence[Message], ending: Ending, ordering_key: str = "") -> None:
        """Returns at once, never raises; `ending` may be called before it returns."""
        publish = _Publish(self, pubsub_topic, ordering_key, messages, ending)
        if ordering_key:
            with self._lock:
                if not self._lanes.enter(publish.lane, publish):
                    return
        publish.send()

    def close(self) -> None:
        """Tries under way end unpublished."""
        self._channel.close()

    @property
    def fault(self) -> str | None:
        """What someone must change before publishing can succeed, or None."""
        return next(iter(self._faults.copy().values()), None)

    @property
    def failing_for(self) -> float:
        """Seconds since when publishes to some topic have only failed; 0 where the last ones succeeded."""
        since = min(self._failing_since.copy().values(), default=None)
        return 0.0 if since is None else time.monotonic() - since

    @property
    def oldest_attempt_age(self) -> float:
        """Seconds that the oldest try under way has lasted; above the deadline, answers have stopped reaching us."""
        with self._lock:
            started = min(self._running.values(), default=None)
        return 0.0 if started is None else time.monotonic() - started

    @property
    def broken(self) -> bool:
        """Whether an error of ours left messages behind that only a new start brings back."""
        return self._lost_track or not self._later.alive

    def start(self, publish: "_Publish", request: bytes) -> Any:
        """A try under way, as a future; raises what gRPC raises."""
        with self._lock:
            self._running[publish] = time.monotonic()
            publish.channel = self._channel
        call = publish.channel.unary_unary(PUBLISH, None, None)  # bytes in, bytes out
        return call.future(request, timeout=self._deadline)

    def ended(self, publish: "_Publish", outcome: str) -> None:
        with self._lock:
            started = self._running.pop(publish)
        self._metrics.publish_seconds.observe(time.monotonic() - started)
        self._metrics.publishes.labels(outcome).inc()
        self._replace_silent_channel(publish.channel, outcome == grpc.StatusCode.DEADLINE_EXCEEDED.name)

    def _replace_silent_channel(self, used: grpc.Channel | None, silent: bool) -> None:
        """A connection that a firewall forgot answers nothing, not even gRPC's pings: only a new one helps."""
        with self._lock:
            if used is not self._channel:
                return
            self._silent_tries = self._silent_tries + 1 if silent else 0
            if self._silent_tries < SILENT_TRIES:
                return
            self._silent_tries = 0
            self._channel = _early(self._connect())
        log.warning("Pub/Sub does not answer: trying over a new connection")
        self._later.call(0, used.close)  # ends what is under way there, which is tried again

    def succeeded(self, pubsub_topic: str) -> None:
        self._successes[pubsub_topic] += 1
        self._failing_since.pop(pubsub_topic, None)
        self._faults.pop(pubsub_topic, None)

    def failed(self, pubsub_topic: str, fault: str | None) -> None:
        self._failing_since.setdefault(pubsub_topic, time.monotonic())
        if fault:
            self._faults[pubsub_topic] = fault

    def successes(self, pubsub_topic: str) -> int:
        return self._successes[pubsub_topic]

    def again(self, publish: "_Publish", seconds: float) -> None:
        self._metrics.retries.inc()
        self._later.call(seconds, publish.send)

    def split(self, publish: "_Publish", halves: Sequence["_Publish"]) -> None:
        """The halves take its place, one after the other where they have an ordering key."""
        if publish.ordering_key:
            with self._lock:
                halves = [self._lanes.split(publish.lane, halves)]
        for half in halves:
            half.send()

    def leave(self, publish: "_Publish") -> None:
        """A publish has ended: the next with its ordering key may go."""
        if publish.ordering_key:
            with self._lock:
                following = self._lanes.leave(publish.lane)
            if following:
                following.send()

    def lost_track(self) -> None:
        self._lost_track = True


class _Publish:
    """Messages on their way to one Pub/Sub topic, with one ordering key or none."""

    def __init__(
        self,
        owner: Publisher,
        pubsub_topic: str,
        ordering_key: str,
        messages: Sequence[Message],
        ending: Ending,
        failures_alone: int = 0,
    ) -> None:
        self._owner = owner
        self._topic = pubsub_topic
        self.ordering_key = ordering_key
        self._messages = messages
        self._ending = ending
        self.channel: grpc.Channel | None = None
        self._attempt = 0
        self._failures_alone = failures_alone
        self._passed_before = owner.successes(pubsub_topic)

    @property
    def lane(self) -> tuple[str, str]:
        return self._topic, self.ordering_key

    def send(self) -> None:
        self._attempt += 1
        request = publish_request(self._topic, [message.message for message in self._messages])
        try:
            future = self._owner.start(self, request)
        except Exception:  # no thread, a closed channel: nothing was sent
            log.exception("cannot start a publish to %s; trying again", self._topic)
            self._owner.ended(self, "not started")
            self._again()
            return
        future.add_done_callback(self._ended)

    def _ended(self, future: Any) -> None:
        try:
            code = future.code()
            self._owner.ended(self, code.name)
            self._react(code, future.details() or "")
        except Exception:  # a callback's exception would vanish in gRPC
            log.exception("lost track of a publish to %s: its messages stay unacknowledged", self._topic)
            self._owner.lost_track()

    def _react(self, code: grpc.StatusCode, details: str) -> None:
        if code is grpc.StatusCode.OK:
            self._owner.succeeded(self._topic)
            self._ending.published(self._messages)
            self._owner.leave(self)
        elif code in UNACCEPTABLE:
            self._isolate(code, CannotSucceed("refused_by_pubsub", f"{code.name}: {details}"))
        elif code in TRANSIENT and self._is_what_fails():
            why = f"failed {self._failures_alone} times in a row while others passed: {code.name}: {details}"
            self._isolate(code, CannotSucceed("publish_kept_failing", why))
        else:
            self._hold(code, details)

    def _is_what_fails(self) -> bool:
        """Never in an outage: others must have passed since the try before, each time."""
        passed = self._owner.successes(self._topic)
        alone = passed > self._passed_before
        self._failures_alone += alone
        self._passed_before = passed
        return alone and self._failures_alone >= STUBBORN

    def _isolate(self, code: grpc.StatusCode, error: CannotSucceed) -> None:
        """Halves until the culprit stands alone; a dead letter then takes its place."""
        if len(self._messages) > 1:
            self._owner.split(self, self._halves())
        elif self._ending.refused(self._messages[0], error):
            self._owner.leave(self)
        else:
            self._hold(code, str(error))

    def _halves(self) -> list["_Publish"]:
        middle = len(self._messages) // 2
        return [
            _Publish(self._owner, self._topic, self.ordering_key, half, self._ending, self._failures_alone)
            for half in (self._messages[:middle], self._messages[middle:])
        ]

    def _hold(self, code: grpc.StatusCode, details: str) -> None:
        log.warning("publishing %d messages to %s: %s: %s", len(self._messages), self._topic, code.name, details)
        self._owner.failed(self._topic, None if code in TRANSIENT else _advice(self._topic, code, details))
        self._again()

    def _again(self) -> None:
        longest = min(LONGEST_WAIT, SHORTEST_WAIT * 2 ** min(self._attempt, 10))
        self._owner.again(self, _jitter.uniform(0, longest))


def _early(channel: grpc.Channel) -> grpc.Channel:
    """Connects now: a channel by itself waits for the first call, and the first messages would wait with it."""

    def connected(state: grpc.ChannelConnectivity) -> None:
        if state is grpc.ChannelConnectivity.READY:
            channel.unsubscribe(connected)

    channel.subscribe(connected, try_to_connect=True)
    return channel


def _advice(pubsub_topic: str, code: grpc.StatusCode, details: str) -> str:
    if code is grpc.StatusCode.NOT_FOUND:
        return f"{pubsub_topic} does not exist: let the director apply the dataflow ({details})"
    if code in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED):
        return f"no right to publish to {pubsub_topic}: grant roles/pubsub.publisher on it ({details})"
    return f"{pubsub_topic} takes no messages: {code.name}: {details}"
