"""Pub/Sub topics."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from google.api_core.exceptions import NotFound
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.types import Topic as Message

from director import keys
from director.model import Topic
from director.resources.base import CALL_TIMEOUT, Context, Labels, Observed, Wanted, owner_in


@dataclass(frozen=True, slots=True)
class State:
    message_retention_duration: timedelta | None = None
    labels: Labels = field(default_factory=dict)


def wanted(context: Context, spec: Topic) -> Wanted[State]:
    state = State(spec.message_retention_duration, context.labels(spec.labels))
    key = keys.topic(context.project, spec.name)
    return Wanted(*key, state, context.owner, services=context.services(spec))


class Topics:
    """Topics through Google's publisher client."""

    def __init__(self, client: PublisherClient) -> None:
        self._client = client

    def observe(self, wanted: Wanted[State]) -> Observed[State] | None:
        try:
            topic = self._client.get_topic(topic=wanted.full_name, retry=None, timeout=CALL_TIMEOUT)
        except NotFound:
            return None
        state = State(topic.message_retention_duration or None, dict(topic.labels))
        return Observed(state, owner_in(state.labels))

    def create(self, wanted: Wanted[State]) -> None:
        self._client.create_topic(request=_message(wanted, wanted.state.labels), retry=None, timeout=CALL_TIMEOUT)

    def update(self, wanted: Wanted[State], observed: Observed[State], fields: frozenset[str]) -> None:
        message = _message(wanted, {**observed.state.labels, **wanted.state.labels})
        request = {"topic": message, "update_mask": {"paths": sorted(fields)}}
        self._client.update_topic(request=request, retry=None, timeout=CALL_TIMEOUT)

    def delete(self, wanted: Wanted[State]) -> None:
        self._client.delete_topic(topic=wanted.full_name, retry=None, timeout=CALL_TIMEOUT)


def _message(wanted: Wanted[State], labels: Mapping[str, str]) -> Any:
    return Message(
        name=wanted.full_name,
        labels=labels,
        message_retention_duration=wanted.state.message_retention_duration,
    )
