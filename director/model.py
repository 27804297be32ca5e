"""An architecture as people write it: dataflows, each of services and the resources they are linked to.

Pure description, checked in itself; what refers to what is checked in `references`, over all documents at once.
"""

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from director.deliveries import BigQueryExport, Push, StorageExport
from director.names import (
    BucketName,
    CollectionName,
    ColumnName,
    ConfigKey,
    DatasetName,
    Id,
    Labels,
    ProjectId,
    ServiceAccountName,
    SubscriptionName,
    TableName,
    TopicName,
)
from director.regions import BucketLocation, Location, Region
from director.strict import Duration, Strict, between


class Lookup(Strict):
    """Where in a service's configuration the resource's name goes: a dotted path."""

    key: ConfigKey


class Link(Strict):
    """A service that uses a resource."""

    name: str
    lookup: Lookup


DeletionPolicy = Literal["PREVENT", "ABANDON", "DELETE"]


class Resource(Strict):
    """What all resources have. A description stays here where Google's service has no field for it.

    `deletion_policy` says what a teardown does: nothing and says why, nothing, or delete. See `protection`.
    """

    description: str = Field("", max_length=1024)
    deletion_policy: DeletionPolicy | None = None
    teardown_protection: bool = False

    @property
    def links(self) -> tuple[Link, ...]:
        """Every service that writes to the resource or reads from it."""
        single = (getattr(self, "producer_service", None), getattr(self, "consumer_service", None))
        several = (*getattr(self, "producers", ()), *getattr(self, "consumers", ()))
        return (*(link for link in single if link), *several)


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


class Dataset(Resource):
    """A BigQuery dataset; in the architecture's location unless it names its own."""

    name: DatasetName
    labels: Labels = Field(default_factory=dict)
    location: Location | None = None
    default_table_expiration: Annotated[Duration, between("1h", "3650d")] | None = None


ColumnType = Literal[
    "STRING", "BYTES", "INT64", "FLOAT64", "NUMERIC", "BIGNUMERIC", "BOOL", "TIMESTAMP", "DATE", "TIME", "DATETIME",
    "INTERVAL", "GEOGRAPHY", "JSON", "STRUCT",
]  # fmt: skip


class Column(Strict):
    """A column of a table; a STRUCT has `fields` of its own."""

    name: ColumnName
    type: ColumnType
    mode: Literal["NULLABLE", "REQUIRED", "REPEATED"] = "NULLABLE"
    description: Annotated[str, Field(max_length=1024)] = ""
    fields: tuple["Column", ...] = ()

    @model_validator(mode="after")
    def _fields_of_structs(self) -> Self:
        if (self.type == "STRUCT") != bool(self.fields):
            raise ValueError("a STRUCT, and nothing else, has fields; add them or change the type")
        return self


