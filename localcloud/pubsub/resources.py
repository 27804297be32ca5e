"""A topic and a subscription as they live in the exchange."""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from localcloud.pubsub import responses, settings
from localcloud.pubsub.backlog import Backlog
from localcloud.pubsub.messages import Message


class Bell:
    """Wakes all who wait for something to deliver, each time another one first."""

    def __init__(self) -> None:
        self._listeners: deque[asyncio.Event] = deque()

    def ring(self) -> None:
        for listener in self._listeners:
            listener.set()
        self._listeners.rotate(-1)

    @contextmanager
    def listen(self) -> Iterator[asyncio.Event]:
        listener = asyncio.Event()
        self._listeners.append(listener)
        try:
            yield listener
        finally:
            self._listeners.remove(listener)

    def has_listeners(self) -> bool:
        return bool(self._listeners)


class Subscription:
    """Its settings, what it has to deliver, and who waits for that.

    `first` is the number of the first message it may ever see, `used` when it last was (monotonic seconds).
    """

    def __init__(self, config: Any, first: int, backlog: Backlog, used: float) -> None:
        self.first = first
        self.backlog = backlog
        self.used = used
        self.bell = Bell()
        self.matches = settings.matches(config.filter)
        self.configure(config)

    def configure(self, config: Any) -> None:
        self.config = config
        self.backlog.policy = settings.policy(config)
        self.exactly_once: bool = config.enable_exactly_once_delivery
        self.with_attempts: bool = config.HasField("dead_letter_policy")
        self.properties = responses.properties(self.exactly_once, config.enable_message_ordering)
        self.retention = settings.seconds_of(config.message_retention_duration)

    @property
    def name(self) -> str:
        return self.config.name  # type: ignore[no-any-return]

    def selected(self, messages: Sequence[Message], contents: Iterable[Any]) -> Sequence[Message]:
        """Those its filter lets through; `contents` are the same messages, decoded."""
        if self.matches is None:
            return messages
        return [
            message for message, content in zip(messages, contents, strict=True) if self.matches(content.attributes)
        ]

    def idle_since(self, now: float) -> float:
        """When it was last used; connected streams use it all the time."""
        if self.bell.has_listeners():
            self.used = now
        return self.used

    def may_idle(self) -> float | None:
        """Seconds without use until it is deleted, None for ever."""
        ttl = self.config.expiration_policy
        return settings.seconds_of(ttl.ttl) if ttl.HasField("ttl") else None


class Topic:
    """Its settings, its subscriptions, and the messages kept for seeks, oldest first."""

    def __init__(self, config: Any, log: Iterable[Message] = ()) -> None:
        self.config = config
        self.subscriptions: dict[str, Subscription] = {}
        self.log = deque(log)

    @property
    def name(self) -> str:
        return self.config.name  # type: ignore[no-any-return]

    def retention(self) -> float:
        """Seconds for which this topic and its subscriptions want messages kept beyond their acknowledgement."""
        wanted = [each.retention for each in self.subscriptions.values() if each.config.retain_acked_messages]
        return max(settings.seconds_of(self.config.message_retention_duration), *wanted, 0.0)

    def trim(self, published_before: float) -> None:
        while self.log and self.log[0].published < published_before:
            self.log.popleft()
