"""Messages to a Pub/Sub topic, many requests at once, each confirmed or tried again.

A request holds messages of one ordering key, which the service demands, or of none; those of a key go one request at
a time. A request that Pub/Sub refuses is cut in halves until the messages are found that it does not take.
"""

import logging
import random
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import grpc

from beam_jobs.errors import Misconfigured, RetryLater, of_status, signed_in
from beam_jobs.messages import OPEN_REQUESTS, PUBLISH, PUBLISH_SECONDS, requests
from bridge import envelope
from director.endpoints import channel

log = logging.getLogger(__name__)
_jitter = random.Random()  # noqa: S311 - no secret; its own, whatever seeds the shared one

PATIENCE = 600.0  # seconds that a service may be away
SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 10.0
Refused = dict[int, str]
"""Why Pub/Sub does not take a message, by its place in the batch."""


@dataclass(slots=True)
class _Request:
    """Messages by their places in the batch; `then` goes when this is confirmed."""

    places: Sequence[int]
    then: "_Request | None" = None
    tries: int = 0


class Publisher:
    """Publishes batches. Raises Misconfigured at once, RetryLater where the service was away for `patience` seconds."""

    def __init__(
        self,
        pubsub_topic: str,
        call: Any,
        patience: float = PATIENCE,
        sleep: Callable[[float], None] = time.sleep,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self._topic, self._call = pubsub_topic, call
        self._sleep = sleep
        self.patience = patience
        self.what = f"publishing to {pubsub_topic}"
        self.close = close

    def start(self, messages: Sequence[bytes]) -> "Publishing":
        return Publishing(self, messages)

    def send(self, messages: Sequence[bytes]) -> Any:
        return self._call.future(envelope.publish_request(self._topic, messages), timeout=PUBLISH_SECONDS)

    def pause(self, error: RetryLater, tries: int, until: float) -> None:
        """Before another try. Raises `error` where it is of no use, or patience has ended."""
        if isinstance(error, Misconfigured) or time.monotonic() > until:
            raise error
        seconds = min(LONGEST_PAUSE, SHORTEST_PAUSE * 2**tries) * _jitter.uniform(0.5, 1)
        log.warning("%s; again in %.1f s", error, seconds)
        self._sleep(seconds)


class Publishing:
    """A batch that is being published; requests go as far as they may without being waited for."""

    def __init__(self, publisher: Publisher, messages: Sequence[bytes]) -> None:
        self._publisher = publisher
        self._messages = messages
        self._ready: deque[_Request] = deque(_lanes(messages))
        self._open: deque[tuple[Any, _Request]] = deque()
        self._refused: Refused = {}
        self._until = 0.0
        self._send()

    def finish(self) -> Refused:
        """Waits until Pub/Sub has all it takes. Raises as the publisher says."""
        self._until = time.monotonic() + self._publisher.patience
        while self._open:
            future, request = self._open[0]
            try:
                future.result()
            except grpc.RpcError as error:
                self._failed(request, error)
            else:
                self._until = time.monotonic() + self._publisher.patience
                self._next(request)
            self._open.popleft()  # behind all that may be interrupted: what is not answered stays open
            self._send()
        return self._refused

    def _send(self) -> None:
        while self._ready and len(self._open) < OPEN_REQUESTS:
            request = self._ready[0]
            self._open.append((self._publisher.send([self._messages[place] for place in request.places]), request))
            self._ready.popleft()

    def _next(self, request: _Request) -> None:
        if request.then is not None:
            self._ready.append(request.then)

    def _failed(self, request: _Request, error: Any) -> None:
        code, details = error.code(), error.details() or ""
        if code is not grpc.StatusCode.INVALID_ARGUMENT:
            reaction = of_status(code.name, self._publisher.what, details)
            self._publisher.pause(reaction, request.tries, self._until)
            request.tries += 1
            self._ready.appendleft(request)
        elif len(request.places) > 1:
            middle = len(request.places) // 2
            second = _Request(request.places[middle:], request.then)
            self._ready.appendleft(_Request(request.places[:middle], second))
        else:
            self._refused[request.places[0]] = f"refused by Pub/Sub: {details}"
            self._next(request)


def open_publisher(pubsub_topic: str, patience: float = PATIENCE) -> Publisher:
    """Raises Misconfigured where there are no usable credentials."""
    with signed_in():
        opened = channel("pubsub")
    return Publisher(pubsub_topic, opened.unary_unary(PUBLISH, None, None), patience, close=opened.close)


def _lanes(messages: Sequence[bytes]) -> Iterator[_Request]:
    """Requests that may go at once; those of an ordering key behind each other."""
    keys = [envelope.ordering_key_of(one) for one in messages]
    lanes: dict[str, list[int]] = {}
    for place, key in enumerate(keys):
        lanes.setdefault(key, []).append(place)
    for key, places in lanes.items():
        runs = [_Request(places[run]) for run in requests([messages[place] for place in places])]
        if not key:
            yield from runs
            continue
        for one, behind in pairwise(runs):
            one.then = behind
        yield runs[0]