def _distinct(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    if not columns:
        raise ValueError("is empty; add a column")
    names = [column.name.lower() for column in columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"columns named alike (BigQuery ignores case): {', '.join(twice)}; keep one of each")
    return columns


Columns = Annotated[tuple[Column, ...], Field(max_length=10_000), AfterValidator(_distinct)]


class Table(Resource):
    """A BigQuery table, by its schema; partitioned by a field, or by time of arrival where only a type is given."""

    name: TableName
    dataset: str
    labels: Labels = Field(default_factory=dict)
    columns: Columns = Field(alias="schema")
    time_partitioning_field: str | None = None
    time_partitioning_type: Literal["HOUR", "DAY", "MONTH", "YEAR"] | None = None
    time_partitioning_expiration: Annotated[Duration, between("1h", "3650d")] | None = None
    clustering_fields: Annotated[tuple[str, ...], Field(max_length=4)] = ()
    expiration: Annotated[Duration, between("1h", "3650d")] | None = None
    producers: tuple[Link, ...] = ()
    consumers: tuple[Link, ...] = ()

    @property
    def partitioned(self) -> bool:
        return bool(self.time_partitioning_field or self.time_partitioning_type)

    @model_validator(mode="after")
    def _fields_exist(self) -> Self:
        columns = {column.name: column for column in self.columns}
        field = self.time_partitioning_field
        if field is not None and (field not in columns or columns[field].type not in ("DATE", "DATETIME", "TIMESTAMP")):
            raise ValueError(f"time_partitioning_field: {field!r} is no DATE, DATETIME or TIMESTAMP column; name one")
        if self.time_partitioning_expiration and not self.partitioned:
            raise ValueError("time_partitioning_expiration: the table is not partitioned; add time_partitioning_field")
        for name in self.clustering_fields:
            if name not in columns or not _clusters(columns[name]):
                raise ValueError(f"clustering_fields: {name!r} is no column that BigQuery clusters by; name another")
        return self


def _clusters(column: Column) -> bool:
    return column.mode != "REPEATED" and column.type not in ("FLOAT64", "STRUCT", "JSON", "BYTES", "TIME", "INTERVAL")


class Deduplication(Strict):
    """One row of `table` for each `key`: the first by `order_by`, or the last."""

    table: str
    key: Annotated[tuple[ColumnName, ...], Field(min_length=1)]
    order_by: Annotated[tuple[ColumnName, ...], Field(min_length=1)]
    keep: Literal["first", "last"] = "first"


class View(Resource):
    """A BigQuery view: its `query`, in GoogleSQL with tables as `project.dataset.table`, or what makes one."""

    name: TableName
    dataset: str
    labels: Labels = Field(default_factory=dict)
    query: Annotated[str, Field(min_length=1, max_length=256 << 10)] | None = None
    deduplicate: Deduplication | None = None
    consumers: tuple[Link, ...] = ()

    @model_validator(mode="after")
    def _one_query(self) -> Self:
        if (self.query is None) == (self.deduplicate is None):
            raise ValueError("has a query or deduplicate, and not both; add one or remove one")
        return self


class LifecycleAction(Strict):
    """Deletes objects, or moves them to a cheaper class."""

    type: Literal["Delete", "SetStorageClass"]
    storage_class: Literal["NEARLINE", "COLDLINE", "ARCHIVE"] | None = None

    @model_validator(mode="after")
    def _class_where_set(self) -> Self:
        if (self.type == "SetStorageClass") != (self.storage_class is not None):
            raise ValueError("SetStorageClass, and nothing else, has a storage_class; add it or change the type")
        return self


class LifecycleCondition(Strict):
    """When a rule applies to an object: days since it was written."""

    age_in_days: Annotated[int, Field(ge=0, le=36_500)]


class LifecycleRule(Strict):
    """What happens to objects of some age."""

    action: LifecycleAction
    condition: LifecycleCondition


class Bucket(Resource):
    """A Cloud Storage bucket: always with uniform access and closed to the public."""

    name: BucketName
    labels: Labels = Field(default_factory=dict)
    location: BucketLocation | None = None
    storage_class: Literal["STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE"] = "STANDARD"
    versioning_enabled: bool = False
    lifecycle_rules: Annotated[tuple[LifecycleRule, ...], Field(max_length=100)] = ()
    producers: tuple[Link, ...] = ()
    consumers: tuple[Link, ...] = ()


class Collection(Resource):
    """A Firestore collection; `documents_file`, beside this document, seeds it.

    What the director writes there is told on `invalidation_topic`, a topic of the same dataflow, to those who cache it.
    """

    name: CollectionName
    documents_file: str | None = None
    invalidation_topic: str | None = None
    producers: tuple[Link, ...] = ()
    consumers: tuple[Link, ...] = ()


class Resources(Strict):
    """Everything a dataflow needs, by kind."""

    topics: tuple[Topic, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    bigquery_datasets: tuple[Dataset, ...] = ()
    bigquery_tables: tuple[Table, ...] = ()
    bigquery_views: tuple[View, ...] = ()
    gcs_buckets: tuple[Bucket, ...] = ()
    firestore_collections: tuple[Collection, ...] = ()


class Service(Strict):
    """A program of a dataflow. `config` is its own: free-form here, checked by the service."""

    description: str = ""
    service_account: ServiceAccountName
    dependencies: tuple[str, ...] = ()
    config: dict[str, Any] = Field(default_factory=dict)


class Lifecycle(Strict):
    """Whether a dataflow is there to stay; of one that is not, `keep_resources_on_test` keeps the resources anyway."""

    strategy: Literal["permanent", "ephemeral"] = "permanent"
    keep_resources_on_test: bool = False


class Dataflow(Strict):
    """Services that work together, and their resources."""

    description: str = ""
    lifecycle: Lifecycle = Lifecycle()
    teardown_protection: bool = False
    services: dict[Id, Service] = Field(default_factory=dict)
    resources: Resources = Resources()


class Architecture(Strict):
    """A whole deployment in one project. Labels go to every resource that can have them."""

    name: Id
    description: str = ""
    project_id: ProjectId
    region: Region
    location: Location
    labels: Labels = Field(default_factory=dict)
    teardown_protection: bool = False
    dataflows: Annotated[dict[Id, Dataflow], Field(min_length=1)]
