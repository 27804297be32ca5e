"""Notification channels: kept and checked, nothing is sent. The door google.monitoring.v3.NotificationChannelService.

Sources: https://cloud.google.com/monitoring/api/ref_v3/rpc/google.monitoring.v3#notificationchannelservice,
https://cloud.google.com/monitoring/alerts/using-channels-api
"""

import itertools
import re
from collections.abc import Iterator
from typing import Any

from google.cloud.monitoring_v3.types import notification, notification_service
from google.protobuf.empty_pb2 import Empty

from localcloud.clock import Clock
from localcloud.faults import Faults
from localcloud.masks import own_fields, replace
from localcloud.monitoring import labels
from localcloud.monitoring.lists import chosen
from localcloud.monitoring.policies import AlertPolicyService
from localcloud.paging import page
from localcloud.rpc import RpcService, failed_precondition, invalid_argument, not_found, pb, refused, unary

NotificationChannel = pb(notification.NotificationChannel)
CreateNotificationChannelRequest = pb(notification_service.CreateNotificationChannelRequest)
GetNotificationChannelRequest = pb(notification_service.GetNotificationChannelRequest)
ListNotificationChannelsRequest = pb(notification_service.ListNotificationChannelsRequest)
ListNotificationChannelsResponse = pb(notification_service.ListNotificationChannelsResponse)
UpdateNotificationChannelRequest = pb(notification_service.UpdateNotificationChannelRequest)
DeleteNotificationChannelRequest = pb(notification_service.DeleteNotificationChannelRequest)

SETTABLE = own_fields(
    NotificationChannel, ("name", "type_", "verification_status", "creation_record", "mutation_records")
)
LARGEST_PAGE = 1_000
LABELS = {  # by type: what must be given, and of that what is a secret
    "email": ({"email_address"}, set()),
    "pubsub": ({"topic"}, set()),
    "sms": ({"number"}, set()),
    "webhook_tokenauth": ({"url"}, set()),
    "webhook_basicauth": ({"url", "username", "password"}, {"password"}),
    "pagerduty": ({"service_key"}, {"service_key"}),
    "slack": ({"channel_name", "auth_token"}, {"auth_token"}),
}

_PROJECT = re.compile(r"projects/[^/]+")
_NAME = "google.monitoring.v3.NotificationChannelService"


class NotificationChannelService(RpcService):
    service = _NAME
    short = "monitoring"

    def __init__(self, faults: Faults, clock: Clock) -> None:
        super().__init__(faults)
        self.kept: dict[str, Any] = {}
        self.policies = AlertPolicyService(faults, clock, self.kept)
        self._clock = clock
        self._numbers = itertools.count(20_000_000_000_000_001)

    @unary(CreateNotificationChannelRequest)
    async def CreateNotificationChannel(self, request: Any) -> Any:
        wanted = request.notification_channel
        if not _PROJECT.fullmatch(request.name):
            raise invalid_argument(f'Field name had an invalid value of "{request.name}": write projects/PROJECT.')
        if wanted.verification_status:
            raise invalid_argument("Field verification_status cannot be set.")
        channel = NotificationChannel(type_=wanted.type_)
        replace(channel, wanted, None, SETTABLE)
        channel.name = f"{request.name}/notificationChannels/{next(self._numbers)}"
        channel.creation_record.mutate_time.FromNanoseconds(self._clock.time_ns())
        return self._keep(channel)

    @unary(GetNotificationChannelRequest)
    async def GetNotificationChannel(self, request: Any) -> Any:
        return _shown(self._found(request.name))

    @unary(ListNotificationChannelsRequest)
    async def ListNotificationChannels(self, request: Any) -> Any:
        everything = [channel for name, channel in self.kept.items() if name.startswith(f"{request.name}/")]
        found = chosen(everything, request)
        shown, token = page(found, request, LARGEST_PAGE)
        return ListNotificationChannelsResponse(
            notification_channels=map(_shown, shown), next_page_token=token, total_size=len(found)
        )

    @unary(UpdateNotificationChannelRequest)
    async def UpdateNotificationChannel(self, request: Any) -> Any:
        live = self._found(request.notification_channel.name)
        if request.notification_channel.type_ not in ("", live.type_):
            raise invalid_argument("Field type cannot be changed.")
        channel = NotificationChannel()
        channel.CopyFrom(live)
        replace(channel, request.notification_channel, request.update_mask, SETTABLE)
        channel.mutation_records.add().mutate_time.FromNanoseconds(self._clock.time_ns())
        return self._keep(channel)

    @unary(DeleteNotificationChannelRequest)
    async def DeleteNotificationChannel(self, request: Any) -> Any:
        name = self._found(request.name).name
        using = [policy for policy in self.policies.kept.values() if name in policy.notification_channels]
        if using and not request.force:
            raise failed_precondition(f"Notification channel {name} is used by {', '.join(p.name for p in using)}.")
        for policy in using:
            policy.notification_channels.remove(name)
        del self.kept[name]
        return Empty()

    ListNotificationChannelDescriptors = refused(f"{_NAME}.ListNotificationChannelDescriptors")
    GetNotificationChannelDescriptor = refused(f"{_NAME}.GetNotificationChannelDescriptor")
    SendNotificationChannelVerificationCode = refused(f"{_NAME}.SendNotificationChannelVerificationCode")
    GetNotificationChannelVerificationCode = refused(f"{_NAME}.GetNotificationChannelVerificationCode")
    VerifyNotificationChannel = refused(f"{_NAME}.VerifyNotificationChannel")

    def _found(self, name: str) -> Any:
        if name not in self.kept:
            raise not_found(f"Could not find notification channel {name}.")
        return self.kept[name]

    def _keep(self, channel: Any) -> Any:
        """Raises INVALID_ARGUMENT."""
        wrong = [*_faults(channel), *labels.faults(channel.user_labels)]
        if wrong:
            raise invalid_argument(f"Field notification_channel had an invalid value: {'; '.join(wrong)}.")
        if not channel.HasField("enabled"):
            channel.enabled.value = True
        self.kept[channel.name] = channel
        return _shown(channel)


def _faults(channel: Any) -> Iterator[str]:
    if channel.type_ not in LABELS:
        yield f"type: {channel.type_!r} is none of {', '.join(LABELS)}"
        return
    needed, _ = LABELS[channel.type_]
    if set(channel.labels) != needed:
        yield f"labels: a channel of type {channel.type_} has {', '.join(sorted(needed))}"
    if len(channel.display_name) > 512 or len(channel.description) > 1024:
        yield "display_name, description: at most 512 and 1024 characters are allowed"


def _shown(channel: Any) -> Any:
    """Without its secrets."""
    copied = NotificationChannel()
    copied.CopyFrom(channel)
    for name in LABELS[channel.type_][1]:
        copied.labels[name] = "*" * 8
    return copied
