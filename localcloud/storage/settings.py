"""What owners may set on buckets and objects: merged as JSON merge patches, checked, completed."""

import re
from collections.abc import Mapping
from typing import Any

from localcloud.storage.errors import invalid, retention_locked
from localcloud.storage.times import rfc3339

Json = dict[str, Any]

STORAGE_CLASSES = frozenset(
    {"STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE", "MULTI_REGIONAL", "REGIONAL", "DURABLE_REDUCED_AVAILABILITY"}
)
MULTI_REGIONS = frozenset({"US", "EU", "ASIA"})
DUAL_REGIONS = frozenset({"NAM4", "EUR4", "EUR5", "EUR7", "EUR8", "ASIA1"})
_REGION = re.compile(r"[A-Z]+-[A-Z]+[0-9]+")
_LABEL_KEY = re.compile(r"[^\W\d_][\w-]{0,62}")
_LABEL = re.compile(r"[\w-]{0,63}")
_LIFECYCLE_ACTIONS = frozenset({"Delete", "SetStorageClass", "AbortIncompleteMultipartUpload"})
_CONDITIONS = {
    "age": int, "createdBefore": str, "customTimeBefore": str, "daysSinceCustomTime": int,
    "daysSinceNoncurrentTime": int, "isLive": bool, "matchesPrefix": list, "matchesStorageClass": list,
    "matchesSuffix": list, "noncurrentTimeBefore": str, "numNewerVersions": int,
}  # fmt: skip
_OF_UPLOADS = frozenset({"age", "matchesPrefix", "matchesSuffix"})
_LOCK_DELAY = 90 * 86_400  # seconds in which uniform access can still be taken back

_BUCKET_READ_ONLY = frozenset(
    {"kind", "id", "selfLink", "name", "projectNumber", "metageneration", "timeCreated", "updated", "etag"}
    | {"locationType", "acl", "owner"}
)
_OBJECT_FIELDS = frozenset(
    {"cacheControl", "contentDisposition", "contentEncoding", "contentLanguage", "contentType", "customTime"}
    | {"eventBasedHold", "metadata", "storageClass", "temporaryHold"}
)


def merged(settings: Mapping[str, Any], patch: Mapping[str, Any]) -> Json:
    """RFC 7396: null takes a field away, objects merge, everything else replaces."""
    result = dict(settings)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            below = result.get(name)
            result[name] = merged(below if isinstance(below, dict) else {}, value)
        else:
            result[name] = value
    return result


def object_settings(resource: Mapping[str, Any]) -> Json:
    """The fields of an object resource that a client may set; nulls stay, to take fields away in a patch."""
    return {name: value for name, value in resource.items() if name in _OBJECT_FIELDS}


def checked_object(settings: Json) -> Json:
    """The settings as they are kept; raises HttpError 400."""
    kept = merged({}, settings)
    metadata = kept.get("metadata", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise invalid("Invalid value for: metadata must map names to text")
    if kept.get("storageClass", "STANDARD") not in STORAGE_CLASSES:
        raise invalid(f"The specified storage class is not valid: {kept['storageClass']}")
    return kept


def bucket_settings(resource: Mapping[str, Any]) -> Json:
    """The fields of a bucket resource that a client may set."""
    return {name: value for name, value in resource.items() if name not in _BUCKET_READ_ONLY}


def checked_bucket(settings: Json, before: Json, now: float) -> Json:
    """The settings as they are kept, completed with defaults; `before` is empty for a new bucket. Raises HttpError."""
    kept = merged({}, settings)
    kept["location"] = _location(kept.get("location", "US"))
    if before and kept["location"] != before["location"]:
        raise invalid("The location of a bucket cannot be changed.")
    if kept.setdefault("storageClass", "STANDARD") not in STORAGE_CLASSES:
        raise invalid(f"The specified storage class is not valid: {kept['storageClass']}")
    _check_labels(kept.get("labels", {}))
    _check_lifecycle(kept.get("lifecycle", {}))
    _check_autoclass(kept)
    kept["iamConfiguration"] = _iam_configuration(kept.get("iamConfiguration", {}), now)
    kept["softDeletePolicy"] = _soft_delete(kept.get("softDeletePolicy", {}), now)
    if "retentionPolicy" in kept:
        kept["retentionPolicy"] = _retention(kept["retentionPolicy"], before.get("retentionPolicy", {}), now)
    elif before.get("retentionPolicy", {}).get("isLocked"):
        raise retention_locked()
    return kept


def location_type(location: str) -> str:
    if location in MULTI_REGIONS:
        return "multi-region"
    return "dual-region" if location in DUAL_REGIONS else "region"


def retention_period(settings: Mapping[str, Any]) -> int | None:
    """Seconds for which the bucket keeps its objects."""
    policy = settings.get("retentionPolicy")
    return int(policy["retentionPeriod"]) if policy else None


def uniform_access(settings: Mapping[str, Any]) -> bool:
    return bool(settings["iamConfiguration"]["uniformBucketLevelAccess"]["enabled"])


def _location(location: object) -> str:
    name = str(location).upper()
    if name not in MULTI_REGIONS | DUAL_REGIONS and not _REGION.fullmatch(name):
        raise invalid("The specified location constraint is not valid.")
    return name


def _check_labels(labels: object) -> None:
    if not isinstance(labels, dict) or len(labels) > 64:
        raise invalid("Invalid labels: at most 64 names mapped to text")
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key) or key != key.lower():
            raise invalid(f"Invalid label key: {key!r}")
        if not isinstance(value, str) or not _LABEL.fullmatch(value) or value != value.lower():
            raise invalid(f"Invalid label value: {value!r}")


