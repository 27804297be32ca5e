"""Pub/Sub in documents: schemas, topics and subscriptions."""

import json
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from director.documents.regions import Region
from director.documents.specs.deliveries import BigQueryExport, Push, StorageExport
from director.documents.specs.resource import Link, Resource
from director.names import KmsKey, Labels, SchemaName, SubscriptionName, TopicName
from director.strict import Duration, Strict, between

LARGEST_DEFINITION = 300_000  # bytes; cloud.google.com/pubsub/quotas
SchemaType = Literal["avro", "protobuf"]


class Schema(Resource):
    """A Pub/Sub schema: what messages of a topic look like. Another definition becomes another revision."""

    name: SchemaName
    type: SchemaType
    definition: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _readable(self) -> Self:
        if len(self.definition.encode()) > LARGEST_DEFINITION:
            raise ValueError(f"definition: is larger than Pub/Sub's {LARGEST_DEFINITION:,} bytes; make it smaller")
        if self.type == "avro":
            try:
                json.loads(self.definition)
            except ValueError as error:
                raise ValueError(f"definition: is no Avro schema, which is JSON: {error}; mend it") from error
        return self


RevisionId = Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]


class SchemaSettings(Strict):
    """Which schema messages must follow, from the oldest to the newest revision allowed; unsaid, any revision will do.

    `schema` is one of the same dataflow, or any by its full name.
    """

    schema_name: Annotated[str, Field(alias="schema", min_length=1)]
    encoding: Literal["json", "binary"]
    first_revision_id: RevisionId | None = None
    last_revision_id: RevisionId | None = None


def _regions(regions: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(regions)) < len(regions):
        raise ValueError("names a region twice; keep one")
    return regions


class StoragePolicy(Strict):
    """In which regions messages may lie; with `enforce_in_transit` nobody can publish or subscribe in another."""

    allowed_persistence_regions: Annotated[tuple[Region, ...], Field(min_length=1), AfterValidator(_regions)]
    enforce_in_transit: bool = False


class Topic(Resource):
    """A Pub/Sub topic. Without a retention it keeps nothing beyond its subscriptions.

    Key and storage policy stay as they are where nothing is said: an organisation may have set them.
    """

    name: TopicName
    labels: Labels = Field(default_factory=dict)
    message_retention_duration: Annotated[Duration, between("10m", "31d")] | None = None
    schema_settings: SchemaSettings | None = None
    kms_key_name: KmsKey | None = None
    message_storage_policy: StoragePolicy | None = None
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
