"""Pub/Sub in documents: topics and subscriptions."""

from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from director.documents.specs.deliveries import BigQueryExport, Push, StorageExport
from director.documents.specs.resource import Link, Resource
from director.names import Labels, SubscriptionName, TopicName
from director.strict import Duration, Strict, between


class Topic(Resource):
    """A Pub/Sub topic. Without a retention it keeps nothing beyond its subscriptions."""

    name: TopicName
    labels: Labels = Field(default_factory=dict)
    message_retention_duration: Annotated[Duration, between("10m", "31d")] | None = None
    producer_service: Link | None = None
    producers: tuple[Link, ...] = ()
    consumers: tuple[Link, ...] = ()  # those that make subscriptions of their own


class RetryPolicy(Strict):
    """Pause before a message is delivered again, growing from the least to the most."""

    minimum_backoff: Annotated[Duration, between("0s", "600s")]
    maximum_backoff: Annotated[Duration, between("0s", "600s")]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.minimum_backoff > self.maximum_backoff:
            raise ValueError("minimum_backoff is above maximum_backoff; swap them")
        return self


class DeadLetterPolicy(Strict):
    """Where a message goes that was delivered this often and never acknowledged."""

    topic: str
    max_delivery_attempts: Annotated[int, Field(ge=5, le=100)]


class Subscription(Resource):
    """A Pub/Sub subscription. It never expires unless it says so: an idle one would take its backlog with it.

    Pulled from, unless it says where Pub/Sub itself brings the messages: `bigquery`, `cloud_storage` or `push`.
    """

    name: SubscriptionName
    topic: str
    labels: Labels = Field(default_factory=dict)
    ack_deadline_seconds: Annotated[int, Field(ge=10, le=600)] = 10
    message_retention_duration: Annotated[Duration, between("10m", "31d")] = timedelta(days=7)
    retain_acked_messages: bool = False
    retry_policy: RetryPolicy | None = None
    dead_letter_policy: DeadLetterPolicy | None = None
    filter: Annotated[str, Field(max_length=256)] = ""
    enable_message_ordering: bool = False
    enable_exactly_once_delivery: bool = False
    expiration: Annotated[Duration, between("1d", "365d")] | None = None
    bigquery: BigQueryExport | None = None
    cloud_storage: StorageExport | None = None
    push: Push | None = None
    consumer_service: Link | None = None

    @model_validator(mode="after")
    def _one_way_of_delivery(self) -> Self:
        given = [name for name in ("bigquery", "cloud_storage", "push") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)}: a subscription delivers one way; make another for each")
        if given and self.consumer_service is not None:
            raise ValueError(f"consumer_service: with {given[0]} there is nothing left to pull; remove one of the two")
        if given and self.enable_exactly_once_delivery:
            raise ValueError(f"enable_exactly_once_delivery: Pub/Sub has it for pulling only, not for {given[0]}")
        return self

    @model_validator(mode="after")
    def _lease_outlasts_a_file(self) -> Self:
        lasting = self.cloud_storage.max_duration.total_seconds() if self.cloud_storage else 0
        if lasting > self.ack_deadline_seconds:
            raise ValueError(
                f"ack_deadline_seconds: {self.ack_deadline_seconds} is shorter than cloud_storage.max_duration, "
                f"which Pub/Sub refuses; set it to {lasting:g} or more"
            )
        return self
