"""Buckets: created, changed and deleted under metageneration conditions."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from localcloud import iam
from localcloud.clock import Clock
from localcloud.rpc import RpcError
from localcloud.storage.conditions import NONE, Conditions
from localcloud.storage.errors import bucket_exists, bucket_not_empty, condition_not_met, invalid, no_bucket
from localcloud.storage.ledger import Ledger
from localcloud.storage.model import Bucket, NoBucket, NoUpload
from localcloud.storage.names import bucket_name
from localcloud.storage.resources import etag
from localcloud.storage.settings import Json, bucket_settings, checked_bucket, merged

T = TypeVar("T")


class Buckets:
    """Every method raises HttpError when Cloud Storage would refuse."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    def create(self, project: str, resource: Mapping[str, Any]) -> Bucket:
        name = bucket_name(resource.get("name"))
        if name in self._ledger.tables.buckets:
            raise bucket_exists()
        now = self._clock.time()
        settings = checked_bucket(bucket_settings(resource), {}, now)
        return self._kept(Bucket(name, project, now, now, 1, settings, {"bindings": []}))

    def get(self, name: str, conditions: Conditions = NONE) -> Bucket:
        bucket = self._existing(name)
        conditions.hold_for_read(0, bucket.metageneration)
        return bucket

    def of_project(self, project: str, prefix: str) -> list[Bucket]:
        mine = (bucket for bucket in self._ledger.tables.buckets.values() if bucket.project == project)
        return sorted((bucket for bucket in mine if bucket.name.startswith(prefix)), key=lambda bucket: bucket.name)

    def patch(self, name: str, changes: Mapping[str, Any], conditions: Conditions) -> Bucket:
        bucket = self._existing(name)
        return self._changed(bucket, merged(bucket.settings, bucket_settings(changes)), conditions)

    def update(self, name: str, resource: Mapping[str, Any], conditions: Conditions) -> Bucket:
        """Replaces all settings but the location, which nobody can change."""
        bucket = self._existing(name)
        settings = {"location": bucket.settings["location"], **bucket_settings(resource)}
        return self._changed(bucket, settings, conditions)

    def delete(self, name: str, conditions: Conditions) -> None:
        bucket = self._existing(name)
        conditions.hold_for(0, bucket.metageneration)
        if self._ledger.tables.shelves[name].all:
            raise bucket_not_empty()
        uploads = [NoUpload(upload.id) for upload in self._ledger.tables.uploads.values() if upload.bucket == name]
        self._ledger.commit(*uploads, NoBucket(name))

    def lock_retention(self, name: str, conditions: Conditions) -> Bucket:
        bucket = self._existing(name)
        conditions.hold_for(0, bucket.metageneration)
        if "retentionPolicy" not in bucket.settings:
            raise invalid("The bucket has no retention policy to lock.")
        locked = {**bucket.settings["retentionPolicy"], "isLocked": True}
        return self._kept(self._next(bucket, {**bucket.settings, "retentionPolicy": locked}))

    def policy(self, name: str, version: int = iam.CONDITIONAL) -> Json:
        """Its IAM policy, with the etag that a change must come with."""
        bucket = self._existing(name)
        return {
            "kind": "storage#policy",
            "resourceId": f"projects/_/buckets/{name}",
            "version": 1,
            "bindings": [],
            **_policy(lambda: iam.json_of(iam.shown(iam.policy_of(bucket.policy), version))),
            "etag": etag(0, bucket.metageneration),
        }

    def set_policy(self, name: str, policy: Mapping[str, Any]) -> Json:
        bucket = self._existing(name)
        if policy.get("etag") not in (None, "", etag(0, bucket.metageneration)):
            raise condition_not_met()
        kept = {"bindings": policy.get("bindings", []), "version": policy.get("version", 1)}
        _policy(lambda: iam.check(iam.policy_of(kept)))
        self._kept(replace(self._next(bucket, bucket.settings), policy=kept))
        return self.policy(name)

    def _existing(self, name: str) -> Bucket:
        bucket = self._ledger.tables.buckets.get(name)
        if bucket is None:
            raise no_bucket()
        return bucket

    def _changed(self, bucket: Bucket, settings: Json, conditions: Conditions) -> Bucket:
        conditions.hold_for(0, bucket.metageneration)
        return self._kept(self._next(bucket, checked_bucket(settings, bucket.settings, self._clock.time())))

    def _next(self, bucket: Bucket, settings: Json) -> Bucket:
        return replace(bucket, settings=settings, metageneration=bucket.metageneration + 1, updated=self._clock.time())

    def _kept(self, bucket: Bucket) -> Bucket:
        self._ledger.commit(bucket)
        return bucket


def _policy(action: Callable[[], T]) -> T:
    try:
        return action()
    except RpcError as error:
        raise invalid(error.message) from error
