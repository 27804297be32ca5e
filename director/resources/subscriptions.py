"""Pub/Sub subscriptions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Annotated, Any

from google.api_core.exceptions import DeadlineExceeded, FailedPrecondition, NotFound
from google.pubsub_v1 import SubscriberClient
from google.pubsub_v1.types import (
    DeadLetterPolicy,
    ExpirationPolicy,
    RetryPolicy,
)
from google.pubsub_v1.types import Subscription as Message

from director import keys
from director.documents.loading import Blueprint
from director.documents.specs.pubsub import Subscription
from director.keys import Key
from director.provisioning.base import (
    CALL_TIMEOUT,
    Context,
    Holding,
    Labels,
    Observed,
    Provider,
    Wanted,
    fixed,
    owner_in,
)
from director.provisioning.clients import Clients
from director.resources.deliveries import Calls, Files, Rows, delivered
from director.strict import written

PAGE = 1_000  # the most that one answer holds
PEEK_SECONDS = 2.0  # an empty subscription answers nothing at all
ANEW = "use another name, or delete the subscription and with it its backlog"
UNSEEN = Holding("messages not delivered yet, which nobody but Pub/Sub can see")
DETACHED = "delete it and apply again: it gets no messages any more and has no backlog to lose"


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
    detached: Annotated[bool, fixed(DETACHED)] = False
    ack_deadline_seconds: int = 10
    message_retention_duration: timedelta = timedelta(days=7)
    retain_acked_messages: bool = False
    retry_policy: Backoff | None = None
    dead_letter_policy: DeadLetters | None = None
    enable_exactly_once_delivery: bool = False
    expiration_policy: timedelta | None = None
    bigquery_config: Annotated[Rows | None, delivered] = None
    cloud_storage_config: Annotated[Files | None, delivered] = None
    push_config: Annotated[Calls | None, delivered] = None
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
        bigquery_config=Rows.of(spec.bigquery, context.table(spec.bigquery.table)[1]) if spec.bigquery else None,
        cloud_storage_config=Files.of(spec.cloud_storage) if spec.cloud_storage else None,
        push_config=Calls.of(spec.push) if spec.push else None,
        labels=context.labels(spec.labels),
    )
    return Wanted(
        *keys.subscription(context.project, spec.name),
        state,
        context.owner,
        needs=(topic, *((dead_topic,) if dead_topic else ()), *_sinks(context, spec)),
        services=context.services(spec),
    )


def _sinks(context: Context, spec: Subscription) -> Iterator[Key]:
    """What Pub/Sub writes to has to be there before the subscription is."""
    if spec.bigquery:
        yield context.table(spec.bigquery.table)
    if spec.cloud_storage:
        yield keys.bucket(spec.cloud_storage.bucket)


def provider(clients: Clients, blueprint: Blueprint) -> Provider[State]:
    return Subscriptions(clients.subscriber)


class Subscriptions:
    """Subscriptions through Google's subscriber client."""

    def __init__(self, client: SubscriberClient) -> None:
        self._client = client

    def observe(self, wanted: Wanted[State]) -> Observed[State] | None:
        try:
            found = self._client.get_subscription(subscription=wanted.full_name, retry=None, timeout=CALL_TIMEOUT)
        except NotFound:
            return None
        return _observed(found)

    def survey(self, wanted: Sequence[Wanted[State]]) -> dict[str, Observed[State]]:
        names = {one.full_name for one in wanted}
        found: dict[str, Observed[State]] = {}
        for project in {name.rpartition("/subscriptions/")[0] for name in names}:
            request = {"project": project, "page_size": PAGE}
            listed = self._client.list_subscriptions(request=request, retry=None, timeout=CALL_TIMEOUT)
            found |= {one.name: _observed(one) for one in listed if one.name in names}
        return found

    def create(self, wanted: Wanted[State]) -> None:
        message = _message(wanted, wanted.state)
        self._client.create_subscription(request=message, retry=None, timeout=CALL_TIMEOUT)

    def update(self, wanted: Wanted[State], observed: Observed[State], fields: frozenset[str]) -> None:
        """Of a way of delivery Pub/Sub replaces everything, so what was not said is said as it is."""
        message = _message(wanted, _kept(wanted.state, observed.state))
        request = {"subscription": message, "update_mask": {"paths": sorted(fields)}}
        self._client.update_subscription(request=request, retry=None, timeout=CALL_TIMEOUT)

    def holding(self, wanted: Wanted[State], going: frozenset[str]) -> Holding | None:
        """A message is taken and given back at once: that counts as a delivery, and what others hold is not seen."""
        state = wanted.state
        if state.bigquery_config or state.cloud_storage_config or state.push_config:
            return UNSEEN
        try:
            found = self._client.pull(
                subscription=wanted.full_name, max_messages=1, retry=None, timeout=PEEK_SECONDS
            ).received_messages
        except DeadlineExceeded:
            return None
        except FailedPrecondition:
            return self._unpulled(wanted)
        if not found:
            return None
        self._client.modify_ack_deadline(
            subscription=wanted.full_name,
            ack_ids=[one.ack_id for one in found],
            ack_deadline_seconds=0,
            retry=None,
            timeout=CALL_TIMEOUT,
        )
        return Holding("a backlog")

    def _unpulled(self, wanted: Wanted[State]) -> Holding | None:
        """Detached, it has nothing; any other that cannot be pulled from is delivered, whatever the document says."""
        live = self.observe(wanted)
        return None if live is None or live.state.detached else UNSEEN

    def delete(self, wanted: Wanted[State], data: bool = False) -> None:
        self._client.delete_subscription(subscription=wanted.full_name, retry=None, timeout=CALL_TIMEOUT)


def _observed(found: Any) -> Observed[State]:
    state = _state(found)
    return Observed(state, owner_in(state.labels))


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
        bigquery_config=Rows.live(found.bigquery_config) if "bigquery_config" in found else None,
        cloud_storage_config=Files.live(found.cloud_storage_config) if "cloud_storage_config" in found else None,
        push_config=Calls.live(found.push_config) if found.push_config.push_endpoint else None,
        labels=dict(found.labels),
    )


def _kept(wanted: State, live: State) -> State:
    return replace(
        wanted,
        bigquery_config=wanted.bigquery_config and wanted.bigquery_config.over(live.bigquery_config),
        cloud_storage_config=wanted.cloud_storage_config
        and wanted.cloud_storage_config.over(live.cloud_storage_config),
        push_config=wanted.push_config and wanted.push_config.over(live.push_config),
        labels={**live.labels, **wanted.labels},
    )


def _message(wanted: Wanted[State], state: State) -> Any:
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
        bigquery_config=state.bigquery_config and state.bigquery_config.message(),
        cloud_storage_config=state.cloud_storage_config and state.cloud_storage_config.message(),
        push_config=state.push_config and state.push_config.message(),
        labels=state.labels,
    )
