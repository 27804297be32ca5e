"""The second door's ear: a streaming pull that holds what is worked on, comes back when it is cut off, and says so.

Of Google's client it uses flow control and the extension of deadlines, both for as long as a callback runs.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from google.api_core.exceptions import Forbidden, GoogleAPICallError, NotFound
from google.auth.exceptions import GoogleAuthError
from google.cloud.pubsub_v1 import SubscriberClient
from google.cloud.pubsub_v1.subscriber.scheduler import ThreadScheduler
from google.cloud.pubsub_v1.types import FlowControl
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from director.commands.outbox import Letter
from director.endpoints import channel
from director.operations.vitals import Listening
from director.strict import printable

AT_ONCE = 16  # commands in hand, of all dataflows
LONGEST_LEASE = 86_400  # seconds one message is held at most
EXTENSION = 20  # seconds by which it is held on at a time: what a killed director held comes again that soon
LOOK = 30.0  # seconds between two looks whether the subscription answers
GLANCE = 0.5  # seconds between two looks whether to end
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds
CALL_TIMEOUT = 10.0  # seconds
ADVICE = {
    NotFound: "it has to be there: apply the dataflow that declares it",
    Forbidden: "the director needs roles/pubsub.subscriber on it",
}

log = logging.getLogger(__name__)


class Listener:
    """From `start` to `close`, on threads of its own; `stopping` ends it too.

    `opened` is called each time commands can come in again.
    """

    def __init__(
        self,
        subscription: str,
        opened: Callable[[], None] = lambda: None,
        stopping: Callable[[], bool] = lambda: False,
        look: float = LOOK,
        first_pause: float = FIRST_PAUSE,
    ) -> None:
        self._subscription = subscription
        self._take: Callable[[Letter], bool] = lambda letter: False
        self._opened = opened
        self._stopping = stopping
        self._look = look
        self._first_pause = first_pause
        self._subscribed = False
        self._heard: float | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="commands", daemon=True)

    def start(self, take: Callable[[Letter], bool]) -> None:
        """`take` says whether a message is done with."""
        self._take = take
        self._thread.start()

    def stopping(self) -> bool:
        """Nothing new is taken from then on, and what is in hand has to come to an end."""
        return self._over.is_set() or self._stopping()

    def close(self, seconds: float = 3.0) -> None:
        self._over.set()
        self._thread.join(seconds)

    def listening(self) -> Listening:
        quiet = None if self._heard is None else time.monotonic() - self._heard
        return Listening(self._subscribed, quiet)

    def _run(self) -> None:
        attempt = 0
        while not self.stopping():
            began = time.monotonic()
            try:
                self._listen()
            except (GoogleAPICallError, GoogleAuthError) as error:
                self._tell(error)
            except Exception:  # a bug, here or in the client: the door has to come back all the same
                log.exception("commands from %s cannot be taken", self._subscription)
            finally:
                self._subscribed = False
            attempt = 0 if time.monotonic() - began > LONGEST_PAUSE else attempt + 1
            self._over.wait(random.uniform(0.5, 1.0) * min(LONGEST_PAUSE, self._first_pause * 2 ** min(attempt, 8)))  # noqa: S311

    def _listen(self) -> None:
        """Until it is to end, or the subscription does not answer."""
        with channel("pubsub") as connection, _client(connection) as client:
            self._check(client)
            pulling = client.subscribe(
                self._subscription,
                self._received,
                flow_control=FlowControl(
                    max_messages=AT_ONCE, max_lease_duration=LONGEST_LEASE, max_duration_per_lease_extension=EXTENSION
                ),
                scheduler=ThreadScheduler(ThreadPoolExecutor(AT_ONCE, thread_name_prefix="command")),
                await_callbacks_on_shutdown=True,
            )
            try:
                self._subscribed = True
                self._opened()
                self._stay(client, pulling)
            finally:
                pulling.cancel()
                _ended(pulling)

    def _stay(self, client: Any, pulling: Any) -> None:
        """Raises what ends the pulling. The client comes back from an outage by itself, but does not tell of it."""
        looked = time.monotonic()
        while not self.stopping():
            try:
                pulling.result(timeout=GLANCE)
            except TimeoutError:
                if time.monotonic() - looked > self._look:
                    self._look_again(client)
                    looked = time.monotonic()

    def _look_again(self, client: Any) -> None:
        try:
            self._check(client)
        except (NotFound, Forbidden):
            raise
        except (GoogleAPICallError, GoogleAuthError) as error:
            self._subscribed = False
            self._tell(error)
        else:
            self._subscribed = True

    def _check(self, client: Any) -> None:
        client.get_subscription(subscription=self._subscription, retry=None, timeout=CALL_TIMEOUT)

    def _received(self, message: Any) -> None:
        self._heard = time.monotonic()
        letter = Letter(
            message.data, dict(message.attributes), message.message_id, message.publish_time,
            message.delivery_attempt or 1,
        )  # fmt: skip
        try:
            done = self._take(letter)
        except Exception:  # a bug: the message comes again, and others are not kept waiting by it
            log.exception("command %s could not be taken", letter.message_id)
            self._over.wait(self._first_pause)
            done = False
        if done:
            message.ack()
        else:
            message.nack()

    def _tell(self, error: Exception) -> None:
        advice = next((advice for kind, advice in ADVICE.items() if isinstance(error, kind)), "")
        told = printable(f"{type(error).__name__}: {error}")
        if advice:
            log.error("commands are not taken from %s (%s); %s", self._subscription, told, advice)
        else:
            log.warning("commands cannot be taken from %s now: %s", self._subscription, told)


def _client(connection: Any) -> SubscriberClient:
    return SubscriberClient(transport=SubscriberGrpcTransport(channel=connection))


def _ended(pulling: Any) -> None:
    """Waits for what is in hand, and for its acknowledgements to be sent."""
    try:
        pulling.result()
    except Exception as error:
        log.debug("the pulling ended with %s", error)
