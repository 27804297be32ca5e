"""What may be asked of an export subscription: checked, with the defaults filled in.

Sources: https://cloud.google.com/pubsub/docs/bigquery, https://cloud.google.com/pubsub/docs/cloudstorage
"""

import re
from typing import Any

from google.pubsub_v1.types import pubsub as types

from localcloud.pubsub.exports import files
from localcloud.rpc import failed_precondition, invalid_argument, unsupported

BIGQUERY, STORAGE = "bigquery_config", "cloud_storage_config"
STATES = {BIGQUERY: types.BigQueryConfig.State, STORAGE: types.CloudStorageConfig.State}

MAX_DURATION = (60, 600)  # seconds
DEFAULT_MAX_DURATION = 300
MAX_BYTES = (1000, 10 << 30)
LEAST_MAX_MESSAGES = 1000
BACKOFF = (0.1, 60.0)  # seconds, where a subscription has no retry policy: as in push delivery

_TABLE = re.compile(r"((?:[a-z0-9.-]+\.[a-z]+:)?[a-z0-9-]+)[.:]([A-Za-z0-9_]+)\.([^./]+)")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")


def kind(config: Any) -> str | None:
    """Which field of the subscription says where it exports to; None for one that is pulled from."""
    for field in (BIGQUERY, STORAGE):
        if config.HasField(field):
            return field
    return None


def touched(mask: Any) -> bool:
    """Whether an update with this mask says where to export to."""
    return any(path.partition(".")[0] in (BIGQUERY, STORAGE) for path in mask.paths)


def fill_in(stored: Any) -> None:
    """Before the defaults of all subscriptions."""
    if stored.HasField(STORAGE):
        config = stored.cloud_storage_config
        if not config.HasField("max_duration"):
            config.max_duration.seconds = DEFAULT_MAX_DURATION
        if config.WhichOneof("output_format") is None:
            config.text_config.SetInParent()
        stored.ack_deadline_seconds = stored.ack_deadline_seconds or config.max_duration.seconds


def check(stored: Any) -> None:
    """Raises INVALID_ARGUMENT, and UNIMPLEMENTED for what is written by the topic's schema."""
    exports = [field for field in (BIGQUERY, STORAGE) if stored.HasField(field)]
    if len(exports) > 1:
        raise invalid_argument(
            "A subscription can have only one of push_config, bigquery_config, cloud_storage_config."
        )
    if exports and stored.enable_exactly_once_delivery:
        raise invalid_argument("Exactly-once delivery is only for pull subscriptions, not for export subscriptions.")
    if stored.HasField(BIGQUERY):
        _check_bigquery(stored.bigquery_config)
    if stored.HasField(STORAGE):
        _check_storage(stored.cloud_storage_config, stored.ack_deadline_seconds)


def check_pulled(config: Any) -> None:
    """Raises FAILED_PRECONDITION for a subscription that nobody may pull from."""
    field = kind(config)
    if field:
        raise failed_precondition(f"The subscription has a {field}: it exports its messages and cannot be pulled from.")


def set_state(stored: Any, state: str) -> None:
    """`state` is ACTIVE or why nothing can be written; one that is pulled from is always active."""
    field = kind(stored)
    active = state == "ACTIVE" or field is None
    stored.state = types.Subscription.State.ACTIVE if active else types.Subscription.State.RESOURCE_ERROR
    if field:
        getattr(stored, field).state = STATES[field][state]


def table(config: Any) -> str:
    """`project.dataset.table`, which may also be written with a colon after the project."""
    match = _TABLE.fullmatch(config.table)
    if match is None:
        raise invalid_argument(f"Invalid BigQuery table (table={config.table}): use projectId.datasetId.tableId.")
    return ".".join(match.groups())


def _check_bigquery(config: Any) -> None:
    table(config)
    if config.use_topic_schema and config.use_table_schema:
        raise invalid_argument("use_topic_schema and use_table_schema cannot be enabled at the same time.")
    if config.use_topic_schema:
        raise unsupported("google.pubsub.v1.BigQueryConfig.use_topic_schema")
    if config.drop_unknown_fields and not config.use_table_schema:
        raise invalid_argument("drop_unknown_fields needs use_topic_schema or use_table_schema.")


def _check_storage(config: Any, ack_deadline: int) -> None:
    if not _BUCKET.fullmatch(config.bucket):
        raise invalid_argument(f"Invalid bucket name (bucket={config.bucket}): use the bare name, without gs://.")
    if config.filename_suffix.endswith("/"):
        raise invalid_argument("filename_suffix must not end in '/'.")
    try:
        files.check_datetime_format(config.filename_datetime_format)
    except ValueError as error:
        raise invalid_argument(f"Invalid filename_datetime_format: {error}.") from error
    if config.avro_config.use_topic_schema:
        raise unsupported("google.pubsub.v1.CloudStorageConfig.AvroConfig.use_topic_schema")
    _check_limits(config, ack_deadline)


def _check_limits(config: Any, ack_deadline: int) -> None:
    duration = config.max_duration.ToNanoseconds() / 1e9
    if not MAX_DURATION[0] <= duration <= MAX_DURATION[1]:
        raise invalid_argument(f"max_duration ({duration:g} s) must be from 60 to 600 seconds.")
    if duration > ack_deadline:
        raise invalid_argument(
            f"max_duration ({duration:g} s) may not exceed the acknowledgment deadline ({ack_deadline} s)."
        )
    if config.max_bytes and not MAX_BYTES[0] <= config.max_bytes <= MAX_BYTES[1]:
        raise invalid_argument(f"max_bytes ({config.max_bytes}) must be from 1 KB to 10 GiB.")
    if config.max_messages and config.max_messages < LEAST_MAX_MESSAGES:
        raise invalid_argument(f"max_messages ({config.max_messages}) must be at least {LEAST_MAX_MESSAGES}.")