def _check_lifecycle(lifecycle: object) -> None:
    rules = lifecycle.get("rule", []) if isinstance(lifecycle, dict) else None
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise invalid("Invalid lifecycle: rule must be a list of objects")
    for rule in rules:
        action = rule.get("action", {})
        if action.get("type") not in _LIFECYCLE_ACTIONS:
            raise invalid(f"Invalid lifecycle action: {action.get('type')!r}")
        if action["type"] == "SetStorageClass" and action.get("storageClass") not in STORAGE_CLASSES:
            raise invalid(f"Invalid storage class in lifecycle action: {action.get('storageClass')!r}")
        if not rule.get("condition"):
            raise invalid("A lifecycle rule must have at least one condition.")
        _check_conditions(action["type"], rule["condition"])


def _check_conditions(action: str, condition: Mapping[str, Any]) -> None:
    for name, value in condition.items():
        kind = _CONDITIONS.get(name)
        if kind is None or type(value) is not kind or (isinstance(value, int) and value < 0):
            raise invalid(f"Invalid lifecycle condition: {name}: {value!r}")
        if action == "AbortIncompleteMultipartUpload" and name not in _OF_UPLOADS:
            raise invalid(f"Invalid lifecycle condition for {action}: {name}")


def _check_autoclass(settings: Json) -> None:
    autoclass = settings.get("autoclass", {})
    if not autoclass.get("enabled"):
        return
    if autoclass.setdefault("terminalStorageClass", "NEARLINE") not in ("NEARLINE", "ARCHIVE"):
        raise invalid(f"Invalid terminal storage class: {autoclass['terminalStorageClass']!r}")
    rules = settings.get("lifecycle", {}).get("rule", [])
    if any(rule["action"]["type"] == "SetStorageClass" or "matchesStorageClass" in rule["condition"] for rule in rules):
        raise invalid("Lifecycle rules that speak of storage classes cannot be used with Autoclass.")


def _iam_configuration(configuration: Json, now: float) -> Json:
    access = dict(configuration.get("uniformBucketLevelAccess", {}))
    access = {"enabled": bool(access.get("enabled")), **access}
    if access["enabled"]:
        access.setdefault("lockedTime", rfc3339(now + _LOCK_DELAY))
    else:
        access.pop("lockedTime", None)
    prevention = configuration.get("publicAccessPrevention", "inherited")
    if prevention == "unspecified":
        prevention = "inherited"
    if prevention not in ("inherited", "enforced"):
        raise invalid(f"Invalid value for publicAccessPrevention: {prevention!r}")
    return {
        "bucketPolicyOnly": access,
        "uniformBucketLevelAccess": access,
        "publicAccessPrevention": prevention,
    }


def _soft_delete(policy: Json, now: float) -> Json:
    try:
        seconds = int(policy.get("retentionDurationSeconds", 7 * 86_400))
    except (TypeError, ValueError) as error:
        raise invalid("Invalid value for softDeletePolicy.retentionDurationSeconds") from error
    if seconds and not 7 * 86_400 <= seconds <= 90 * 86_400:
        raise invalid("softDeletePolicy.retentionDurationSeconds must be 0 or between 7 and 90 days")
    return {"retentionDurationSeconds": str(seconds), "effectiveTime": policy.get("effectiveTime", rfc3339(now))}


def _retention(policy: Json, before: Json, now: float) -> Json:
    try:
        period = int(policy["retentionPeriod"])
    except (KeyError, TypeError, ValueError) as error:
        raise invalid("Invalid value for retentionPolicy.retentionPeriod: a number of seconds") from error
    if not 0 < period < 3_155_760_000:
        raise invalid("Invalid value for retentionPolicy.retentionPeriod: above 0 and below 100 years")
    locked = bool(before.get("isLocked"))
    if locked and period < int(before["retentionPeriod"]):
        raise retention_locked()
    same = before.get("retentionPeriod") == str(period)
    effective = before["effectiveTime"] if same else rfc3339(now)
    return {"retentionPeriod": str(period), "effectiveTime": effective, "isLocked": locked}
