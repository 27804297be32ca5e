"""Cloud Monitoring in documents: notification channels and alert policies.

Limits: https://cloud.google.com/monitoring/quotas, and the comments of google.monitoring.v3.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from director.documents.drafts import Draft, resources
from director.documents.specs.resource import Resource
from director.keys import ALERT_POLICIES, CHANNELS, TOPICS
from director.names import Id, Labels
from director.positions import Location
from director.strict import Duration, Strict, between, similar

NAMED = "resource"  # the label that has a resource's name in its document
NEEDED = {
    "email": "email_address",
    "pubsub": "topic",
    "sms": "number",
    "webhook_tokenauth": "url",
}  # https://cloud.google.com/monitoring/alerts/using-channels-api

_CHANNEL = re.compile(r"projects/[^/\s]+/notificationChannels/[^/\s]+")
_METRIC, _RESOURCE = re.compile(r"\bmetric\.type\b"), re.compile(r"\bresource\.type\b")


def _unowned(labels: dict[str, str]) -> dict[str, str]:
    if NAMED in labels:
        raise ValueError(f"{NAMED!r} is set by the director itself; remove it")
    return labels


def _minutes(value: timedelta) -> timedelta:
    if value % timedelta(minutes=1):
        raise ValueError("Cloud Monitoring counts whole minutes here; round it")
    return value


def _filter(text: str) -> str:
    if not (_METRIC.search(text) and _RESOURCE.search(text)):
        raise ValueError('names no metric.type or no resource.type; write metric.type="..." AND resource.type="..."')
    return text


OwnLabels = Annotated[Labels, AfterValidator(_unowned)]
DisplayName = Annotated[str, Field(min_length=1, max_length=512)]
Filter = Annotated[str, Field(max_length=2048), AfterValidator(_filter)]
Minutes = Annotated[Duration, between("0s", "1d"), AfterValidator(_minutes)]


class NotificationChannel(Resource):
    """Where alerts are sent. What such a channel has to be told depends on its type, and is in `channel_labels`.

    Types that need a password or token of their own are none of a document: make them by hand, and let policies name
    them in full.
    """

    name: Id
    type: Literal["email", "pubsub", "sms", "webhook_tokenauth"]
    display_name: DisplayName | None = None
    channel_labels: dict[str, str]
    labels: OwnLabels = Field(default_factory=dict)
    enabled: bool = True

    @model_validator(mode="after")
    def _labels_of_the_type(self) -> Self:
        needed = NEEDED[self.type]
        if set(self.channel_labels) != {needed}:
            raise ValueError(f"channel_labels: a channel of type {self.type} has exactly {needed}; write that")
        if self.type == "webhook_tokenauth" and not re.fullmatch(r"https://[^\s?@#]+", self.channel_labels["url"]):
            raise ValueError("channel_labels: the url must be https, with no user and no query, where secrets hide")
        if self.type == "email" and not re.fullmatch(r"[^@\s]+@[^@\s]+", self.channel_labels["email_address"]):
            raise ValueError("channel_labels: email_address is no e-mail address; correct it")
        return self


Aligner = Literal[
    "ALIGN_NONE", "ALIGN_DELTA", "ALIGN_RATE", "ALIGN_INTERPOLATE", "ALIGN_NEXT_OLDER", "ALIGN_MIN", "ALIGN_MAX",
    "ALIGN_MEAN", "ALIGN_COUNT", "ALIGN_SUM", "ALIGN_STDDEV", "ALIGN_COUNT_TRUE", "ALIGN_COUNT_FALSE",
    "ALIGN_FRACTION_TRUE", "ALIGN_PERCENTILE_99", "ALIGN_PERCENTILE_95", "ALIGN_PERCENTILE_50", "ALIGN_PERCENTILE_05",
    "ALIGN_PERCENT_CHANGE",
]  # fmt: skip
Reducer = Literal[
    "REDUCE_NONE", "REDUCE_MEAN", "REDUCE_MIN", "REDUCE_MAX", "REDUCE_SUM", "REDUCE_STDDEV", "REDUCE_COUNT",
    "REDUCE_COUNT_TRUE", "REDUCE_COUNT_FALSE", "REDUCE_FRACTION_TRUE", "REDUCE_PERCENTILE_99",
    "REDUCE_PERCENTILE_95", "REDUCE_PERCENTILE_50", "REDUCE_PERCENTILE_05",
]  # fmt: skip


class Aggregation(Strict):
    """How points become one a period, and series become fewer."""

    alignment_period: Annotated[Duration, between("1m", "104w")] = timedelta(minutes=1)
    per_series_aligner: Aligner
    cross_series_reducer: Reducer | None = None
    group_by_fields: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _grouped_by_a_reducer(self) -> Self:
        if self.group_by_fields and self.cross_series_reducer in (None, "REDUCE_NONE"):
            raise ValueError("group_by_fields: without a cross_series_reducer nothing is grouped; add one")
        return self


class Threshold(Strict):
    """True where the series has been above or below `value` for all of `duration`.

    `missing_data` says what no data counts as: a violation, the opposite, or neither.
    """

    filter: Filter
    comparison: Literal["above", "below"]
    value: float
    duration: Minutes = timedelta(0)
    aggregations: Annotated[tuple[Aggregation, ...], Field(max_length=2)] = ()
    missing_data: Literal["violation", "no-violation", "neither"] | None = None

    @model_validator(mode="after")
    def _time_to_miss(self) -> Self:
        if self.missing_data is not None and self.duration < timedelta(minutes=1):
            raise ValueError("missing_data: needs a duration of 1m or more; add one")
        return self


class Absence(Strict):
    """True where the series, which was there before, has no points for `duration`."""

    filter: Filter
    duration: Annotated[Duration, between("2m", "1d"), AfterValidator(_minutes)]
    aggregations: Annotated[tuple[Aggregation, ...], Field(max_length=2)] = ()


class PromQl(Strict):
    """True where the expression gives any series for `duration`."""

    query: Annotated[str, Field(min_length=1, max_length=10_000)]
    duration: Minutes = timedelta(0)
    evaluation_interval: Annotated[Duration, between("30s", "1d")] = timedelta(seconds=30)

    @model_validator(mode="after")
    def _by_half_minutes(self) -> Self:
        if self.evaluation_interval % timedelta(seconds=30):
            raise ValueError("evaluation_interval: must be a multiple of 30s; round it")
        return self


class Condition(Strict):
    """A reason to alert: one of a threshold, an absence and an expression. `name` is what people are shown."""

    name: DisplayName
    threshold: Threshold | None = None
    absent: Absence | None = None
    promql: PromQl | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(each is not None for each in (self.threshold, self.absent, self.promql)) != 1:
            raise ValueError("has one of threshold, absent and promql; write exactly one")
        return self


class Documentation(Strict):
    """What those are told who are alerted; Markdown."""

    content: Annotated[str, Field(min_length=1, max_length=8192)]
    subject: Annotated[str, Field(max_length=255)] | None = None


class AlertPolicy(Resource):
    """When people are told. `channels` are those of the dataflow by name, or any others in full."""

    name: Id
    display_name: DisplayName | None = None
    combiner: Literal["OR", "AND", "AND_WITH_MATCHING_RESOURCE"] = "OR"
    conditions: Annotated[tuple[Condition, ...], Field(min_length=1, max_length=6)]
    documentation: Documentation | None = None
    channels: Annotated[tuple[str, ...], Field(max_length=16)] = ()
    severity: Literal["CRITICAL", "ERROR", "WARNING"] | None = None
    auto_close: Annotated[Duration, between("30m", "7d")] | None = None
    labels: OwnLabels = Field(default_factory=dict)
    enabled: bool = True

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [condition.name for condition in self.conditions]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"conditions: '{twice[0]}' is there twice; give each a name of its own")
        return self


def unknown_topics(dataflow: Draft) -> Iterator[tuple[Location, str]]:
    """Channels to a topic, by its short name, that the dataflow does not have."""
    topics = {topic.text("name") or "" for topic in resources(dataflow, TOPICS)}
    for channel in resources(dataflow, CHANNELS):
        labels = channel.inner("channel_labels")
        topic = labels.text("topic")
        if channel.text("type") == "pubsub" and topic is not None and "/" not in topic and topic not in topics:
            yield (*labels.location, "topic"), f"no topic '{topic}' here; {similar(topic, topics)}"


def unknown_channels(dataflow: Draft) -> Iterator[tuple[Location, str]]:
    """Policies that tell channels which the dataflow does not have, and which are not named in full."""
    channels = {channel.text("name") or "" for channel in resources(dataflow, CHANNELS)}
    for policy in resources(dataflow, ALERT_POLICIES):
        written = policy.data.get("channels")
        for index, name in enumerate(written if isinstance(written, list) else ()):
            if isinstance(name, str) and name not in channels and not _CHANNEL.fullmatch(name):
                where = (*policy.location, "channels", index)
                yield where, f"no notification channel '{name}' here; {similar(name, channels)}"
