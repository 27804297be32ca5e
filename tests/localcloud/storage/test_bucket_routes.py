"""Buckets over the wire."""

import pytest
from google.api_core.exceptions import (
    BadRequest,
    Conflict,
    Forbidden,
    MethodNotImplemented,
    NotFound,
    PreconditionFailed,
)
from google.cloud import storage

from localcloud.cloud import LocalCloud
from localcloud.faults import Fault


def test_a_bucket_keeps_what_it_was_created_with(client: storage.Client) -> None:
    bucket = client.bucket("everything-set")
    bucket.storage_class = "NEARLINE"
    bucket.versioning_enabled = True
    bucket.labels = {"team": "iot"}
    bucket.iam_configuration.uniform_bucket_level_access_enabled = True
    bucket.iam_configuration.public_access_prevention = "enforced"
    bucket.add_lifecycle_delete_rule(age=30)
    bucket.retention_period = 3600
    client.create_bucket(bucket, location="europe-west1")

    read = client.get_bucket("everything-set")
    assert (read.location, read.location_type, read.storage_class) == ("EUROPE-WEST1", "region", "NEARLINE")
    assert read.versioning_enabled
    assert read.labels == {"team": "iot"}
    assert read.iam_configuration.uniform_bucket_level_access_enabled
    assert read.iam_configuration.public_access_prevention == "enforced"
    assert [rule["condition"] for rule in read.lifecycle_rules] == [{"age": 30}]
    assert read.retention_period == 3600
    assert read.metageneration == 1


def test_a_patch_raises_the_metageneration(client: storage.Client, bucket: storage.Bucket) -> None:
    bucket.labels = {"a": "1", "b": "2"}
    bucket.patch()
    bucket.labels = {"a": "1"}
    bucket.patch(if_metageneration_match=2)
    read = client.get_bucket(bucket.name)
    assert (read.labels, read.metageneration) == ({"a": "1"}, 3)


def test_an_update_replaces_all_settings(client: storage.Client, bucket: storage.Bucket) -> None:
    bucket.labels = {"a": "1"}
    bucket.patch()
    fresh = client.bucket(bucket.name)
    fresh.versioning_enabled = True
    fresh.update()
    read = client.get_bucket(bucket.name)
    assert (read.labels, read.versioning_enabled) == ({}, True)


def test_a_patch_under_a_false_condition_changes_nothing(client: storage.Client, bucket: storage.Bucket) -> None:
    bucket.labels = {"a": "1"}
    with pytest.raises(PreconditionFailed):
        bucket.patch(if_metageneration_match=7)
    assert client.get_bucket(bucket.name).labels == {}


def test_a_name_is_taken_once(client: storage.Client, bucket: storage.Bucket) -> None:
    with pytest.raises(Conflict, match="you already own it"):
        client.create_bucket(bucket.name)


def test_a_bad_name_or_location_is_refused(client: storage.Client) -> None:
    with pytest.raises(BadRequest, match="Invalid bucket name"):
        client.create_bucket("No_Capitals")
    with pytest.raises(BadRequest, match="location"):
        client.create_bucket("lost-in-space", location="moon")


def test_only_an_empty_bucket_can_be_deleted(client: storage.Client, bucket: storage.Bucket) -> None:
    bucket.blob("x").upload_from_string(b"")
    with pytest.raises(Conflict, match="not empty"):
        bucket.delete()
    bucket.delete(force=True)
    assert client.lookup_bucket(bucket.name) is None
    with pytest.raises(NotFound, match="bucket does not exist"):
        bucket.delete()


def test_buckets_are_listed_by_project_and_prefix_in_pages(client: storage.Client) -> None:
    for name in ("list-b", "list-a", "list-c", "other"):
        client.create_bucket(name, project="listing-project")
    listed = client.list_buckets(project="listing-project", prefix="list-", page_size=2)
    assert [[bucket.name for bucket in page] for page in listed.pages] == [["list-a", "list-b"], ["list-c"]]


def test_a_policy_changes_only_with_the_etag_read_last(bucket: storage.Bucket) -> None:
    first = bucket.get_iam_policy(requested_policy_version=3)
    second = bucket.get_iam_policy(requested_policy_version=3)
    first.bindings.append({"role": "roles/storage.objectViewer", "members": {"user:a@example.com"}})
    bucket.set_iam_policy(first)
    with pytest.raises(PreconditionFailed):
        bucket.set_iam_policy(second)
    assert [binding["role"] for binding in bucket.get_iam_policy().bindings] == ["roles/storage.objectViewer"]


def test_conditions_are_shown_to_those_who_know_of_them_only(bucket: storage.Bucket) -> None:
    limited = {
        "role": "roles/storage.objectViewer",
        "members": {"user:a@example.com"},
        "condition": {"title": "t", "expression": "true"},
    }
    policy = bucket.get_iam_policy(requested_policy_version=3)
    policy.bindings = [limited]
    with pytest.raises(BadRequest, match="must have version 3"):
        bucket.set_iam_policy(policy)
    policy.version = 3
    bucket.set_iam_policy(policy)
    [kept] = bucket.get_iam_policy(requested_policy_version=3).bindings
    assert kept["condition"] == limited["condition"]
    [hidden] = bucket.get_iam_policy().bindings
    assert hidden["role"].startswith("roles/storage.objectViewer_withcond_")
    assert "condition" not in hidden


@pytest.mark.parametrize("binding", [{"members": ["allUsers"]}, {"role": "roles/a", "members": ["a@example.com"]}])
def test_a_policy_that_makes_no_sense_is_refused(bucket: storage.Bucket, binding: dict[str, object]) -> None:
    policy = bucket.get_iam_policy(requested_policy_version=3)
    policy.bindings = [{"role": "", **binding}]
    with pytest.raises(BadRequest):
        bucket.set_iam_policy(policy)


def test_everybody_has_all_permissions_that_no_fault_takes_away(bucket: storage.Bucket, cloud: LocalCloud) -> None:
    asked = ["storage.objects.get", "storage.objects.create"]
    assert bucket.test_iam_permissions(asked) == asked
    cloud.faults.add(Fault(method="storage.objects.create", resource=bucket.name, code="PERMISSION_DENIED"))
    assert bucket.test_iam_permissions(asked) == asked[:1]
    with pytest.raises(BadRequest, match=r"storage\.objects\.sing is not valid"):
        bucket.test_iam_permissions(["storage.objects.sing"])


def test_a_locked_retention_policy_cannot_be_removed(bucket: storage.Bucket) -> None:
    bucket.retention_period = 10
    bucket.patch()
    bucket.lock_retention_policy()
    bucket.retention_period = None
    with pytest.raises(Forbidden, match="locked"):
        bucket.patch()


def test_what_is_not_supported_says_so(bucket: storage.Bucket) -> None:
    with pytest.raises(MethodNotImplemented, match="notificationConfigs"):
        list(bucket.list_notifications())
