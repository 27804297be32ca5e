"""A message for one subscription alone: what it says, and the filter by which the others leave it."""

from director.addressing import address, holds, retry_filter

TOPIC, WAREHOUSE = "projects/p/topics/enriched", "projects/p/subscriptions/enriched-warehouse"


def test_an_address_names_topic_and_subscription_without_their_project() -> None:
    assert address(TOPIC, WAREHOUSE) == "enriched/enriched-warehouse"


def test_a_filter_keeps_out_what_is_for_another_subscription_of_the_topic() -> None:
    assert retry_filter(TOPIC, WAREHOUSE) == (
        'NOT hasPrefix(attributes."retry.to", "enriched/") OR attributes."retry.to" = "enriched/enriched-warehouse"'
    )


def test_a_filter_may_be_spaced_otherwise_and_be_part_of_a_longer_one() -> None:
    wanted = retry_filter(TOPIC, WAREHOUSE)
    spaced = wanted.replace(" OR ", "  OR\n")
    assert holds(f"({spaced}) AND attributes:x", wanted)
    assert not holds('attributes."retry.to" = "enriched/enriched-warehouse"', wanted)
