"""Alert policies: kept and checked, never evaluated. The door google.monitoring.v3.AlertPolicyService.

Sources: https://cloud.google.com/monitoring/api/ref_v3/rpc/google.monitoring.v3#alertpolicyservice,
https://cloud.google.com/monitoring/quotas
"""

import itertools
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from google.cloud.monitoring_v3.types import alert, alert_service
from google.protobuf.empty_pb2 import Empty

from localcloud.clock import Clock
from localcloud.faults import Faults
from localcloud.masks import own_fields, replace
from localcloud.monitoring import labels
from localcloud.monitoring.lists import chosen
from localcloud.paging import page
from localcloud.rpc import RpcService, invalid_argument, not_found, pb, unary

AlertPolicy = pb(alert.AlertPolicy)
CreateAlertPolicyRequest = pb(alert_service.CreateAlertPolicyRequest)
GetAlertPolicyRequest = pb(alert_service.GetAlertPolicyRequest)
ListAlertPoliciesRequest = pb(alert_service.ListAlertPoliciesRequest)
ListAlertPoliciesResponse = pb(alert_service.ListAlertPoliciesResponse)
UpdateAlertPolicyRequest = pb(alert_service.UpdateAlertPolicyRequest)
DeleteAlertPolicyRequest = pb(alert_service.DeleteAlertPolicyRequest)

SETTABLE = own_fields(AlertPolicy, ("name", "validity", "creation_record", "mutation_record"))
LARGEST_PAGE = 1_000
MOST_CONDITIONS, MOST_CHANNELS = 6, 16
MINUTE = timedelta(minutes=1)

_PROJECT = re.compile(r"projects/[^/]+")
_METRIC, _RESOURCE = re.compile(r"\bmetric\.type\b"), re.compile(r"\bresource\.type\b")
_BELOW, _ABOVE = 3, 1  # of ComparisonType


class AlertPolicyService(RpcService):
    service = "google.monitoring.v3.AlertPolicyService"
    short = "monitoring"

    def __init__(self, faults: Faults, clock: Clock, channels: dict[str, Any]) -> None:
        """`channels` are those that there are, by name."""
        super().__init__(faults)
        self.kept: dict[str, Any] = {}
        self._clock = clock
        self._channels = channels
        self._numbers = itertools.count(10_000_000_000_000_001)

    @unary(CreateAlertPolicyRequest)
    async def CreateAlertPolicy(self, request: Any) -> Any:
        if not _PROJECT.fullmatch(request.name):
            raise invalid_argument(f'Field name had an invalid value of "{request.name}": write projects/PROJECT.')
        policy = AlertPolicy()
        replace(policy, request.alert_policy, None, SETTABLE)
        policy.name = f"{request.name}/alertPolicies/{next(self._numbers)}"
        self._keep(policy, frozenset())
        policy.creation_record.CopyFrom(policy.mutation_record)
        return policy

    @unary(GetAlertPolicyRequest)
    async def GetAlertPolicy(self, request: Any) -> Any:
        return self._found(request.name)

    @unary(ListAlertPoliciesRequest)
    async def ListAlertPolicies(self, request: Any) -> Any:
        everything = [policy for name, policy in self.kept.items() if name.startswith(f"{request.name}/")]
        found = chosen(everything, request)
        shown, token = page(found, request, LARGEST_PAGE)
        return ListAlertPoliciesResponse(alert_policies=shown, next_page_token=token, total_size=len(found))

    @unary(UpdateAlertPolicyRequest)
    async def UpdateAlertPolicy(self, request: Any) -> Any:
        live = self._found(request.alert_policy.name)
        policy = AlertPolicy()
        policy.CopyFrom(live)
        replace(policy, request.alert_policy, request.update_mask, SETTABLE)
        self._keep(policy, frozenset(condition.name for condition in live.conditions))
        return policy

    @unary(DeleteAlertPolicyRequest)
    async def DeleteAlertPolicy(self, request: Any) -> Any:
        del self.kept[self._found(request.name).name]
        return Empty()

    def _found(self, name: str) -> Any:
        if name not in self.kept:
            raise not_found(f"Could not find alert policy {name}.")
        return self.kept[name]

    def _keep(self, policy: Any, known: frozenset[str]) -> None:
        """`known` are the names of its conditions so far. Raises INVALID_ARGUMENT, or NOT_FOUND for a channel."""
        wrong = [*_faults(policy), *labels.faults(policy.user_labels)]
        if wrong:
            raise invalid_argument(f"Field alert_policy had an invalid value: {'; '.join(wrong)}.")
        for channel in policy.notification_channels:
            if channel not in self._channels:
                raise not_found(f"Could not find notification channel {channel}.")
        for condition in policy.conditions:
            if condition.name and condition.name not in known:
                raise invalid_argument(f"The condition {condition.name} is none of this policy.")
            condition.name = condition.name or f"{policy.name}/conditions/{next(self._numbers)}"
            _fill(condition)
        if not policy.HasField("enabled"):
            policy.enabled.value = True
        policy.mutation_record.mutate_time.FromNanoseconds(self._clock.time_ns())
        self.kept[policy.name] = policy


