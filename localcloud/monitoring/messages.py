"""Cloud Monitoring's protobuf classes, and times as the service counts them."""

from typing import Any

from google.api.metric_pb2 import MetricDescriptor
from google.cloud.monitoring_v3.types import common, metric, metric_service

from localcloud.rpc import pb

__all__ = ["MetricDescriptor"]

TimeSeries = pb(metric.TimeSeries)
Point = pb(metric.Point)
TypedValue = pb(common.TypedValue)
CreateTimeSeriesRequest = pb(metric_service.CreateTimeSeriesRequest)
CreateTimeSeriesSummary = pb(metric_service.CreateTimeSeriesSummary)
ListTimeSeriesRequest = pb(metric_service.ListTimeSeriesRequest)
ListTimeSeriesResponse = pb(metric_service.ListTimeSeriesResponse)
CreateMetricDescriptorRequest = pb(metric_service.CreateMetricDescriptorRequest)
GetMetricDescriptorRequest = pb(metric_service.GetMetricDescriptorRequest)
DeleteMetricDescriptorRequest = pb(metric_service.DeleteMetricDescriptorRequest)
ListMetricDescriptorsRequest = pb(metric_service.ListMetricDescriptorsRequest)
ListMetricDescriptorsResponse = pb(metric_service.ListMetricDescriptorsResponse)

GAUGE, CUMULATIVE = MetricDescriptor.GAUGE, MetricDescriptor.CUMULATIVE
VALUE_TYPES = {
    "bool_value": MetricDescriptor.BOOL,
    "int64_value": MetricDescriptor.INT64,
    "double_value": MetricDescriptor.DOUBLE,
    "string_value": MetricDescriptor.STRING,
    "distribution_value": MetricDescriptor.DISTRIBUTION,
}


def value_type(series: Any) -> int:
    """That of its first point, 0 for none."""
    return int(VALUE_TYPES.get(series.points[0].value.WhichOneof("value") or "", 0))


def micros(time: Any) -> int:
    """Microseconds since 1970; the service keeps no finer times."""
    return int(time.ToMicroseconds())


def identity(series: Any) -> tuple[object, ...]:
    """What tells it from other time series of its project."""
    metric, resource = series.metric, series.resource
    return metric.type, frozenset(metric.labels.items()), resource.type, frozenset(resource.labels.items())
