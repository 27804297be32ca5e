"""Pub/Sub subscriptions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any

from google.api_core.exceptions import DeadlineExceeded, NotFound
from google.pubsub_v1 import SubscriberClient
from google.pubsub_v1.types import (
    BigQueryConfig,
    CloudStorageConfig,
    DeadLetterPolicy,
    ExpirationPolicy,
    PushConfig,
    RetryPolicy,
)
from google.pubsub_v1.types import Subscription as Message

from director import keys
from director.documents.loading import Blueprint
from director.documents.specs.deliveries import BigQueryExport, Push, StorageExport
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
from director.strict import written

PAGE = 1_000  # the most that one answer holds
PEEK_SECONDS = 2.0  # an empty subscription answers nothing at all
WITH_METADATA = "avro with metadata"
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
class Rows:
    """Where Pub/Sub writes rows; `table` is `project.dataset.table`."""

    table: str
    use_table_schema: bool = False
    write_metadata: bool = False
    drop_unknown_fields: bool = False

    def __str__(self) -> str:
        flags = ("use_table_schema", "write_metadata", "drop_unknown_fields")
        return " ".join((self.table, *(flag for flag in flags if getattr(self, flag))))


@dataclass(frozen=True, slots=True)
class Files:
    """Where Pub/Sub writes files; in `format` metadata stands as `avro with metadata`."""

    bucket: str
    prefix: str
    suffix: str
    max_duration: timedelta
    max_bytes: int | None
    format: str

    def __str__(self) -> str:
        size = f" or {self.max_bytes} bytes" if self.max_bytes else ""
        name = f"{self.prefix}...{self.suffix}"
        return f"gs://{self.bucket}/{name} as {self.format}, each {written(self.max_duration)}{size}"


@dataclass(frozen=True, slots=True)
class Calls:
    """Which web service Pub/Sub sends messages to, and as whom."""

    endpoint: str
    service_account: str
    audience: str
    attributes: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        identity = f" as {self.service_account}" if self.service_account else ""
        audience = f" for {self.audience}" if self.audience else ""
        return f"{self.endpoint}{identity}{audience}" + "".join(f" {key}={value}" for key, value in self.attributes)


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
    bigquery_config: Rows | None = None
    cloud_storage_config: Files | None = None
    push_config: Calls | None = None
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
        bigquery_config=_rows(context, spec.bigquery) if spec.bigquery else None,
        cloud_storage_config=_files(spec.cloud_storage) if spec.cloud_storage else None,
        push_config=_calls(spec.push) if spec.push else None,
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


def _rows(context: Context, spec: BigQueryExport) -> Rows:
    return Rows(context.table(spec.table)[1], spec.use_table_schema, spec.write_metadata, spec.drop_unknown_fields)


def _files(spec: StorageExport) -> Files:
    form = WITH_METADATA if spec.write_metadata else spec.format
    return Files(spec.bucket, spec.prefix, spec.suffix, spec.max_duration, spec.max_bytes, form)


def _calls(spec: Push) -> Calls:
    attributes = tuple(sorted(spec.attributes.items()))
    return Calls(spec.endpoint, spec.service_account or "", spec.audience or "", attributes)


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
        message = _message(wanted, wanted.state.labels)
        self._client.create_subscription(request=message, retry=None, timeout=CALL_TIMEOUT)

    def update(self, wanted: Wanted[State], observed: Observed[State], fields: frozenset[str]) -> None:
        message = _message(wanted, {**observed.state.labels, **wanted.state.labels})
        request = {"subscription": message, "update_mask": {"paths": sorted(fields)}}
        self._client.update_subscription(request=request, retry=None, timeout=CALL_TIMEOUT)

    def holding(self, wanted: Wanted[State], going: frozenset[str]) -> Holding | None:
        """A message is taken and given back at once: that counts as a delivery, and what others hold is not seen."""
        state = wanted.state
        if state.bigquery_config or state.cloud_storage_config or state.push_config:
            return Holding("messages not delivered yet, which nobody but Pub/Sub can see")
        try:
            found = self._client.pull(
                subscription=wanted.full_name, max_messages=1, retry=None, timeout=PEEK_SECONDS
            ).received_messages
        except DeadlineExceeded:
            return None
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
        bigquery_config=_live_rows(found.bigquery_config) if "bigquery_config" in found else None,
        cloud_storage_config=_live_files(found.cloud_storage_config) if "cloud_storage_config" in found else None,
        push_config=_live_calls(found.push_config) if found.push_config.push_endpoint else None,
        labels=dict(found.labels),
    )


def _live_rows(found: Any) -> Rows:
    return Rows(found.table, found.use_table_schema, found.write_metadata, found.drop_unknown_fields)


def _live_files(found: Any) -> Files:
    avro = "avro_config" in found
    return Files(
        bucket=found.bucket,
        prefix=found.filename_prefix,
        suffix=found.filename_suffix,
        max_duration=found.max_duration,
        max_bytes=found.max_bytes or None,
        format=(WITH_METADATA if found.avro_config.write_metadata else "avro") if avro else "text",
    )


def _live_calls(found: Any) -> Calls:
    token = found.oidc_token
    attributes = tuple(sorted(found.attributes.items()))
    return Calls(found.push_endpoint, token.service_account_email, token.audience, attributes)


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
        bigquery_config=state.bigquery_config and _bigquery_config(state.bigquery_config),
        cloud_storage_config=state.cloud_storage_config and _storage_config(state.cloud_storage_config),
        push_config=state.push_config and _push_config(state.push_config),
        labels=labels,
    )


def _bigquery_config(rows: Rows) -> Any:
    return BigQueryConfig(
        table=rows.table,
        use_table_schema=rows.use_table_schema,
        write_metadata=rows.write_metadata,
        drop_unknown_fields=rows.drop_unknown_fields,
    )


def _storage_config(files: Files) -> Any:
    avro = CloudStorageConfig.AvroConfig(write_metadata=files.format == WITH_METADATA)
    text = CloudStorageConfig.TextConfig()
    return CloudStorageConfig(
        bucket=files.bucket,
        filename_prefix=files.prefix,
        filename_suffix=files.suffix,
        max_duration=files.max_duration,
        max_bytes=files.max_bytes or 0,
        **({"text_config": text} if files.format == "text" else {"avro_config": avro}),
    )


def _push_config(calls: Calls) -> Any:
    token = PushConfig.OidcToken(service_account_email=calls.service_account, audience=calls.audience)
    return PushConfig(
        push_endpoint=calls.endpoint,
        attributes=dict(calls.attributes),
        oidc_token=token if calls.service_account else None,
    )
