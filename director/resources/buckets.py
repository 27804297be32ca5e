"""Cloud Storage buckets."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any

from google.api_core.exceptions import NotFound
from google.cloud.storage import Client

from director import keys
from director.documents.loading import Blueprint
from director.documents.specs.storage import Bucket, LifecycleCondition, LifecycleRule
from director.provisioning.base import (
    CALL_TIMEOUT,
    Context,
    Holding,
    Labels,
    Observed,
    Provider,
    Verdict,
    Wanted,
    fixed,
    mutable,
    owner_in,
)
from director.provisioning.clients import Clients
from director.resources.rules import where_said
from director.strict import written

ANEW = "use another name, or move the objects and delete the bucket"


@dataclass(frozen=True, slots=True)
class Retention:
    """For how long objects are kept from everyone; once locked for ever."""

    duration: timedelta
    locked: bool = False

    def __str__(self) -> str:
        return written(self.duration) + (" locked" if self.locked else "") if self.duration else "none"


def retained(live: Retention, wanted: Retention | None) -> Verdict | None:
    """The rule: what is locked may only grow longer."""
    if wanted is None:
        return None
    if live.locked and not wanted.locked:
        return Verdict("refuse", f"live {live} for ever; write locked: true, or leave retention_policy out")
    if live.locked and wanted.duration < live.duration:
        return Verdict(
            "refuse", f"live {live}, wanted {wanted}: what is locked only grows; write {written(live.duration)} or more"
        )
    return mutable(live, wanted)


@dataclass(frozen=True, slots=True)
class Auto:
    """The coldest class that Cloud Storage itself moves objects to; None where it moves none."""

    terminal: str | None

    def __str__(self) -> str:
        return f"down to {self.terminal}" if self.terminal else "off"


@dataclass(frozen=True, slots=True)
class State:
    """Lifecycle rules are kept as Cloud Storage spells them, so that others' conditions are seen as well."""

    location: Annotated[str, fixed(ANEW)]
    storage_class: str = "STANDARD"
    versioning_enabled: bool = False
    lifecycle_rules: tuple[str, ...] = ()
    uniform_bucket_level_access: bool = True
    public_access_prevention: str = "enforced"
    retention_policy: Annotated[Retention | None, retained] = None
    soft_delete: Annotated[timedelta | None, where_said] = None
    default_event_based_hold: Annotated[bool | None, where_said] = None
    default_kms_key_name: Annotated[str | None, where_said] = None
    autoclass: Annotated[Auto | None, where_said] = None
    labels: Labels = field(default_factory=dict)


def wanted(context: Context, spec: Bucket) -> Wanted[State]:
    kept, deleted, auto = spec.retention_policy, spec.soft_delete_policy, spec.autoclass
    state = State(
        location=(spec.location or context.architecture.location).upper(),
        storage_class=spec.storage_class,
        versioning_enabled=spec.versioning_enabled,
        lifecycle_rules=tuple(sorted(_rule(rule) for rule in spec.lifecycle_rules)),
        retention_policy=Retention(kept.duration, kept.locked) if kept else None,
        soft_delete=deleted.duration if deleted else None,
        default_event_based_hold=spec.default_event_based_hold,
        default_kms_key_name=spec.default_kms_key_name,
        autoclass=Auto(auto.terminal_storage_class if auto.enabled else None) if auto else None,
        labels=context.labels(spec.labels),
    )
    return Wanted(*keys.bucket(spec.name), state, context.owner, services=context.services(spec))


def provider(clients: Clients, blueprint: Blueprint) -> Provider[State]:
    return Buckets(clients.storage)


