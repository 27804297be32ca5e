"""Pub/Sub topics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from google.api_core.exceptions import NotFound
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.types import Topic as Message

from director import keys
from director.documents.loading import Blueprint
from director.documents.specs.pubsub import Topic
from director.provisioning.base import CALL_TIMEOUT, Context, Holding, Labels, Observed, Provider, Wanted, owner_in
from director.provisioning.clients import Clients

PAGE = 1_000  # the most that one answer holds


@dataclass(frozen=True, slots=True)
class State:
    message_retention_duration: timedelta | None = None
    labels: Labels = field(default_factory=dict)


def wanted(context: Context, spec: Topic) -> Wanted[State]:
    state = State(spec.message_retention_duration, context.labels(spec.labels))
    key = keys.topic(context.project, spec.name)
    return Wanted(*key, state, context.owner, services=context.services(spec))


def provider(clients: Clients, blueprint: Blueprint) -> Provider[State]:
    return Topics(clients.publisher)


class Topics:
    """Topics through Google's publisher client."""

    def __init__(self, client: PublisherClient) -> None:
        self._client = client

    def observe(self, wanted: Wanted[State]) -> Observed[State] | None:
        try:
            topic = self._client.get_topic(topic=wanted.full_name, retry=None, timeout=CALL_TIMEOUT)
        except NotFound:
            return None
        return _observed(topic)

    def survey(self, wanted: Sequence[Wanted[State]]) -> dict[str, Observed[State]]:
        names = {one.full_name for one in wanted}
        found: dict[str, Observed[State]] = {}
        for project in {name.rpartition("/topics/")[0] for name in names}:
            request = {"project": project, "page_size": PAGE}
            topics = self._client.list_topics(request=request, retry=None, timeout=CALL_TIMEOUT)
            found |= {topic.name: _observed(topic) for topic in topics if topic.name in names}
        return found

    def create(self, wanted: Wanted[State]) -> None:
        self._client.create_topic(request=_message(wanted, wanted.state.labels), retry=None, timeout=CALL_TIMEOUT)

    def update(self, wanted: Wanted[State], observed: Observed[State], fields: frozenset[str]) -> None:
        message = _message(wanted, {**observed.state.labels, **wanted.state.labels})
        request = {"topic": message, "update_mask": {"paths": sorted(fields)}}
        self._client.update_topic(request=request, retry=None, timeout=CALL_TIMEOUT)

    def holding(self, wanted: Wanted[State], going: frozenset[str]) -> Holding | None:
        """What others subscribed to; a topic itself keeps nothing that a subscription does not."""
        names = self._client.list_topic_subscriptions(topic=wanted.full_name, retry=None, timeout=CALL_TIMEOUT)
        others = sorted(set(names) - going)
        return Holding(f"what feeds {', '.join(others)}") if others else None

    def delete(self, wanted: Wanted[State], data: bool = False) -> None:
        self._client.delete_topic(topic=wanted.full_name, retry=None, timeout=CALL_TIMEOUT)


def _observed(topic: Any) -> Observed[State]:
    state = State(topic.message_retention_duration or None, dict(topic.labels))
    return Observed(state, owner_in(state.labels))


def _message(wanted: Wanted[State], labels: Mapping[str, str]) -> Any:
    return Message(
        name=wanted.full_name,
        labels=labels,
        message_retention_duration=wanted.state.message_retention_duration,
    )
