"""Alert policies of Cloud Monitoring."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any

from google.api_core.exceptions import AlreadyExists
from google.cloud.monitoring_v3 import AlertPolicyServiceClient, NotificationChannelServiceClient
from google.cloud.monitoring_v3.services.alert_policy_service.transports import AlertPolicyServiceGrpcTransport
from google.cloud.monitoring_v3.services.notification_channel_service.transports import (
    NotificationChannelServiceGrpcTransport,
)
from google.cloud.monitoring_v3.types import AlertPolicy as Message

from director import keys
from director.documents.loading import Blueprint
from director.documents.specs.monitoring import NAMED, AlertPolicy
from director.provisioning.base import (
    CALL_TIMEOUT,
    Context,
    Holding,
    Labels,
    Observed,
    Provider,
    Wanted,
    owner_in,
)
from director.provisioning.clients import Clients
from director.resources import conditions, minted
from director.resources.entries import exactly
from director.resources.rules import where_said

_PATHS = {
    "content": "documentation",
    "subject": "documentation",
    "channels": "notification_channels",
    "auto_close": "alert_strategy",
    "labels": "user_labels",
}  # what else Google calls our fields


@dataclass(frozen=True, slots=True)
class State:
    """`channels` have the names of documents where they are of the dataflow, else Google's in full.

    `conditions` are texts by what people call each. `copies` are those that were made twice: the others are deleted.
    """

    display_name: str
    combiner: str
    conditions: Annotated[Mapping[str, str], exactly]
    channels: tuple[str, ...] = ()
    content: Annotated[str | None, where_said] = None
    subject: Annotated[str | None, where_said] = None
    severity: Annotated[str | None, where_said] = None
    auto_close: Annotated[timedelta | None, where_said] = None
    labels: Labels = field(default_factory=dict)
    enabled: bool = True
    copies: int = 1


def wanted(context: Context, spec: AlertPolicy) -> Wanted[State]:
    named = (name if "/" in name else keys.notification_channel(context.project, name)[1] for name in spec.channels)
    told = spec.documentation
    state = State(
        display_name=spec.display_name or spec.name,
        combiner=spec.combiner,
        conditions=conditions.texts(conditions.message(each) for each in spec.conditions),
        channels=tuple(sorted(named)),
        content=(told.content if told else spec.description) or None,
        subject=told.subject if told else None,
        severity=spec.severity,
        auto_close=spec.auto_close,
        labels=minted.labels(context, spec.labels, spec.name),
        enabled=spec.enabled,
    )
    needs = tuple((keys.CHANNELS, name) for name in state.channels)
    return Wanted(*keys.alert_policy(context.project, spec.name), state, context.owner, needs=needs)


def provider(clients: Clients, blueprint: Blueprint) -> Provider[State]:
    channel = clients.channel("monitoring")
    return AlertPolicies(
        AlertPolicyServiceClient(transport=AlertPolicyServiceGrpcTransport(channel=channel)),
        NotificationChannelServiceClient(transport=NotificationChannelServiceGrpcTransport(channel=channel)),
    )


class AlertPolicies:
    """Policies through Google's client, found by their labels."""

    def __init__(self, client: AlertPolicyServiceClient, channels: NotificationChannelServiceClient) -> None:
        self._client = client
        self._channels = channels

    def observe(self, wanted: Wanted[State]) -> Observed[State] | None:
        found = self._listed(wanted, minted.in_words(wanted))
        return _observed(minted.oldest_first(found), self._named_channels(wanted)) if found else None

    def survey(self, wanted: Sequence[Wanted[State]]) -> dict[str, Observed[State]]:
        found: dict[str, Observed[State]] = {}
        for one in {(minted.project(one), one.owner): one for one in wanted}.values():
            listed = self._listed(one, minted.all_in_words(one.owner))
            names, place = self._named_channels(one), one.full_name.rpartition("/")[0]
            found |= {f"{place}/{name}": _observed(copies, names) for name, copies in minted.named(listed).items()}
        return found

    def create(self, wanted: Wanted[State]) -> None:
        """Raises AlreadyExists: Google itself would make another of the same labels."""
        if self._listed(wanted, minted.in_words(wanted)):
            raise AlreadyExists(f"{wanted.full_name} was made meanwhile")
        policy = self._filled(Message(), wanted)
        request = {"name": minted.project(wanted), "alert_policy": policy}
        self._client.create_alert_policy(request=request, retry=None, timeout=CALL_TIMEOUT)

    def update(self, wanted: Wanted[State], observed: Observed[State], fields: frozenset[str]) -> None:
        policy, *copies = observed.handle
        for copy in copies:
            self._client.delete_alert_policy(name=copy.name, retry=None, timeout=CALL_TIMEOUT)
        changed = sorted({_PATHS.get(name, name) for name in fields - {"copies"}})
        if changed:
            request = {"alert_policy": self._filled(Message(policy), wanted), "update_mask": {"paths": changed}}
            self._client.update_alert_policy(request=request, retry=None, timeout=CALL_TIMEOUT)

    def holding(self, wanted: Wanted[State], going: frozenset[str]) -> Holding | None:
        """A policy keeps nothing."""
        return None

    def delete(self, wanted: Wanted[State], data: bool = False) -> None:
        for policy in self._listed(wanted, minted.in_words(wanted)):
            self._client.delete_alert_policy(name=policy.name, retry=None, timeout=CALL_TIMEOUT)

    def _filled(self, policy: Any, wanted: Wanted[State]) -> Any:
        """A policy with what the document says, its conditions under the names that Google gave them."""
        state = wanted.state
        google = {ours: theirs for theirs, ours in self._named_channels(wanted).items()}
        policy.display_name, policy.combiner, policy.enabled = state.display_name, state.combiner, state.enabled
        policy.conditions = conditions.messages(state.conditions, policy.conditions)
        policy.notification_channels = [google.get(name, name) for name in state.channels]
        policy.user_labels = {**policy.user_labels, **state.labels}
        if state.content:
            policy.documentation.content, policy.documentation.mime_type = state.content, "text/markdown"
        if state.subject:
            policy.documentation.subject = state.subject
        if state.severity:
            policy.severity = state.severity
        if state.auto_close:
            policy.alert_strategy.auto_close = state.auto_close
        return policy

    def _named_channels(self, wanted: Wanted[State]) -> dict[str, str]:
        """By the names that Google gave them: the dataflow's channels as they are in documents."""
        project = minted.project(wanted)
        request = {"name": project, "filter": minted.all_in_words(wanted.owner), "page_size": minted.PAGE}
        listed = self._channels.list_notification_channels(request=request, retry=None, timeout=CALL_TIMEOUT)
        return {channel.name: f"{project}/notificationChannels/{channel.user_labels.get(NAMED)}" for channel in listed}

    def _listed(self, wanted: Wanted[State], words: str) -> list[Any]:
        request = {"name": minted.project(wanted), "filter": words, "page_size": minted.PAGE}
        return list(self._client.list_alert_policies(request=request, retry=None, timeout=CALL_TIMEOUT))


def _observed(copies: Sequence[Any], channels: Mapping[str, str]) -> Observed[State]:
    policy = copies[0]
    state = State(
        display_name=policy.display_name,
        combiner=policy.combiner.name,
        conditions=conditions.texts(policy.conditions),
        channels=_told(policy.notification_channels, channels),
        content=policy.documentation.content or None,
        subject=policy.documentation.subject or None,
        severity=policy.severity.name if policy.severity else None,
        auto_close=policy.alert_strategy.auto_close or None,
        labels=dict(policy.user_labels),
        enabled=policy.enabled is not False,
        copies=len(copies),
    )
    return Observed(state, owner_in(state.labels), copies)


def _told(channels: Iterable[str], names: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(sorted(names.get(channel, channel) for channel in channels))
