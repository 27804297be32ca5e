"""What owners may set, and how patches change it."""

from typing import Any

import pytest

from localcloud.rest import HttpError
from localcloud.storage.settings import checked_bucket, checked_object, location_type, merged

UPLOADS = "AbortIncompleteMultipartUpload"


def test_a_patch_replaces_merges_and_takes_away() -> None:
    before = {"a": 1, "b": {"x": 1, "y": 2}, "c": [1]}
    assert merged(before, {"a": None, "b": {"x": None, "z": 3}, "c": [2]}) == {"b": {"y": 2, "z": 3}, "c": [2]}
    assert before == {"a": 1, "b": {"x": 1, "y": 2}, "c": [1]}


def test_a_new_bucket_gets_googles_defaults() -> None:
    settings = checked_bucket({}, {}, 0.0)
    assert (settings["location"], settings["storageClass"]) == ("US", "STANDARD")
    assert settings["iamConfiguration"]["publicAccessPrevention"] == "inherited"
    assert settings["iamConfiguration"]["uniformBucketLevelAccess"] == {"enabled": False}
    assert settings["softDeletePolicy"]["retentionDurationSeconds"] == "604800"


def test_uniform_access_says_when_it_becomes_permanent() -> None:
    wanted = {"iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}}}
    access = checked_bucket(wanted, {}, 0.0)["iamConfiguration"]["uniformBucketLevelAccess"]
    assert access == {"enabled": True, "lockedTime": "1970-04-01T00:00:00.000Z"}


@pytest.mark.parametrize(
    "settings",
    [
        {"location": "the moon"},
        {"storageClass": "GOLD"},
        {"labels": {"Upper": "x"}},
        {"labels": {"1x": "x"}},
        {"labels": {"x": "a b"}},
        {"labels": {"x": "X"}},
        {"lifecycle": {"rule": [{"action": {"type": "Explode"}, "condition": {"age": 1}}]}},
        {"lifecycle": {"rule": [{"action": {"type": "SetStorageClass"}, "condition": {"age": 1}}]}},
        {"lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {}}]}},
        {"lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {"agee": 1}}]}},
        {"lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {"age": -1}}]}},
        {"lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {"isLive": 1}}]}},
        {"lifecycle": {"rule": [{"action": {"type": UPLOADS}, "condition": {"isLive": True}}]}},
        {
            "autoclass": {"enabled": True},
            "lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {"matchesStorageClass": ["NEARLINE"]}}]},
        },
        {"autoclass": {"enabled": True, "terminalStorageClass": "COLDLINE"}},
        {"iamConfiguration": {"publicAccessPrevention": "perhaps"}},
        {"retentionPolicy": {"retentionPeriod": "0"}},
        {"retentionPolicy": {}},
        {"softDeletePolicy": {"retentionDurationSeconds": "60"}},
    ],
)
def test_settings_that_google_refuses(settings: dict[str, Any]) -> None:
    with pytest.raises(HttpError) as refused:
        checked_bucket(settings, {}, 0.0)
    assert refused.value.status == 400


def test_a_bucket_stays_where_it_is() -> None:
    before = checked_bucket({"location": "EU"}, {}, 0.0)
    with pytest.raises(HttpError, match="location"):
        checked_bucket({**before, "location": "US"}, before, 0.0)


def test_a_locked_retention_policy_only_grows() -> None:
    before = checked_bucket({"retentionPolicy": {"retentionPeriod": "100"}}, {}, 0.0)
    before["retentionPolicy"]["isLocked"] = True
    longer = checked_bucket({**before, "retentionPolicy": {"retentionPeriod": "200"}}, before, 1.0)
    assert longer["retentionPolicy"]["isLocked"]
    for settings in ({**before, "retentionPolicy": {"retentionPeriod": "50"}}, {"location": "US"}):
        with pytest.raises(HttpError) as refused:
            checked_bucket(settings, before, 1.0)
        assert refused.value.status == 403


@pytest.mark.parametrize(
    ("location", "expected"), [("EU", "multi-region"), ("NAM4", "dual-region"), ("EUROPE-WEST1", "region")]
)
def test_location_types(location: str, expected: str) -> None:
    assert location_type(location) == expected


@pytest.mark.parametrize("settings", [{"metadata": {"a": 1}}, {"metadata": []}, {"storageClass": "GOLD"}])
def test_object_settings_that_google_refuses(settings: dict[str, Any]) -> None:
    with pytest.raises(HttpError) as refused:
        checked_object(settings)
    assert refused.value.status == 400
