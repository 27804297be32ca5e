"""What Cloud Storage costs."""

import pytest

from director.estimate.estimate import Line
from tests.director.estimate.plants import TOPICS, gaps, lines, plant, usage

GIB_A_DAY = 100 * 500 * 86400 / 2**30
MONTH = 730 / 24  # days


def bucket(more: str = "", producers: str = "[{name: job, lookup: {key: bucket}}]") -> str:
    return f"""
gcs_buckets:
  - name: plant-files
    producers: {producers}
{more}
"""


def rules(*each: str) -> str:
    return "    lifecycle_rules:\n" + "\n".join(f"      - {{{one}}}" for one in each)


DELETE_200 = "action: {type: Delete}, condition: {age_in_days: 200}"
COLDER_30 = "action: {type: SetStorageClass, storage_class: COLDLINE}, condition: {age_in_days: 30}"
NEARER_60 = "action: {type: SetStorageClass, storage_class: NEARLINE}, condition: {age_in_days: 60}"
OLD_VERSIONS = "action: {type: Delete}, condition: {age_in_days: 1, num_newer_versions: 1}"


def costs(resources: str, **said: object) -> dict[str, Line]:
    found = lines(plant(TOPICS + resources), usage(buckets={"plant-files": said}) if said else usage())
    return {what: line for (name, what), line in found.items() if name == "plant-files"}


def stored(resources: str, **said: object) -> dict[str, float]:
    """Days of data in each class."""
    found = costs(resources, **said).items()
    return {what: line.quantity / GIB_A_DAY for what, line in found if what.startswith("stored")}


def test_without_a_rule_one_month_is_stored_or_what_the_usage_says() -> None:
    assert stored(bucket()) == {"stored as STANDARD": pytest.approx(MONTH)}
    assert stored(bucket(), stored_months=6.0) == {"stored as STANDARD": pytest.approx(6 * MONTH)}
    assert stored(bucket(), stored_share=0.1) == {"stored as STANDARD": pytest.approx(0.1 * MONTH)}


def test_rules_delete_and_move_by_age_and_only_to_colder_classes() -> None:
    found = stored(bucket(rules(DELETE_200, COLDER_30, NEARER_60)))
    assert found == {"stored as STANDARD": pytest.approx(30), "stored as COLDLINE": pytest.approx(170)}


def test_rules_with_other_conditions_are_not_counted() -> None:
    assert stored(bucket(rules(OLD_VERSIONS))) == {"stored as STANDARD": pytest.approx(MONTH)}


def test_what_nobody_may_delete_is_stored_that_long() -> None:
    held = bucket(rules(DELETE_200) + "\n    retention_policy: {duration: 365d}")
    assert stored(held) == {"stored as STANDARD": pytest.approx(365)}


def test_what_was_deleted_is_stored_while_it_can_be_brought_back() -> None:
    soft = "\n    soft_delete_policy: {duration: 30d}"
    assert stored(bucket(rules(DELETE_200) + soft)) == {"stored as STANDARD": pytest.approx(230)}
    assert stored(bucket(soft)) == {"stored as STANDARD": pytest.approx(MONTH)}


def test_in_several_regions_the_other_table_holds_and_writes_are_replicated() -> None:
    here, there = costs(bucket()), costs(bucket("    location: EU\n    storage_class: NEARLINE"))
    assert here["stored as STANDARD"].price == "storage.region.standard_gib_month"
    assert there["stored as NEARLINE"].price == "storage.multi_region.nearline_gib_month"
    assert there["replicated"].quantity == pytest.approx(MONTH * GIB_A_DAY)
    assert "replicated" not in here


def test_objects_that_services_write_are_told_by_people() -> None:
    assert "buckets.plant-files.objects_per_hour" in gaps(plant(TOPICS + bucket()))["plant-files", "objects written"]
    written = costs(bucket("    storage_class: ARCHIVE"), objects_per_hour=60.0)["objects written"]
    assert (written.quantity, written.price) == (43.8, "storage.region.archive_writes_thousand")


@pytest.mark.parametrize(
    ("way", "per_second"),
    [
        ("max_duration: 5m", 1 / 300),
        ("max_duration: 5m, max_bytes: 1000000", 1 / 20),  # 50,000 bytes a second
        ("max_duration: 5m, max_messages: 1000", 1 / 10),  # 100 messages a second
    ],
)
def test_pubsub_writes_an_object_whenever_it_finishes_one(way: str, per_second: float) -> None:
    export = f"""
  - name: to-files
    topic: readings
    ack_deadline_seconds: 600
    cloud_storage: {{bucket: plant-files, {way}}}
"""
    found = lines(plant(TOPICS + export + bucket(producers="[]")))["plant-files", "objects written"]
    assert found.quantity == pytest.approx(per_second * 730 * 3600 / 1000)


def test_a_bucket_nobody_writes_to_is_told() -> None:
    found = gaps(plant(TOPICS + bucket(producers="[]")))
    assert found["plant-files", "objects"] == "nothing is assumed to be written to it"