class Buckets:
    """Buckets through Google's client; updates carry the metageneration of what was observed."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def observe(self, wanted: Wanted[State]) -> Observed[State] | None:
        try:
            found = self._client.get_bucket(wanted.full_name, retry=None, timeout=CALL_TIMEOUT)
        except NotFound:
            return None
        state = _state(found)
        return Observed(state, owner_in(state.labels), found)

    def create(self, wanted: Wanted[State]) -> None:
        bucket = self._client.bucket(wanted.full_name)
        _fill(bucket, wanted.state, frozenset(_FILL))
        self._client.create_bucket(bucket, location=wanted.state.location, retry=None, timeout=CALL_TIMEOUT)
        self._lock(bucket, wanted.state.retention_policy)

    def update(self, wanted: Wanted[State], observed: Observed[State], fields: frozenset[str]) -> None:
        bucket = observed.handle
        _fill(bucket, wanted.state, fields)
        bucket.patch(if_metageneration_match=bucket.metageneration, retry=None, timeout=CALL_TIMEOUT)
        self._lock(bucket, wanted.state.retention_policy)

    def _lock(self, bucket: Any, retention: Retention | None) -> None:
        """For ever, by a call of its own that names the metageneration which was just made."""
        if retention and retention.locked and not bucket.retention_policy_locked:
            bucket.lock_retention_policy(retry=None, timeout=CALL_TIMEOUT)

    def holding(self, wanted: Wanted[State], going: frozenset[str]) -> Holding | None:
        """Objects, older versions included."""
        found = self._client.list_blobs(
            wanted.full_name, max_results=1, versions=True, retry=None, timeout=CALL_TIMEOUT
        )
        return Holding("objects") if next(iter(found), None) is not None else None

    def delete(self, wanted: Wanted[State], data: bool = False) -> None:
        """Refused by Cloud Storage while there are objects in it; with `data` they go first, one by one."""
        if data:
            for blob in self._client.list_blobs(wanted.full_name, versions=True, retry=None, timeout=CALL_TIMEOUT):
                self._delete(blob)
        self._client.bucket(wanted.full_name).delete(retry=None, timeout=CALL_TIMEOUT)

    def _delete(self, blob: Any) -> None:
        with suppress(NotFound):  # gone already is as good
            blob.delete(retry=None, timeout=CALL_TIMEOUT)


def _state(found: Any) -> State:
    access = found.iam_configuration
    return State(
        location=(found.location or "").upper(),
        storage_class=found.storage_class or "STANDARD",
        versioning_enabled=bool(found.versioning_enabled),
        lifecycle_rules=tuple(sorted(_spelled(dict(rule)) for rule in found.lifecycle_rules)),
        uniform_bucket_level_access=bool(access.uniform_bucket_level_access_enabled),
        public_access_prevention=access.public_access_prevention or "inherited",
        retention_policy=Retention(timedelta(seconds=found.retention_period or 0), bool(found.retention_policy_locked)),
        soft_delete=timedelta(seconds=found.soft_delete_policy.retention_duration_seconds or 0),
        default_event_based_hold=bool(found.default_event_based_hold),
        default_kms_key_name=found.default_kms_key_name,
        autoclass=Auto(found.autoclass_terminal_storage_class if found.autoclass_enabled else None),
        labels=dict(found.labels),
    )


def _fill(bucket: Any, state: State, fields: frozenset[str]) -> None:
    """Only what is to change, and nothing that is unsaid: a patch leaves alone what it does not name."""
    for name in sorted(fields & set(_FILL)):
        if getattr(state, name) is not None:
            _FILL[name](bucket, state)


def _storage_class(bucket: Any, state: State) -> None:
    bucket.storage_class = state.storage_class


def _versioning(bucket: Any, state: State) -> None:
    bucket.versioning_enabled = state.versioning_enabled


def _lifecycle(bucket: Any, state: State) -> None:
    bucket.lifecycle_rules = [json.loads(rule) for rule in state.lifecycle_rules]


def _uniform(bucket: Any, state: State) -> None:
    bucket.iam_configuration.uniform_bucket_level_access_enabled = state.uniform_bucket_level_access


def _closed(bucket: Any, state: State) -> None:
    bucket.iam_configuration.public_access_prevention = state.public_access_prevention


def _retention(bucket: Any, state: State) -> None:
    if state.retention_policy:
        bucket.retention_period = _seconds(state.retention_policy.duration) or None


def _soft_delete(bucket: Any, state: State) -> None:
    bucket.soft_delete_policy.retention_duration_seconds = _seconds(state.soft_delete or timedelta())


def _hold(bucket: Any, state: State) -> None:
    bucket.default_event_based_hold = state.default_event_based_hold


def _key(bucket: Any, state: State) -> None:
    bucket.default_kms_key_name = state.default_kms_key_name


def _autoclass(bucket: Any, state: State) -> None:
    terminal = state.autoclass and state.autoclass.terminal
    bucket.autoclass_enabled = terminal is not None
    if terminal:
        bucket.autoclass_terminal_storage_class = terminal


def _labels(bucket: Any, state: State) -> None:
    bucket.labels = {**bucket.labels, **state.labels}


_FILL: Mapping[str, Callable[[Any, State], None]] = {
    "storage_class": _storage_class,
    "versioning_enabled": _versioning,
    "lifecycle_rules": _lifecycle,
    "uniform_bucket_level_access": _uniform,
    "public_access_prevention": _closed,
    "retention_policy": _retention,
    "soft_delete": _soft_delete,
    "default_event_based_hold": _hold,
    "default_kms_key_name": _key,
    "autoclass": _autoclass,
    "labels": _labels,
}


def _seconds(duration: timedelta) -> int:
    return duration // timedelta(seconds=1)


def _rule(rule: LifecycleRule) -> str:
    action: dict[str, str] = {"type": rule.action.type}
    if rule.action.storage_class:
        action["storageClass"] = rule.action.storage_class
    return _spelled({"action": action, "condition": _condition(rule.condition)})


def _condition(spec: LifecycleCondition) -> dict[str, Any]:
    return {_CONDITIONS[name]: getattr(spec, name) for name in spec.said}


_CONDITIONS = {
    "age_in_days": "age",
    "created_before": "createdBefore",
    "is_live": "isLive",
    "num_newer_versions": "numNewerVersions",
    "days_since_noncurrent": "daysSinceNoncurrentTime",
    "matches_storage_class": "matchesStorageClass",
    "matches_prefix": "matchesPrefix",
    "matches_suffix": "matchesSuffix",
}


def _spelled(rule: dict[str, Any]) -> str:
    """Of a list, only what is in it means something."""
    condition = {
        name: sorted(value) if isinstance(value, list | tuple) else value for name, value in rule["condition"].items()
    }
    return json.dumps({**rule, "condition": condition}, sort_keys=True)
