"""Cloud Monitoring on one machine: the door google.monitoring.v3.MetricService, and those of alerting."""

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.empty_pb2 import Empty
from google.rpc.status_pb2 import Status

from localcloud.clock import Clock
from localcloud.faults import Faults
from localcloud.monitoring import filters, messages
from localcloud.monitoring.channels import NotificationChannelService
from localcloud.monitoring.checks import check_descriptor, check_request
from localcloud.monitoring.messages import micros
from localcloud.monitoring.store import Project, Refused
from localcloud.paging import page
from localcloud.rest import RestService
from localcloud.rpc import RpcError, RpcService, invalid_argument, not_found, refused, unary, unsupported

LARGEST_PAGE = 10_000
HEADERS = 1  # the view of time series without their points

_PROJECT = re.compile(r"projects/[^/]+")


class MetricService(RpcService):
    service = "google.monitoring.v3.MetricService"
    short = "monitoring"

    def __init__(self, clock: Clock, faults: Faults) -> None:
        super().__init__(faults)
        self._clock = clock
        self._projects: dict[str, Project] = {}

    @unary(messages.CreateTimeSeriesRequest)
    async def CreateTimeSeries(self, request: Any) -> Any:
        """What can be written is, also where the answer is an error for the rest."""
        project = self._project(request.name)
        for series in request.time_series:
            series.metric_kind = series.metric_kind or project.kind(series.metric.type)
        check_request(request.time_series, self._clock.time_ns() // 1000)
        refused: dict[tuple[str, str], list[int]] = defaultdict(list)
        for number, series in enumerate(request.time_series):
            try:
                project.write(series)
            except Refused as error:
                refused[_shown(series.resource), str(error)].append(number)
        if refused:
            raise _partly(refused, len(request.time_series))
        return Empty()

    @unary(messages.ListTimeSeriesRequest)
    async def ListTimeSeries(self, request: Any) -> Any:
        for field in ("aggregation", "secondary_aggregation", "order_by"):
            if any(each.name == field for each, _ in request.ListFields()):
                raise unsupported(f"{field} in ListTimeSeries")
        if not request.interval.HasField("end_time"):
            raise invalid_argument("Request was missing field interval.endTime.")
        meant = filters.matcher(request.filter)
        everything = [
            _within(config, points, request) for config, points in self._series(request.name) if meant(config)
        ]
        found = [series for series in everything if series is not None]
        shown, token = page(found, request, LARGEST_PAGE)
        return messages.ListTimeSeriesResponse(time_series=shown, next_page_token=token)

    @unary(messages.CreateMetricDescriptorRequest)
    async def CreateMetricDescriptor(self, request: Any) -> Any:
        """Also changes one: labels, unit and description, not what its values are."""
        project, wanted = self._project(request.name), request.metric_descriptor
        check_descriptor(wanted)
        known = project.descriptors.get(wanted.type)
        if known and (known.metric_kind, known.value_type) != (wanted.metric_kind, wanted.value_type):
            raise invalid_argument(
                f"Metric {wanted.type} exists with another metric kind or value type: delete it first."
            )
        return project.put(wanted)

    @unary(messages.GetMetricDescriptorRequest)
    async def GetMetricDescriptor(self, request: Any) -> Any:
        project, metric_type = self._found(request.name)
        return project.descriptors[metric_type]

    @unary(messages.DeleteMetricDescriptorRequest)
    async def DeleteMetricDescriptor(self, request: Any) -> Any:
        project, metric_type = self._found(request.name)
        project.delete(metric_type)
        return Empty()

    @unary(messages.ListMetricDescriptorsRequest)
    async def ListMetricDescriptors(self, request: Any) -> Any:
        wanted = filters.comparisons(request.filter)
        if request.active_only or any(each.field != "metric.type" for each in wanted):
            raise unsupported("ListMetricDescriptors by anything but metric.type")
        known = sorted(self._project(request.name).descriptors.items())
        found = [descriptor for _, descriptor in known if all(each.holds(_of(descriptor)) for each in wanted)]
        shown, token = page(found, request, LARGEST_PAGE)
        return messages.ListMetricDescriptorsResponse(metric_descriptors=shown, next_page_token=token)

    CreateServiceTimeSeries = refused("google.monitoring.v3.MetricService.CreateServiceTimeSeries")
    GetMonitoredResourceDescriptor = refused("google.monitoring.v3.MetricService.GetMonitoredResourceDescriptor")
    ListMonitoredResourceDescriptors = refused("google.monitoring.v3.MetricService.ListMonitoredResourceDescriptors")

    def _project(self, name: str) -> Project:
        """Each exists as soon as it is named."""
        if not _PROJECT.fullmatch(name):
            raise invalid_argument(
                f'Field name had an invalid value of "{name}": It must be of the form projects/PROJECT.'
            )
        return self._projects.setdefault(name, Project(name))

    def _series(self, name: str) -> Any:
        return self._project(name).series()

    def _found(self, name: str) -> tuple[Project, str]:
        of, _, metric_type = name.partition("/metricDescriptors/")
        project = self._project(of)
        if metric_type not in project.descriptors:
            raise not_found(f"Could not find descriptor for metric '{metric_type}'.")
        return project, metric_type


class Monitoring:
    """Time series and descriptors, notification channels and alert policies, in memory."""

    def __init__(self, clock: Clock, faults: Faults) -> None:
        channels = NotificationChannelService(faults, clock)
        self._rpcs: list[RpcService] = [MetricService(clock, faults), channels, channels.policies]

    def rpcs(self) -> Sequence[RpcService]:
        return self._rpcs

    def rests(self) -> Sequence[RestService]:
        return []

    async def run(self) -> None:
        return None

    def close(self) -> None:
        return None


def _partly(refused: dict[tuple[str, str], list[int]], total: int) -> RpcError:
    """The error that says which could not be written, in words and as CreateTimeSeriesSummary."""
    failures = [
        f"timeSeries[{_ranges(numbers)}]: write for resource={resource} failed with: {why}"
        for (resource, why), numbers in refused.items()
    ]
    lost = sum(map(len, refused.values()))
    summary = messages.CreateTimeSeriesSummary(total_point_count=total, success_point_count=total - lost)
    summary.errors.add(status=Status(code=3), point_count=lost)
    message = f"One or more TimeSeries could not be written: {'; '.join(failures)}"
    details = Packed()
    details.Pack(summary)
    status = Status(code=3, message=message, details=[details])
    trailers = (("grpc-status-details-bin", status.SerializeToString()),)
    return RpcError(grpc.StatusCode.INVALID_ARGUMENT, message, trailers)


def _ranges(numbers: Sequence[int]) -> str:
    """`0-2,5`"""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and parts[-1][-1] == number - 1:
            parts[-1] = [parts[-1][0], number]
        else:
            parts.append([number])
    return ",".join("-".join(map(str, part)) for part in parts)


def _shown(resource: Any) -> str:
    return f"{resource.type}{{{','.join(f'{key}:{value}' for key, value in sorted(resource.labels.items()))}}}"


def _within(config: Any, points: Any, request: Any) -> Any:
    """The series with its points that end in the interval; None where there are none."""
    start, end = micros(request.interval.start_time), micros(request.interval.end_time)
    if not request.interval.HasField("start_time"):
        start = end
    chosen = [point for point in points if start <= micros(point.interval.end_time) <= end]
    if not chosen:
        return None
    series = messages.TimeSeries()
    series.CopyFrom(config)
    if request.view != HEADERS:
        series.points.extend(chosen)
    return series


def _of(descriptor: Any) -> Any:
    """A series as filters see one, of this metric."""
    return messages.TimeSeries(metric={"type": descriptor.type})