def _fill(condition: Any) -> None:
    """What Cloud Monitoring sets where a condition says nothing."""
    kind = condition.WhichOneof("condition")
    inner = getattr(condition, kind)
    if kind in ("condition_threshold", "condition_absent") and not inner.HasField("trigger"):
        inner.trigger.count = 1
    if kind == "condition_prometheus_query_language" and not inner.HasField("evaluation_interval"):
        inner.evaluation_interval.FromTimedelta(timedelta(seconds=30))


def _faults(policy: Any) -> Iterator[str]:
    if not policy.display_name or len(policy.display_name) > 512:
        yield "display_name: from 1 to 512 characters are needed"
    if not 1 <= len(policy.conditions) <= MOST_CONDITIONS:
        yield f"conditions: from 1 to {MOST_CONDITIONS} are needed"
    if not policy.combiner:
        yield "combiner: must be set"
    if len(policy.notification_channels) > MOST_CHANNELS:
        yield f"notification_channels: at most {MOST_CHANNELS} are allowed"
    if len(policy.documentation.content) > 8192:
        yield "documentation.content: at most 8192 characters are allowed"
    if policy.documentation.mime_type not in ("", "text/markdown"):
        yield "documentation.mime_type: must be text/markdown"
    close = policy.alert_strategy.auto_close.ToTimedelta()
    if policy.alert_strategy.HasField("auto_close") and not timedelta(minutes=30) <= close <= timedelta(days=7):
        yield "alert_strategy.auto_close: must be from 30 minutes to 7 days"
    for number, condition in enumerate(policy.conditions):
        yield from (f"conditions[{number}].{what}" for what in _of_condition(condition))


def _of_condition(condition: Any) -> Iterator[str]:
    kind = condition.WhichOneof("condition")
    if not condition.display_name:
        yield "display_name: must be set"
    if kind == "condition_threshold":
        yield from _threshold(condition.condition_threshold)
    elif kind == "condition_absent":
        yield from _series(condition.condition_absent, timedelta(minutes=2))
    elif kind == "condition_prometheus_query_language":
        query = condition.condition_prometheus_query_language
        if not query.query:
            yield "condition_prometheus_query_language.query: must be set"
        if query.evaluation_interval.ToTimedelta() % timedelta(seconds=30):
            yield "condition_prometheus_query_language.evaluation_interval: must be a multiple of 30 seconds"
    else:
        yield f"{kind or 'condition'}: localcloud takes threshold, absent and prometheus_query_language"


def _threshold(threshold: Any) -> Iterator[str]:
    yield from _series(threshold, timedelta())
    if threshold.comparison not in (_ABOVE, _BELOW):
        yield "comparison: must be COMPARISON_GT or COMPARISON_LT"
    if threshold.evaluation_missing_data and threshold.duration.ToTimedelta() < MINUTE:
        yield "evaluation_missing_data: the duration must be at least 60 seconds"


def _series(inner: Any, least: timedelta) -> Iterator[str]:
    if len(inner.filter) > 2048 or not (_METRIC.search(inner.filter) and _RESOURCE.search(inner.filter)):
        yield "filter: must specify the metric type and the resource type, in at most 2048 characters"
    duration = inner.duration.ToTimedelta()
    if duration % MINUTE or duration < least:
        yield f"duration: must be a multiple of a minute, and at least {least.total_seconds():g} seconds"
    for aggregation in inner.aggregations:
        if aggregation.alignment_period.ToTimedelta() < MINUTE:
            yield "aggregations: the alignment period must be at least 60 seconds"
