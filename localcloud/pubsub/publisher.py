"""The door for those who publish: google.pubsub.v1.Publisher."""

from typing import Any

from google.protobuf.empty_pb2 import Empty
from google.pubsub_v1.types import pubsub as types

from localcloud.faults import Faults
from localcloud.pubsub import names, settings, wire
from localcloud.pubsub.exchange import Exchange
from localcloud.pubsub.history import History
from localcloud.pubsub.messages import Publication
from localcloud.rpc import RpcService, pb, unary

ListTopicsResponse = pb(types.ListTopicsResponse)
ListTopicSubscriptionsResponse = pb(types.ListTopicSubscriptionsResponse)
ListTopicSnapshotsResponse = pb(types.ListTopicSnapshotsResponse)
DetachSubscriptionResponse = pb(types.DetachSubscriptionResponse)


class Publisher(RpcService):
    service = "google.pubsub.v1.Publisher"
    short = "pubsub"

    def __init__(self, faults: Faults, exchange: Exchange, history: History) -> None:
        super().__init__(faults)
        self._exchange = exchange
        self._history = history

    @unary(Publication)
    async def Publish(self, request: Publication) -> bytes:
        return wire.publish_response(message.number for message in self._exchange.publish(request))

    @unary(settings.Topic)
    async def CreateTopic(self, request: Any) -> Any:
        return self._exchange.create_topic(request)

    @unary(pb(types.GetTopicRequest))
    async def GetTopic(self, request: Any) -> Any:
        return self._exchange.topic(request.topic).config

    @unary(pb(types.UpdateTopicRequest))
    async def UpdateTopic(self, request: Any) -> Any:
        return self._exchange.update_topic(request.topic, request.update_mask)

    @unary(pb(types.DeleteTopicRequest))
    async def DeleteTopic(self, request: Any) -> Any:
        self._exchange.delete_topic(request.topic)
        return Empty()

    @unary(pb(types.ListTopicsRequest))
    async def ListTopics(self, request: Any) -> Any:
        topics = names.of_project(self._exchange.topics, request.project)
        shown, token = names.page(topics, request.page_size, request.page_token)
        return ListTopicsResponse(topics=[topic.config for topic in shown], next_page_token=token)

    @unary(pb(types.ListTopicSubscriptionsRequest))
    async def ListTopicSubscriptions(self, request: Any) -> Any:
        attached = self._exchange.topic(request.topic).subscriptions
        shown, token = names.page(attached, request.page_size, request.page_token)
        return ListTopicSubscriptionsResponse(subscriptions=[each.name for each in shown], next_page_token=token)

    @unary(pb(types.ListTopicSnapshotsRequest))
    async def ListTopicSnapshots(self, request: Any) -> Any:
        topic = self._exchange.topic(request.topic)
        taken = {name: each for name, each in self._history.snapshots.items() if each.config.topic == topic.name}
        shown, token = names.page(taken, request.page_size, request.page_token)
        return ListTopicSnapshotsResponse(snapshots=[each.config.name for each in shown], next_page_token=token)

    @unary(pb(types.DetachSubscriptionRequest))
    async def DetachSubscription(self, request: Any) -> Any:
        self._exchange.detach(request.subscription)
        return DetachSubscriptionResponse()
