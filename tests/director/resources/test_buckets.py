"""Buckets, through Google's storage client."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from google.api_core.exceptions import Conflict, Forbidden, PreconditionFailed, ServiceUnavailable

from director.documents.loading import Blueprint
from director.provisioning.base import Wanted
from director.provisioning.clients import Clients
from director.provisioning.plan import change
from director.resources.buckets import Auto, Buckets, Retention
from director.resources.catalogue import wanted
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault

RULE = '{"action": {"type": "Delete"}, "condition": {"age": 30}}'


@pytest.fixture
def buckets(clients: Clients) -> Buckets:
    return Buckets(clients.storage)


@pytest.fixture
def bucket(blueprint: Blueprint) -> Wanted[Any]:
    return next(one for one in wanted(blueprint, "air") if one.kind == "gcs_buckets")


def test_a_created_bucket_is_as_wanted_and_closed_to_the_public(
    buckets: Buckets, bucket: Wanted[Any], clients: Clients
) -> None:
    assert buckets.observe(bucket) is None
    buckets.create(bucket)
    observed = buckets.observe(bucket)
    assert observed is not None
    assert (change(bucket, observed).action, observed.owner) == ("none", bucket.owner)
    access = clients.storage.get_bucket(bucket.full_name).iam_configuration
    assert access.uniform_bucket_level_access_enabled
    assert access.public_access_prevention == "enforced"


def test_every_changeable_field_can_be_set_and_taken_back(buckets: Buckets, bucket: Wanted[Any]) -> None:
    buckets.create(bucket)
    state = replace(bucket.state, storage_class="NEARLINE", versioning_enabled=True, lifecycle_rules=(RULE,))
    for goal in (replace(bucket, state=state), bucket):
        observed = buckets.observe(goal)
        todo = change(goal, observed)
        assert todo.fields == {"storage_class", "versioning_enabled", "lifecycle_rules"}
        buckets.update(goal, observed, todo.fields)  # type: ignore[arg-type]
        assert change(goal, buckets.observe(goal)).reasons == ()


def test_public_access_and_single_object_rights_are_drift(
    buckets: Buckets, bucket: Wanted[Any], clients: Clients
) -> None:
    buckets.create(bucket)
    live = clients.storage.get_bucket(bucket.full_name)
    live.iam_configuration.public_access_prevention = "inherited"
    live.patch()
    observed = buckets.observe(bucket)
    todo = change(bucket, observed)
    assert todo.reasons == ("public_access_prevention: inherited -> enforced",)
    buckets.update(bucket, observed, todo.fields)  # type: ignore[arg-type]
    assert change(bucket, buckets.observe(bucket)).action == "none"


def test_labels_of_others_survive_an_update(buckets: Buckets, bucket: Wanted[Any], clients: Clients) -> None:
    buckets.create(bucket)
    live = clients.storage.get_bucket(bucket.full_name)
    live.labels = {**live.labels, "cost": "x", "team": "sea"}
    live.patch()
    buckets.update(bucket, buckets.observe(bucket), frozenset({"labels"}))  # type: ignore[arg-type]
    assert clients.storage.get_bucket(bucket.full_name).labels == {**bucket.state.labels, "cost": "x"}


def test_an_update_that_crosses_another_is_not_made(buckets: Buckets, bucket: Wanted[Any], clients: Clients) -> None:
    buckets.create(bucket)
    observed = buckets.observe(bucket)
    live = clients.storage.get_bucket(bucket.full_name)
    live.labels = {**live.labels, "cost": "x"}
    live.patch()
    with pytest.raises(PreconditionFailed):
        buckets.update(bucket, observed, frozenset({"labels"}))  # type: ignore[arg-type]


def test_another_location_is_refused(buckets: Buckets, bucket: Wanted[Any]) -> None:
    buckets.create(bucket)
    moved = replace(bucket, state=replace(bucket.state, location="EUROPE-WEST1"))
    todo = change(moved, buckets.observe(moved))
    assert todo.action == "refuse"
    assert todo.reasons[0].startswith("location: live EU, wanted EUROPE-WEST1, cannot be changed; use another name")


def test_a_bucket_is_only_deleted_empty(buckets: Buckets, bucket: Wanted[Any], clients: Clients) -> None:
    buckets.create(bucket)
    blob = clients.storage.bucket(bucket.full_name).blob("x")
    blob.upload_from_string(b"data")
    with pytest.raises(Conflict):
        buckets.delete(bucket)
    blob.delete()
    buckets.delete(bucket)
    assert buckets.observe(bucket) is None


KEY = "projects/p/locations/europe/keyRings/r/cryptoKeys/k"
SAID: dict[str, Any] = {
    "retention_policy": Retention(timedelta(days=30)),
    "soft_delete": timedelta(days=14),
    "default_event_based_hold": True,
    "default_kms_key_name": KEY,
    "autoclass": Auto("ARCHIVE"),
}
CHANGED: dict[str, Any] = {
    "retention_policy": Retention(timedelta()),
    "soft_delete": timedelta(),
    "default_event_based_hold": False,
    "default_kms_key_name": KEY + "2",
    "autoclass": Auto(None),
}


def apply(buckets: Buckets, goal: Wanted[Any]) -> frozenset[str]:
    observed = buckets.observe(goal)
    fields = change(goal, observed).fields
    buckets.update(goal, observed, fields)  # type: ignore[arg-type]
    assert change(goal, buckets.observe(goal)).reasons == ()
    return fields


@pytest.mark.parametrize("field", sorted(SAID))
def test_what_protects_objects_is_set_and_changed_where_said_and_else_stays(
    buckets: Buckets, bucket: Wanted[Any], field: str
) -> None:
    buckets.create(bucket)
    for value in (SAID[field], CHANGED[field], SAID[field]):
        assert apply(buckets, replace(bucket, state=replace(bucket.state, **{field: value}))) == {field}
    assert change(bucket, buckets.observe(bucket)).action == "none"
    assert apply(buckets, replace(bucket, state=replace(bucket.state, versioning_enabled=True))) == {
        "versioning_enabled"
    }
    observed = buckets.observe(bucket)
    assert observed is not None
    assert getattr(observed.state, field) == SAID[field]


def test_a_bucket_is_made_with_all_of_them_at_once(buckets: Buckets, bucket: Wanted[Any]) -> None:
    goal = replace(bucket, state=replace(bucket.state, **SAID))
    buckets.create(goal)
    assert change(goal, buckets.observe(goal)).reasons == ()


def test_a_retention_is_locked_only_where_the_document_says_so(
    buckets: Buckets, bucket: Wanted[Any], clients: Clients
) -> None:
    kept = replace(bucket, state=replace(bucket.state, retention_policy=Retention(timedelta(days=1))))
    buckets.create(kept)
    assert not clients.storage.get_bucket(bucket.full_name).retention_policy_locked
    locked = replace(kept, state=replace(kept.state, retention_policy=Retention(timedelta(days=1), locked=True)))
    assert change(locked, buckets.observe(locked)).reasons == ("retention_policy: 1d -> 1d locked",)
    apply(buckets, locked)
    assert clients.storage.get_bucket(bucket.full_name).retention_policy_locked
    clients.storage.bucket(bucket.full_name).blob("x").upload_from_string(b"kept")
    with pytest.raises(Forbidden):
        buckets.delete(locked, data=True)


def test_what_is_locked_only_grows(buckets: Buckets, bucket: Wanted[Any]) -> None:
    def keeping(days: int, locked: bool) -> Wanted[Any]:
        retention = Retention(timedelta(days=days), locked)
        return replace(bucket, state=replace(bucket.state, retention_policy=retention))

    buckets.create(keeping(2, locked=True))
    for goal, told in (
        (keeping(2, locked=False), "for ever; write locked: true"),
        (keeping(1, locked=True), "only grows; write 2d or more"),
    ):
        todo = change(goal, buckets.observe(goal))
        assert todo.action == "refuse"
        assert told in todo.reasons[0]
    assert change(bucket, buckets.observe(bucket)).action == "none"
    apply(buckets, keeping(3, locked=True))


def test_a_lock_that_did_not_come_to_pass_is_caught_up_on(
    buckets: Buckets, bucket: Wanted[Any], cloud: LocalCloud
) -> None:
    goal = replace(bucket, state=replace(bucket.state, retention_policy=Retention(timedelta(days=1), locked=True)))
    fault = cloud.faults.add(Fault(method="storage.buckets.lockRetentionPolicy", code="UNAVAILABLE"))
    with pytest.raises(ServiceUnavailable):
        buckets.create(goal)
    cloud.faults.remove(fault)
    assert change(goal, buckets.observe(goal)).fields == {"retention_policy"}
    apply(buckets, goal)


def test_the_order_of_what_a_condition_lists_is_no_drift(
    buckets: Buckets, bucket: Wanted[Any], clients: Clients
) -> None:
    rule = '{"action": {"type": "Delete"}, "condition": {"isLive": false, "matchesPrefix": ["a", "b"]}}'
    goal = replace(bucket, state=replace(bucket.state, lifecycle_rules=(rule,)))
    buckets.create(goal)
    live = clients.storage.get_bucket(bucket.full_name)
    live.lifecycle_rules = [{"action": {"type": "Delete"}, "condition": {"matchesPrefix": ["b", "a"], "isLive": False}}]
    live.patch()
    assert change(goal, buckets.observe(goal)).action == "none"
