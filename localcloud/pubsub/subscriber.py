"""The door for those who subscribe: google.pubsub.v1.Subscriber."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

from google.protobuf.empty_pb2 import Empty
from google.pubsub_v1.types import pubsub as types

from localcloud.faults import Faults
from localcloud.pubsub import names, responses, settings
from localcloud.pubsub.confirmations import invalid_ack_ids
from localcloud.pubsub.exchange import Exchange
from localcloud.pubsub.exports.service import Exports
from localcloud.pubsub.exports.settings import touched
from localcloud.pubsub.history import History
from localcloud.pubsub.lanes import Delivery, Holder
from localcloud.pubsub.resources import Subscription
from localcloud.pubsub.streaming import PullStream
from localcloud.rpc import RpcService, bidi, invalid_argument, pb, unary

# Google waits longer; clients take an empty answer as "ask again", and some give up on a pull held for long.
LONGEST_PULL = 1.0  # seconds

ListSubscriptionsResponse = pb(types.ListSubscriptionsResponse)
ListSnapshotsResponse = pb(types.ListSnapshotsResponse)
SeekResponse = pb(types.SeekResponse)


class Subscriber(RpcService):
    service = "google.pubsub.v1.Subscriber"
    short = "pubsub"

    def __init__(self, faults: Faults, exchange: Exchange, history: History, exports: Exports) -> None:
        super().__init__(faults)
        self._exchange = exchange
        self._history = history
        self._exports = exports
        self._pullers = Holder()

    @unary(pb(types.PullRequest))
    async def Pull(self, request: Any) -> bytes:
        if request.max_messages <= 0:
            raise invalid_argument("The value for max_messages must be positive.")
        subscription = self._exchange.pulled(request.subscription)
        taken = self._take(subscription, request.max_messages)
        if not taken and not request.return_immediately:
            taken = await self._wait_and_take(subscription, request)
        return responses.pull_response(taken, subscription.with_attempts)

    async def _wait_and_take(self, subscription: Subscription, request: Any) -> list[Delivery]:
        taken: list[Delivery] = []
        with subscription.bell.listen() as rung:
            try:
                async with asyncio.timeout(LONGEST_PULL):
                    while not taken:
                        await rung.wait()
                        rung.clear()
                        if self._exchange.pulled(request.subscription) is not subscription:
                            raise names.missing(request.subscription)
                        taken = self._take(subscription, request.max_messages)
            except TimeoutError:
                pass  # nothing came, and that is the answer
        return taken

    def _take(self, subscription: Subscription, most: int) -> list[Delivery]:
        seconds = subscription.config.ack_deadline_seconds
        return self._exchange.take(subscription, most, responses.LARGEST_RESPONSE, self._pullers, seconds)

    @bidi(pb(types.StreamingPullRequest))
    async def StreamingPull(self, requests: AsyncIterator[Any]) -> AsyncIterator[bytes]:
        first = await anext(requests)
        async for response in PullStream(self._exchange, first).responses(requests):
            yield response

    @unary(pb(types.AcknowledgeRequest))
    async def Acknowledge(self, request: Any) -> Any:
        subscription = self._exchange.subscription(request.subscription)
        unknown = self._exchange.acknowledge(subscription, request.ack_ids)
        return _confirmed(subscription, unknown)

    @unary(pb(types.ModifyAckDeadlineRequest))
    async def ModifyAckDeadline(self, request: Any) -> Any:
        subscription = self._exchange.subscription(request.subscription)
        settings.check_ack_deadline(request.ack_deadline_seconds, 0, "ack_deadline_seconds")
        unknown = self._exchange.extend(subscription, request.ack_ids, request.ack_deadline_seconds)
        return _confirmed(subscription, unknown)

    @unary(settings.Subscription)
    async def CreateSubscription(self, request: Any) -> Any:
        await self._exports.check(settings.subscription(request))
        config = self._exchange.create_subscription(request)
        self._exports.tick()
        return config

    @unary(pb(types.GetSubscriptionRequest))
    async def GetSubscription(self, request: Any) -> Any:
        return self._exchange.subscription(request.subscription).config

    @unary(pb(types.UpdateSubscriptionRequest))
    async def UpdateSubscription(self, request: Any) -> Any:
        config = self._exchange.changed_subscription(request.subscription, request.update_mask)
        if touched(request.update_mask):
            await self._exports.check(config)
        config = self._exchange.update_subscription(request.subscription, request.update_mask)
        self._exports.tick()  # before an export that is none any more writes again
        return config

    @unary(pb(types.ModifyPushConfigRequest))
    async def ModifyPushConfig(self, request: Any) -> Any:
        self._exchange.subscription(request.subscription)
        settings.refuse_push(request.push_config)
        return Empty()

    @unary(pb(types.DeleteSubscriptionRequest))
    async def DeleteSubscription(self, request: Any) -> Any:
        self._exchange.delete_subscription(request.subscription)
        return Empty()

    @unary(pb(types.ListSubscriptionsRequest))
    async def ListSubscriptions(self, request: Any) -> Any:
        subscriptions = names.of_project(self._exchange.subscriptions, request.project)
        shown, token = names.page(subscriptions, request.page_size, request.page_token)
        return ListSubscriptionsResponse(subscriptions=[each.config for each in shown], next_page_token=token)

    @unary(pb(types.CreateSnapshotRequest))
    async def CreateSnapshot(self, request: Any) -> Any:
        subscription = self._exchange.attached(request.subscription)
        return self._history.create(request.name, subscription, request.labels)

    @unary(pb(types.GetSnapshotRequest))
    async def GetSnapshot(self, request: Any) -> Any:
        return self._history.snapshot(request.snapshot).config

    @unary(pb(types.UpdateSnapshotRequest))
    async def UpdateSnapshot(self, request: Any) -> Any:
        return self._history.update(request.snapshot, request.update_mask)

    @unary(pb(types.DeleteSnapshotRequest))
    async def DeleteSnapshot(self, request: Any) -> Any:
        self._history.delete(request.snapshot)
        return Empty()

    @unary(pb(types.ListSnapshotsRequest))
    async def ListSnapshots(self, request: Any) -> Any:
        snapshots = names.of_project(self._history.snapshots, request.project)
        shown, token = names.page(snapshots, request.page_size, request.page_token)
        return ListSnapshotsResponse(snapshots=[each.config for each in shown], next_page_token=token)

    @unary(pb(types.SeekRequest))
    async def Seek(self, request: Any) -> Any:
        subscription = self._exchange.attached(request.subscription)
        target = request.WhichOneof("target")
        if target is None:
            raise invalid_argument("Either a time or a snapshot to seek to must be given.")
        if target == "time":
            self._history.seek_to_time(subscription, request.time.ToNanoseconds() / 1e9)
        else:
            self._history.seek_to_snapshot(subscription, request.snapshot)
        return SeekResponse()


def _confirmed(subscription: Subscription, unknown: Iterable[str]) -> Any:
    """Only with exactly-once delivery does it matter that an ack id is not, or no more, on lease."""
    if subscription.exactly_once and unknown:
        raise invalid_ack_ids(unknown)
    return Empty()
