"""Conditions of alert policies, as messages of Google's and as text that can be compared. Pure."""

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from google.cloud.monitoring_v3.types import Aggregation as AggregationMessage
from google.cloud.monitoring_v3.types import AlertPolicy, ComparisonType
from google.protobuf import json_format

from director.documents.specs.monitoring import Aggregation, Condition

Message = AlertPolicy.Condition
_MISSING = AlertPolicy.Condition.EvaluationMissingData
MISSING = {
    "violation": _MISSING.EVALUATION_MISSING_DATA_ACTIVE,
    "no-violation": _MISSING.EVALUATION_MISSING_DATA_INACTIVE,
    "neither": _MISSING.EVALUATION_MISSING_DATA_NO_OP,
}
COMPARISONS = {"above": ComparisonType.COMPARISON_GT, "below": ComparisonType.COMPARISON_LT}


def message(spec: Condition) -> Any:
    """What Google sets where nothing is said is in it."""
    if spec.threshold:
        threshold = Message.MetricThreshold(
            filter=spec.threshold.filter,
            comparison=COMPARISONS[spec.threshold.comparison],
            threshold_value=spec.threshold.value,
            duration=spec.threshold.duration,
            aggregations=_aggregations(spec.threshold.aggregations),
            trigger={"count": 1},
        )
        if spec.threshold.missing_data:
            threshold.evaluation_missing_data = MISSING[spec.threshold.missing_data]
        return Message(display_name=spec.name, condition_threshold=threshold)
    if spec.absent:
        absent = Message.MetricAbsence(
            filter=spec.absent.filter,
            duration=spec.absent.duration,
            aggregations=_aggregations(spec.absent.aggregations),
            trigger={"count": 1},
        )
        return Message(display_name=spec.name, condition_absent=absent)
    promql = spec.promql
    query = promql and Message.PrometheusQueryLanguageCondition(
        query=promql.query, duration=promql.duration, evaluation_interval=promql.evaluation_interval
    )
    return Message(display_name=spec.name, condition_prometheus_query_language=query)


def texts(conditions: Iterable[Any]) -> dict[str, str]:
    """By what people call each; a name given twice is told apart."""
    found: dict[str, str] = {}
    for condition in conditions:
        name = condition.display_name
        while name in found:
            name += " (again)"
        found[name] = _text(condition)
    return found


def messages(texts: Mapping[str, str], live: Iterable[Any]) -> list[Any]:
    """Of texts; one that is called as a live one keeps the name that Google gave it, and so its incidents."""
    known = {condition.display_name: condition.name for condition in live}
    found = [Message.from_json(text) for text in texts.values()]
    for condition in found:
        condition.name = known.get(condition.display_name, "")
    return found


def _text(condition: Any) -> str:
    """The same for all that means the same."""
    one = Message(condition)
    one.name = ""
    for kind in ("condition_threshold", "condition_absent"):
        if kind in one:
            inner = getattr(one, kind)
            inner.trigger = inner.trigger or {"count": 1}
            inner.duration = inner.duration or timedelta(0)
    if "condition_prometheus_query_language" in one:
        query = one.condition_prometheus_query_language
        query.evaluation_interval = query.evaluation_interval or timedelta(seconds=30)
        query.duration = query.duration or timedelta(0)
    return json.dumps(json_format.MessageToDict(Message.pb(one)), sort_keys=True)


def _aggregations(specs: Iterable[Aggregation]) -> list[Any]:
    return [
        AggregationMessage(
            alignment_period=spec.alignment_period,
            per_series_aligner=spec.per_series_aligner,
            cross_series_reducer=spec.cross_series_reducer or "REDUCE_NONE",
            group_by_fields=spec.group_by_fields,
        )
        for spec in specs
    ]
