"""Cloud Storage buckets."""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Any

from google.api_core.exceptions import NotFound
from google.cloud.storage import Client

from director import keys
from director.documents.loading import Blueprint
from director.documents.specs.storage import Bucket, LifecycleRule
from director.provisioning.base import (
    CALL_TIMEOUT,
    Context,
    Holding,
    Labels,
    Observed,
    Provider,
    Wanted,
    fixed,
    owner_in,
)
from director.provisioning.clients import Clients

ANEW = "use another name, or move the objects and delete the bucket"


@dataclass(frozen=True, slots=True)
class State:
    """Lifecycle rules are kept as Cloud Storage spells them, so that others' conditions are seen as well."""

    location: Annotated[str, fixed(ANEW)]
    storage_class: str = "STANDARD"
    versioning_enabled: bool = False
    lifecycle_rules: tuple[str, ...] = ()
    uniform_bucket_level_access: bool = True
    public_access_prevention: str = "enforced"
    labels: Labels = field(default_factory=dict)


def wanted(context: Context, spec: Bucket) -> Wanted[State]:
    state = State(
        location=(spec.location or context.architecture.location).upper(),
        storage_class=spec.storage_class,
        versioning_enabled=spec.versioning_enabled,
        lifecycle_rules=tuple(sorted(_rule(rule) for rule in spec.lifecycle_rules)),
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
        access = found.iam_configuration
        state = State(
            location=(found.location or "").upper(),
            storage_class=found.storage_class or "STANDARD",
            versioning_enabled=bool(found.versioning_enabled),
            lifecycle_rules=tuple(sorted(_spelled(dict(rule)) for rule in found.lifecycle_rules)),
            uniform_bucket_level_access=bool(access.uniform_bucket_level_access_enabled),
            public_access_prevention=access.public_access_prevention or "inherited",
            labels=dict(found.labels),
        )
        return Observed(state, owner_in(state.labels), found)

    def create(self, wanted: Wanted[State]) -> None:
        bucket = self._client.bucket(wanted.full_name)
        _fill(bucket, wanted.state)
        self._client.create_bucket(bucket, location=wanted.state.location, retry=None, timeout=CALL_TIMEOUT)

    def update(self, wanted: Wanted[State], observed: Observed[State], fields: frozenset[str]) -> None:
        bucket = observed.handle
        _fill(bucket, wanted.state)
        bucket.patch(if_metageneration_match=bucket.metageneration, retry=None, timeout=CALL_TIMEOUT)

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


def _fill(bucket: Any, state: State) -> None:
    bucket.storage_class = state.storage_class
    bucket.versioning_enabled = state.versioning_enabled
    bucket.lifecycle_rules = [json.loads(rule) for rule in state.lifecycle_rules]
    bucket.iam_configuration.uniform_bucket_level_access_enabled = state.uniform_bucket_level_access
    bucket.iam_configuration.public_access_prevention = state.public_access_prevention
    bucket.labels = {**bucket.labels, **state.labels}


def _rule(rule: LifecycleRule) -> str:
    action: dict[str, str] = {"type": rule.action.type}
    if rule.action.storage_class:
        action["storageClass"] = rule.action.storage_class
    return _spelled({"action": action, "condition": {"age": rule.condition.age_in_days}})


def _spelled(rule: dict[str, Any]) -> str:
    return json.dumps(rule, sort_keys=True)
