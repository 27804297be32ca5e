"""Pub/Sub subscriptions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any

from google.api_core.exceptions import NotFound
from google.pubsub_v1 import SubscriberClient
from google.pubsub_v1.types import DeadLetterPolicy, ExpirationPolicy, RetryPolicy
from google.pubsub_v1.types import Subscription as Message

from director import keys
from director.model import Subscription
from director.resources.base import CALL_TIMEOUT, Context, Labels, Observed, Wanted, fixed, owner_in
from director.strict import written

ANEW = "use another name, or delete the subscription and with it its backlog"


@dataclass(frozen=True, slots=True)
class Backoff:
    least: timedelta
    most: timedelta

    def __str__(self) -> str:
        return f"{written(self.least)} to {written(self.most)}"


@dataclass(frozen=True, slots=True)
class DeadLetters:
    topic: str
    attempts: int

    def __str__(self) -> str:
        return f"{self.topic} after {self.attempts} attempts"


@dataclass(frozen=True, slots=True)
class State:
    """Fields are named as in Pub/Sub's own message, so that they are its update mask. No expiration is never."""

    topic: Annotated[str, fixed(ANEW)]
    filter: Annotated[str, fixed(ANEW)] = ""
    enable_message_ordering: Annotated[bool, fixed(ANEW)] = False
    detached: Annotated[bool, fixed(ANEW)] = False
    ack_deadline_seconds: int = 10
    message_retention_duration: timedelta = timedelta(days=7)
    retain_acked_messages: bool = False
    retry_policy: Backoff | None = None
    dead_letter_policy: DeadLetters | None = None
    enable_exactly_once_delivery: bool = False
    expiration_policy: timedelta | None = None
    labels: Labels = field(default_factory=dict)


def wanted(context: Context, spec: Subscription) -> Wanted[State]:
    topic = keys.topic(context.project, spec.topic)
    retry, dead = spec.retry_policy, spec.dead_letter_policy
    dead_topic = keys.topic(context.project, dead.topic) if dead else None
    state = State(
        topic=topic[1],
        filter=spec.filter,
        enable_message_ordering=spec.enable_message_ordering,
        ack_deadline_seconds=spec.ack_deadline_seconds,
        message_retention_duration=spec.message_retention_duration,
        retain_acked_messages=spec.retain_acked_messages,
        retry_policy=Backoff(retry.minimum_backoff, retry.maximum_backoff) if retry else None,
        dead_letter_policy=DeadLetters(dead_topic[1], dead.max_delivery_attempts) if dead and dead_topic else None,
        enable_exactly_once_delivery=spec.enable_exactly_once_delivery,
        expiration_policy=spec.expiration,
        labels=context.labels(spec.labels),
    )
    return Wanted(
        *keys.subscription(context.project, spec.name),
        state,
        context.owner,
        needs=(topic, dead_topic) if dead_topic else (topic,),
        services=context.services(spec),
    )


class Subscriptions:
    """Subscriptions through Google's subscriber client."""

    def __init__(self, client: SubscriberClient) -> None:
        self._client = client

    def observe(self, wanted: Wanted[State]) -> Observed[State] | None:
        try:
            found = self._client.get_subscription(subscription=wanted.full_name, retry=None, timeout=CALL_TIMEOUT)
        except NotFound:
            return None
        state = _state(found)
        return Observed(state, owner_in(state.labels))

    def create(self, wanted: Wanted[State]) -> None:
        message = _message(wanted, wanted.state.labels)
        self._client.create_subscription(request=message, retry=None, timeout=CALL_TIMEOUT)

    def update(self, wanted: Wanted[State], observed: Observed[State], fields: frozenset[str]) -> None:
        message = _message(wanted, {**observed.state.labels, **wanted.state.labels})
        request = {"subscription": message, "update_mask": {"paths": sorted(fields)}}
        self._client.update_subscription(request=request, retry=None, timeout=CALL_TIMEOUT)

    def delete(self, wanted: Wanted[State]) -> None:
        self._client.delete_subscription(subscription=wanted.full_name, retry=None, timeout=CALL_TIMEOUT)


def _state(found: Any) -> State:
    retry, dead = found.retry_policy, found.dead_letter_policy
    return State(
        topic=found.topic,
        filter=found.filter,
        enable_message_ordering=found.enable_message_ordering,
        detached=found.detached,
        ack_deadline_seconds=found.ack_deadline_seconds,
        message_retention_duration=found.message_retention_duration,
        retain_acked_messages=found.retain_acked_messages,
        retry_policy=Backoff(retry.minimum_backoff, retry.maximum_backoff) if "retry_policy" in found else None,
        dead_letter_policy=DeadLetters(dead.dead_letter_topic, dead.max_delivery_attempts) if dead else None,
        enable_exactly_once_delivery=found.enable_exactly_once_delivery,
        expiration_policy=found.expiration_policy.ttl or None,
        labels=dict(found.labels),
    )


def _message(wanted: Wanted[State], labels: Mapping[str, str]) -> Any:
    state = wanted.state
    retry, dead = state.retry_policy, state.dead_letter_policy
    return Message(
        name=wanted.full_name,
        topic=state.topic,
        filter=state.filter,
        enable_message_ordering=state.enable_message_ordering,
        ack_deadline_seconds=state.ack_deadline_seconds,
        message_retention_duration=state.message_retention_duration,
        retain_acked_messages=state.retain_acked_messages,
        retry_policy=retry and RetryPolicy(minimum_backoff=retry.least, maximum_backoff=retry.most),
        dead_letter_policy=dead and DeadLetterPolicy(dead_letter_topic=dead.topic, max_delivery_attempts=dead.attempts),
        enable_exactly_once_delivery=state.enable_exactly_once_delivery,
        expiration_policy=ExpirationPolicy(ttl=state.expiration_policy),
        labels=labels,
    )
