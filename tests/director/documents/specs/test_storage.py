"""Buckets as documents write them, and what is refused with what to do."""

from datetime import timedelta
from typing import Any

import pytest

from director.documents.specs.storage import Bucket
from director.strict import DocumentError, parse

DELETE = {"type": "Delete"}
KEY = "projects/p/locations/eu/keyRings/r/cryptoKeys/k"


def bucket(**data: Any) -> Bucket:
    return parse({"name": "plant-archive", **data}, Bucket)


def rule(action: dict[str, Any], **condition: Any) -> dict[str, Any]:
    return {"lifecycle_rules": [{"action": action, "condition": condition}]}


def test_every_field_may_be_said() -> None:
    found = bucket(
        storage_class="STANDARD",
        versioning_enabled=True,
        retention_policy={"duration": "30d", "locked": True},
        soft_delete_policy={"duration": "14d"},
        default_event_based_hold=True,
        default_kms_key_name=KEY,
        autoclass={"terminal_storage_class": "ARCHIVE"},
        lifecycle_rules=[
            {"action": DELETE, "condition": {"is_live": False, "num_newer_versions": 3, "days_since_noncurrent": 7}},
            {"action": DELETE, "condition": {"created_before": "2026-01-31", "matches_prefix": ["tmp/"]}},
            {"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age_in_days": 7}},
        ],
    )
    assert found.retention_policy is not None
    assert found.retention_policy.duration == timedelta(days=30)


def test_nothing_protects_less_for_being_left_out() -> None:
    found = bucket()
    unsaid = (found.retention_policy, found.soft_delete_policy, found.default_event_based_hold, found.autoclass)
    assert unsaid == (None, None, None, None)


@pytest.mark.parametrize("weaker", ["uniform_bucket_level_access", "public_access_prevention", "iam_configuration"])
def test_access_cannot_be_weakened_in_a_document(weaker: str) -> None:
    with pytest.raises(DocumentError, match=f"{weaker}: unknown key"):
        bucket(**{weaker: False})


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (rule(DELETE), "is empty, and would hold for every object; add a condition"),
        (rule({"type": "Delete", "storage_class": "NEARLINE"}, age_in_days=1), "has a storage_class"),
        (rule({"type": "AbortIncompleteMultipartUpload"}, is_live=True), "is_live: AbortIncompleteMultipartUpload"),
        (rule(DELETE, created_before="31.1.2026"), "is no day; write one as 2026-01-31"),
        (rule(DELETE, age_in_days=-1), "greater than or equal to 0"),
        (rule(DELETE, matches_storage_class=["GOLD"]), "GOLD"),
        ({"retention_policy": {"duration": "0s", "locked": True}}, "there is nothing to lock"),
        ({"retention_policy": {"duration": "500ms"}}, "whole seconds"),
        ({"retention_policy": {"locked": True}}, "duration: is missing"),
        ({"soft_delete_policy": {"duration": "6d"}}, "write 0s, or from 7d to 90d"),
        ({"soft_delete_policy": {"duration": "91d"}}, "from 0s to 90d is allowed"),
        ({"default_kms_key_name": "key"}, "use projects/P/locations/L/keyRings/R/cryptoKeys/K"),
        ({"autoclass": {}, "storage_class": "NEARLINE"}, "with autoclass objects begin as STANDARD"),
        (
            {"autoclass": {}, **rule({"type": "SetStorageClass", "storage_class": "NEARLINE"}, age_in_days=1)},
            "with autoclass no rule may speak of classes",
        ),
        ({"autoclass": {}, **rule(DELETE, matches_storage_class=["NEARLINE"])}, "no rule may speak of classes"),
        ({"autoclass": {"terminal_storage_class": "COLDLINE"}}, "use 'NEARLINE' or 'ARCHIVE'"),
    ],
)
def test_what_no_bucket_can_have_is_refused(data: dict[str, Any], told: str) -> None:
    with pytest.raises(DocumentError) as refused:
        bucket(**data)
    assert told in str(refused.value)


def test_autoclass_that_is_off_forbids_nothing() -> None:
    bucket(autoclass={"enabled": False}, storage_class="NEARLINE")
