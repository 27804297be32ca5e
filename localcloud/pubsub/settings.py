"""What may be asked of a topic or subscription: checked, with the defaults filled in, and changed by field masks."""

import re
from collections.abc import Mapping
from typing import Any

import grpc
from google.pubsub_v1.types import pubsub as types

from localcloud.pubsub.backlog import Policy
from localcloud.pubsub.exports import settings as exports
from localcloud.pubsub.filter import FilterError, Matches, parse
from localcloud.pubsub.names import check_name
from localcloud.rpc import RpcError, invalid_argument, pb

Topic = pb(types.Topic)
Subscription = pb(types.Subscription)

MINUTE, DAY = 60, 24 * 60 * 60
RETENTION = (10 * MINUTE, 31 * DAY)
ACK_DEADLINE = (10, 600)
DEFAULT_ACK_DEADLINE = 10
DEFAULT_RETENTION = 7 * DAY
DEFAULT_TTL = 31 * DAY
SHORTEST_TTL = DAY
DEFAULT_BACKOFF = (10.0, 600.0)
LONGEST_BACKOFF = 600.0
DELIVERY_ATTEMPTS = (5, 100)
MOST_LABELS = 64

TOPIC_CHANGES = frozenset(
    {"kms_key_name", "labels", "message_retention_duration", "message_storage_policy", "schema_settings"}
)
SUBSCRIPTION_CHANGES = frozenset(
    {
        "ack_deadline_seconds",
        "bigquery_config",
        "cloud_storage_config",
        "dead_letter_policy",
        "enable_exactly_once_delivery",
        "expiration_policy",
        "labels",
        "message_retention_duration",
        "push_config",
        "retain_acked_messages",
        "retry_policy",
    }
)
SNAPSHOT_CHANGES = frozenset({"labels", "expire_time"})

