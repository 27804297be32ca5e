"""Buckets, through Google's storage client."""

from dataclasses import replace
from typing import Any

import pytest
from google.api_core.exceptions import Conflict, PreconditionFailed

from director.documents.loading import Blueprint
from director.provisioning.base import Wanted
from director.provisioning.clients import Clients
from director.provisioning.plan import change
from director.resources.buckets import Buckets
from director.resources.catalogue import wanted

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
    assert (observed.state, observed.owner) == (bucket.state, bucket.owner)
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
