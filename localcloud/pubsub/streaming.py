"""One StreamingPull: messages out as the client's limits allow, acknowledgements and deadlines in."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from itertools import groupby
from typing import Any

from localcloud.pubsub import confirmations, names, responses, settings
from localcloud.pubsub.exchange import Exchange
from localcloud.pubsub.lanes import Delivery, Holder
from localcloud.rpc import invalid_argument

MOST_IN_A_RESPONSE = 1000
NO_LIMIT = 1 << 62


class PullStream:
    """Lives from the first request until the client closes its side, or the subscription is gone."""

    def __init__(self, exchange: Exchange, first: Any) -> None:
        self._exchange = exchange
        self._subscription = exchange.pulled(first.subscription)
        # The client's limits on what it holds unacknowledged; 0 and less mean none.
        self._most_messages = first.max_outstanding_messages if first.max_outstanding_messages > 0 else NO_LIMIT
        self._most_bytes = first.max_outstanding_bytes if first.max_outstanding_bytes > 0 else NO_LIMIT
        self._held = Holder()
        self._confirmations: deque[bytes] = deque()
        self._closed = False
        settings.check_ack_deadline(
            first.stream_ack_deadline_seconds, settings.ACK_DEADLINE[0], "stream_ack_deadline_seconds"
        )
        self._seconds: int = first.stream_ack_deadline_seconds
        self._hear(first)

    async def responses(self, requests: AsyncIterator[Any]) -> AsyncIterator[bytes]:
        """Raises RpcError."""
        with self._subscription.bell.listen() as rung:
            listening = asyncio.create_task(self._listen(requests, rung))
            try:
                while not self._closed:
                    rung.clear()
                    for response in self._due():
                        yield response
                    await rung.wait()
                await listening
            finally:
                listening.cancel()

    async def _listen(self, requests: AsyncIterator[Any], rung: asyncio.Event) -> None:
        try:
            async for request in requests:
                if request.subscription:
                    raise invalid_argument("The subscription may only be named in the first request of a stream.")
                self._hear(request)
                rung.set()
        finally:
            self._closed = True
            rung.set()

    def _hear(self, request: Any) -> None:
        if request.stream_ack_deadline_seconds:
            settings.check_ack_deadline(
                request.stream_ack_deadline_seconds, settings.ACK_DEADLINE[0], "stream_ack_deadline_seconds"
            )
            self._seconds = request.stream_ack_deadline_seconds
        if request.ack_ids:
            self._acknowledge(list(dict.fromkeys(request.ack_ids)))
        if request.modify_deadline_ack_ids or request.modify_deadline_seconds:
            self._extend(request.modify_deadline_ack_ids, request.modify_deadline_seconds)

    def _acknowledge(self, ack_ids: list[str]) -> None:
        unknown = self._exchange.acknowledge(self._subscription, ack_ids)
        if self._subscription.exactly_once:
            self._confirmations.append(confirmations.acknowledged(ack_ids, unknown))

    def _extend(self, ack_ids: Any, seconds: Any) -> None:
        if len(ack_ids) != len(seconds):
            raise invalid_argument("modify_deadline_ack_ids and modify_deadline_seconds differ in length.")
        for deadline in set(seconds):
            settings.check_ack_deadline(deadline, 0, "modify_deadline_seconds")
        unknown: list[str] = []
        for deadline, group in groupby(zip(seconds, ack_ids, strict=True), key=lambda pair: pair[0]):
            unknown += self._exchange.extend(self._subscription, [ack_id for _, ack_id in group], deadline)
        if self._subscription.exactly_once:
            self._confirmations.append(confirmations.extended(list(dict.fromkeys(ack_ids)), unknown))

    def _due(self) -> Iterator[bytes]:
        """Confirmations, then messages for as long as there are some and the client has room."""
        while self._confirmations:
            yield self._confirmations.popleft()
        while deliveries := self._take():
            yield responses.streaming_pull_response(
                deliveries, self._subscription.with_attempts, self._subscription.properties
            )

    def _take(self) -> list[Delivery]:
        name = self._subscription.name
        if self._exchange.pulled(name) is not self._subscription:  # deleted, and made anew
            raise names.missing(name)
        room = self._most_messages - self._held.messages
        bytes_room = self._most_bytes - self._held.size
        if self._closed or room <= 0 or bytes_room <= 0:
            return []
        return self._exchange.take(
            self._subscription,
            min(room, MOST_IN_A_RESPONSE),
            min(bytes_room, responses.LARGEST_RESPONSE),
            self._held,
            self._seconds,
        )
