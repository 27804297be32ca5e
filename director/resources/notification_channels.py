"""Notification channels of Cloud Monitoring."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from google.api_core.exceptions import AlreadyExists
from google.cloud.monitoring_v3 import AlertPolicyServiceClient, NotificationChannelServiceClient
from google.cloud.monitoring_v3.services.alert_policy_service.transports import AlertPolicyServiceGrpcTransport
from google.cloud.monitoring_v3.services.notification_channel_service.transports import (
    NotificationChannelServiceGrpcTransport,
)
from google.cloud.monitoring_v3.types import NotificationChannel as Message

from director import keys
from director.documents.loading import Blueprint
from director.documents.specs.monitoring import NAMED, NotificationChannel
from director.provisioning.base import (
    CALL_TIMEOUT,
    Context,
    Holding,
    Labels,
    Observed,
    Provider,
    Verdict,
    Wanted,
    fixed,
    mutable,
    owner_in,
)
from director.provisioning.clients import Clients
from director.resources import minted
from director.resources.rules import where_said

_PATHS = {"channel_labels": "labels", "labels": "user_labels"}  # what else Google calls our fields


def as_far_as_shown(live: Mapping[str, str], wanted: Mapping[str, str]) -> Verdict | None:
    """The rule for values of which Google hides some: those are not compared."""
    hidden = {name for name, value in live.items() if "*" in value}
    seen = [{name: value for name, value in each.items() if name not in hidden} for each in (live, wanted)]
    return mutable(*seen)


@dataclass(frozen=True, slots=True)
class State:
    """`copies` are those that were made twice: the others are deleted."""

    type: Annotated[str, fixed("use another name: Google keeps a channel's type")]
    display_name: str
    channel_labels: Annotated[Mapping[str, str], as_far_as_shown]
    description: Annotated[str | None, where_said] = None
    labels: Labels = field(default_factory=dict)
    enabled: bool = True
    copies: int = 1


def wanted(context: Context, spec: NotificationChannel) -> Wanted[State]:
    topic = spec.channel_labels.get("topic", "")
    full = keys.topic(context.project, topic)[1] if topic and "/" not in topic else topic
    state = State(
        type=spec.type,
        display_name=spec.display_name or spec.name,
        channel_labels={"topic": full} if topic else spec.channel_labels,
        description=spec.description or None,
        labels=minted.labels(context, spec.labels, spec.name),
        enabled=spec.enabled,
    )
    needs = ((keys.TOPICS, full),) if topic else ()
    return Wanted(*keys.notification_channel(context.project, spec.name), state, context.owner, needs=needs)


def provider(clients: Clients, blueprint: Blueprint) -> Provider[State]:
    channel = clients.channel("monitoring")
    return NotificationChannels(
        NotificationChannelServiceClient(transport=NotificationChannelServiceGrpcTransport(channel=channel)),
        AlertPolicyServiceClient(transport=AlertPolicyServiceGrpcTransport(channel=channel)),
    )


class NotificationChannels:
    """Channels through Google's client, found by their labels."""

    def __init__(self, client: NotificationChannelServiceClient, policies: AlertPolicyServiceClient) -> None:
        self._client = client
        self._policies = policies

    def observe(self, wanted: Wanted[State]) -> Observed[State] | None:
        found = self._listed(wanted, minted.in_words(wanted))
        return _observed(minted.oldest_first(found)) if found else None

    def survey(self, wanted: Sequence[Wanted[State]]) -> dict[str, Observed[State]]:
        found: dict[str, Observed[State]] = {}
        for one in {(minted.project(one), one.owner): one for one in wanted}.values():
            listed = self._listed(one, minted.all_in_words(one.owner))
            place = one.full_name.rpartition("/")[0]
            found |= {f"{place}/{name}": _observed(copies) for name, copies in minted.named(listed).items()}
        return found

    def create(self, wanted: Wanted[State]) -> None:
        """Raises AlreadyExists: Google itself would make another of the same labels."""
        if self._listed(wanted, minted.in_words(wanted)):
            raise AlreadyExists(f"{wanted.full_name} was made meanwhile")
        request = {"name": minted.project(wanted), "notification_channel": _message(wanted.state)}
        self._client.create_notification_channel(request=request, retry=None, timeout=CALL_TIMEOUT)

    def update(self, wanted: Wanted[State], observed: Observed[State], fields: frozenset[str]) -> None:
        channel, *copies = observed.handle
        for copy in copies:
            self._delete(copy.name)
        changed = sorted(_PATHS.get(name, name) for name in fields - {"copies"})
        if changed:
            message = _message(wanted.state)
            message.name, message.user_labels = channel.name, {**observed.state.labels, **wanted.state.labels}
            request = {"notification_channel": message, "update_mask": {"paths": changed}}
            self._client.update_notification_channel(request=request, retry=None, timeout=CALL_TIMEOUT)

    def holding(self, wanted: Wanted[State], going: frozenset[str]) -> Holding | None:
        """The alerts that are sent there, of policies that stay."""
        ours = {channel.name for channel in self._listed(wanted, minted.in_words(wanted))}
        request = {"name": minted.project(wanted), "page_size": minted.PAGE}
        policies = self._policies.list_alert_policies(request=request, retry=None, timeout=CALL_TIMEOUT)
        using = [policy for policy in policies if ours & set(policy.notification_channels)]
        staying = sorted(policy.display_name for policy in using if not _goes(policy, wanted, going))
        return Holding(f"the alerts of {', '.join(staying)}", others=True) if staying else None

    def delete(self, wanted: Wanted[State], data: bool = False) -> None:
        """Refused by Google while a policy names it."""
        for channel in self._listed(wanted, minted.in_words(wanted)):
            self._delete(channel.name)

    def _delete(self, name: str) -> None:
        self._client.delete_notification_channel(name=name, force=False, retry=None, timeout=CALL_TIMEOUT)

    def _listed(self, wanted: Wanted[State], words: str) -> list[Any]:
        request = {"name": minted.project(wanted), "filter": words, "page_size": minted.PAGE}
        return list(self._client.list_notification_channels(request=request, retry=None, timeout=CALL_TIMEOUT))


def _goes(policy: Any, wanted: Wanted[State], going: frozenset[str]) -> bool:
    name = f"{minted.project(wanted)}/alertPolicies/{policy.user_labels.get(NAMED, '')}"
    return owner_in(policy.user_labels) == wanted.owner and name in going


def _observed(copies: Sequence[Any]) -> Observed[State]:
    channel = copies[0]
    state = State(
        type=channel.type_,
        display_name=channel.display_name,
        channel_labels=dict(channel.labels),
        description=channel.description or None,
        labels=dict(channel.user_labels),
        enabled=channel.enabled is not False,
        copies=len(copies),
    )
    return Observed(state, owner_in(state.labels), copies)


def _message(state: State) -> Any:
    return Message(
        type_=state.type,
        display_name=state.display_name,
        description=state.description or "",
        labels=state.channel_labels,
        user_labels=state.labels,
        enabled=state.enabled,
    )