_UNSUPPORTED_ON_TOPICS = (
    "ingestion_data_source_settings",
    "message_transforms",
    "tags",
)
_UNSUPPORTED_ON_SUBSCRIPTIONS = (
    "analytics_hub_subscription_info",
    "bigtable_config",
    "message_transforms",
    "tags",
)
_KEY = re.compile(r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+")
_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")


def topic(wanted: Any) -> Any:
    """`wanted` as it is stored, its schema unchecked. Raises INVALID_ARGUMENT, UNIMPLEMENTED for what is not here.

    A key is only kept, and so is a storage policy: nothing is encrypted, and everything lies on this machine.
    """
    check_name(wanted.name, "topics")
    _refuse_unsupported(wanted, _UNSUPPORTED_ON_TOPICS)
    check_labels(wanted.labels)
    if wanted.HasField("message_retention_duration"):
        _check_duration(wanted, "message_retention_duration", *RETENTION)
    if wanted.kms_key_name and not _KEY.fullmatch(wanted.kms_key_name):
        raise invalid_argument(f"Invalid Cloud KMS key given (kms_key_name={wanted.kms_key_name}).")
    if wanted.HasField("message_storage_policy") and not wanted.message_storage_policy.allowed_persistence_regions:
        raise invalid_argument("Invalid message_storage_policy: allowed_persistence_regions may not be empty.")
    stored = _copy(wanted)
    stored.state = types.Topic.State.ACTIVE
    return stored


def subscription(wanted: Any) -> Any:
    """`wanted` as it is stored, its topic unchecked. Raises as `topic` does."""
    check_name(wanted.name, "subscriptions")
    _refuse_unsupported(wanted, _UNSUPPORTED_ON_SUBSCRIPTIONS)
    refuse_push(wanted.push_config)
    check_labels(wanted.labels)
    matches(wanted.filter)
    stored = _copy(wanted)
    exports.fill_in(stored)
    _fill_in(stored)
    _check_number(stored, "ack_deadline_seconds", *ACK_DEADLINE)
    exports.check(stored)
    _check_duration(stored, "message_retention_duration", *RETENTION)
    if stored.expiration_policy.HasField("ttl"):
        _check_duration(stored.expiration_policy, "ttl", SHORTEST_TTL)
    if stored.HasField("dead_letter_policy"):
        check_name(stored.dead_letter_policy.dead_letter_topic, "topics")
        _check_number(stored.dead_letter_policy, "max_delivery_attempts", *DELIVERY_ATTEMPTS)
    if stored.HasField("retry_policy"):
        _check_retry_policy(stored.retry_policy)
    return stored


def policy(stored: Any) -> Policy:
    """How a stored subscription delivers."""
    exported = exports.kind(stored) is not None
    unsaid = exports.BACKOFF if exported else (0.0, 0.0)
    shortest, longest = _backoffs(stored.retry_policy) if stored.HasField("retry_policy") else unsaid
    dead_letters = stored.HasField("dead_letter_policy")
    return Policy(
        ordered=stored.enable_message_ordering,
        attempts=stored.dead_letter_policy.max_delivery_attempts if dead_letters else None,
        shortest_backoff=shortest,
        longest_backoff=longest,
    )


def matches(text: str) -> Matches | None:
    """The test a filter describes, None for no filter. Raises INVALID_ARGUMENT."""
    if not text:
        return None
    try:
        return parse(text)
    except FilterError as error:
        raise invalid_argument(f"Invalid filter (filter={text}): {error}.") from error


def changed(stored: Any, wanted: Any, mask: Any, changeable: frozenset[str]) -> Any:
    """A copy of `stored` with the fields of `mask` as in `wanted`. Raises INVALID_ARGUMENT."""
    if not mask.paths:
        raise invalid_argument("The update_mask in the request must be set, and must contain a non-empty paths list.")
    if not mask.IsValidForDescriptor(stored.DESCRIPTOR):
        raise invalid_argument(f"Invalid update_mask provided in the request: unknown path in {list(mask.paths)}.")
    for path in mask.paths:
        if path.partition(".")[0] not in changeable:
            raise invalid_argument(
                f"Invalid update_mask provided in the request: The '{path}' field in the resource is not mutable."
            )
    result = _copy(stored)
    mask.MergeMessage(wanted, result, replace_message_field=True, replace_repeated_field=True)
    return result


def check_labels(labels: Mapping[str, str]) -> None:
    if len(labels) > MOST_LABELS:
        raise invalid_argument(f"Too many labels: {len(labels)}, the maximum is {MOST_LABELS}.")
    for key, value in labels.items():
        if not (_LABEL_KEY.fullmatch(key) and _LABEL_VALUE.fullmatch(value)):
            raise invalid_argument(f"Invalid label ({key}={value}).")


def refuse_push(push_config: Any) -> None:
    if push_config.push_endpoint:
        raise RpcError(grpc.StatusCode.UNIMPLEMENTED, "localcloud does not support push subscriptions.")


def check_ack_deadline(seconds: int, least: int, name: str) -> None:
    if not least <= seconds <= ACK_DEADLINE[1]:
        raise invalid_argument(
            f"Invalid ack deadline given ({name}={seconds}). It must be between {least} and {ACK_DEADLINE[1]} seconds."
        )


def _copy(message: Any) -> Any:
    copy = type(message)()
    copy.CopyFrom(message)
    return copy


def _fill_in(stored: Any) -> None:
    if not stored.ack_deadline_seconds:
        stored.ack_deadline_seconds = DEFAULT_ACK_DEADLINE
    if not stored.HasField("message_retention_duration"):
        stored.message_retention_duration.seconds = DEFAULT_RETENTION
    if not stored.HasField("expiration_policy"):
        stored.expiration_policy.ttl.seconds = DEFAULT_TTL
    if stored.HasField("dead_letter_policy") and not stored.dead_letter_policy.max_delivery_attempts:
        stored.dead_letter_policy.max_delivery_attempts = DELIVERY_ATTEMPTS[0]


def _refuse_unsupported(wanted: Any, fields: tuple[str, ...]) -> None:
    for field, _ in wanted.ListFields():
        if field.name in fields:
            raise RpcError(grpc.StatusCode.UNIMPLEMENTED, f"localcloud does not support {field.full_name}.")


def _check_number(message: Any, field: str, least: int, most: int) -> None:
    value = getattr(message, field)
    if not least <= value <= most:
        raise invalid_argument(f"Invalid {field} given ({value}): it must be from {least} to {most}.")


def _check_duration(message: Any, field: str, least: float, most: float | None = None) -> None:
    seconds = seconds_of(getattr(message, field))
    if seconds < least or (most is not None and seconds > most):
        allowed = f"at least {least}" if most is None else f"from {least} to {most}"
        raise invalid_argument(f"Invalid {field} given ({seconds:g} s): it must be {allowed} seconds.")


def _check_retry_policy(retry_policy: Any) -> None:
    shortest, longest = _backoffs(retry_policy)
    if not 0 <= shortest <= longest <= LONGEST_BACKOFF:
        raise invalid_argument(
            f"Invalid retry policy: minimum_backoff ({shortest:g} s) and maximum_backoff ({longest:g} s) must rise "
            f"and lie from 0 to {LONGEST_BACKOFF:g} seconds."
        )


def _backoffs(retry_policy: Any) -> tuple[float, float]:
    shortest, longest = DEFAULT_BACKOFF
    if retry_policy.HasField("minimum_backoff"):
        shortest = seconds_of(retry_policy.minimum_backoff)
    if retry_policy.HasField("maximum_backoff"):
        longest = seconds_of(retry_policy.maximum_backoff)
    return shortest, longest


def seconds_of(duration: Any) -> float:
    return duration.ToNanoseconds() / 1e9  # type: ignore[no-any-return]
