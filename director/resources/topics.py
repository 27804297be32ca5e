"""Pub/Sub topics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any

from google.api_core.exceptions import NotFound
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.types import Encoding, MessageStoragePolicy, SchemaSettings
from google.pubsub_v1.types import Topic as Message

from director import keys
from director.documents.loading import Blueprint
from director.documents.specs.pubsub import SchemaSettings as SchemaSpec
from director.documents.specs.pubsub import StoragePolicy as PolicySpec
from director.documents.specs.pubsub import Topic
from director.provisioning.base import CALL_TIMEOUT, Context, Holding, Labels, Observed, Provider, Wanted, owner_in
from director.provisioning.clients import Clients
from director.resources.rules import where_said

PAGE = 1_000  # the most that one answer holds


@dataclass(frozen=True, slots=True)
class Checked:
    """By which schema messages are checked; of its revisions those from `first` to `last`, where they are named."""

    schema: str
    encoding: str
    first: str = ""
    last: str = ""

    def __str__(self) -> str:
        revisions = f" from {self.first or 'any'} to {self.last or 'any'}" if self.first or self.last else ""
        return f"{self.schema} as {self.encoding}{revisions}"


@dataclass(frozen=True, slots=True)
class Stored:
    """In which regions messages may lie."""

    regions: tuple[str, ...]
    in_transit: bool = False

    def __str__(self) -> str:
        return ", ".join(self.regions) + (" enforced in transit" if self.in_transit else "")


@dataclass(frozen=True, slots=True)
class State:
    """Fields are named as in Pub/Sub's own message, so that they are its update mask."""

    message_retention_duration: timedelta | None = None
    schema_settings: Checked | None = None
    kms_key_name: Annotated[str | None, where_said] = None
    message_storage_policy: Annotated[Stored | None, where_said] = None
    labels: Labels = field(default_factory=dict)


def wanted(context: Context, spec: Topic) -> Wanted[State]:
    checked = _checked(context, spec.schema_settings) if spec.schema_settings else None
    state = State(
        message_retention_duration=spec.message_retention_duration,
        schema_settings=checked,
        kms_key_name=spec.kms_key_name,
        message_storage_policy=_stored(spec.message_storage_policy) if spec.message_storage_policy else None,
        labels=context.labels(spec.labels),
    )
    key = keys.topic(context.project, spec.name)
    needs = ((keys.SCHEMAS, checked.schema),) if checked else ()
    return Wanted(*key, state, context.owner, needs=needs, services=context.services(spec))


def _checked(context: Context, spec: SchemaSpec) -> Checked:
    full = spec.schema_name if "/" in spec.schema_name else keys.schema(context.project, spec.schema_name)[1]
    return Checked(full, spec.encoding, spec.first_revision_id or "", spec.last_revision_id or "")


def _stored(spec: PolicySpec) -> Stored:
    return Stored(tuple(sorted(spec.allowed_persistence_regions)), spec.enforce_in_transit)


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
    settings, policy = topic.schema_settings, topic.message_storage_policy
    state = State(
        message_retention_duration=topic.message_retention_duration or None,
        schema_settings=_live_checked(settings) if settings.schema else None,
        kms_key_name=topic.kms_key_name or None,
        message_storage_policy=_live_stored(policy) if policy.allowed_persistence_regions else None,
        labels=dict(topic.labels),
    )
    return Observed(state, owner_in(state.labels))


def _live_checked(found: Any) -> Checked:
    encoding = Encoding(found.encoding).name.lower()
    return Checked(found.schema, encoding, found.first_revision_id, found.last_revision_id)


def _live_stored(found: Any) -> Stored:
    return Stored(tuple(sorted(found.allowed_persistence_regions)), found.enforce_in_transit)


def _message(wanted: Wanted[State], labels: Mapping[str, str]) -> Any:
    state = wanted.state
    checked, stored = state.schema_settings, state.message_storage_policy
    return Message(
        name=wanted.full_name,
        labels=labels,
        message_retention_duration=state.message_retention_duration,
        schema_settings=checked and _schema_settings(checked),
        kms_key_name=state.kms_key_name or "",
        message_storage_policy=stored and _storage_policy(stored),
    )


def _schema_settings(checked: Checked) -> Any:
    return SchemaSettings(
        schema=checked.schema,
        encoding=Encoding[checked.encoding.upper()],
        first_revision_id=checked.first,
        last_revision_id=checked.last,
    )


def _storage_policy(stored: Stored) -> Any:
    return MessageStoragePolicy(allowed_persistence_regions=stored.regions, enforce_in_transit=stored.in_transit)
