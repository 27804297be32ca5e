"""What Pub/Sub costs."""

import pytest

from tests.director.estimate.plants import TOPICS, gaps, lines, plant, usage

TIB_A_MONTH = 100 * 500 * 730 * 3600 / 2**40
GIB_A_DAY = 100 * 500 * 86400 / 2**30
EXPORTS = """
  - name: to-rows
    topic: readings
    bigquery: {table: rows}
  - name: to-files
    topic: readings
    ack_deadline_seconds: 600
    cloud_storage: {bucket: plant-files}
  - name: to-web
    topic: readings
    push: {endpoint: https://example.com/push}
bigquery_datasets: [{name: telemetry}]
bigquery_tables: [{name: rows, dataset: telemetry, schema: [{name: data, type: BYTES}]}]
gcs_buckets: [{name: plant-files}]
"""


def test_each_byte_costs_when_it_is_published_and_once_for_each_subscription() -> None:
    found = lines(plant(TOPICS + EXPORTS))
    prices = {name: line.price for (name, _), line in found.items() if line.unit == "TiB"}
    assert prices == {
        "readings": "pubsub.throughput_tib",
        "readings-job": "pubsub.throughput_tib",
        "to-web": "pubsub.throughput_tib",
        "to-rows": "pubsub.bigquery_export_tib",
        "to-files": "pubsub.storage_export_tib",
    }
    assert all(line.quantity == pytest.approx(TIB_A_MONTH) for line in found.values() if line.unit == "TiB")


def test_a_filter_saves_nothing() -> None:
    filtered = TOPICS.replace("topic: readings\n", 'topic: readings\n    filter: attributes.a = "b"\n')
    assert lines(plant(filtered))["readings-job", "pulled"].quantity == pytest.approx(TIB_A_MONTH)


def test_a_topic_keeps_what_comes_during_its_retention() -> None:
    kept = TOPICS.replace("10m", "31d", 1)
    assert lines(plant(kept))["readings", "retained"].quantity == pytest.approx(31 * GIB_A_DAY)


def test_a_topic_that_retains_nothing_costs_nothing_for_it() -> None:
    kept = TOPICS.replace("    message_retention_duration: 10m\n", "", 1)
    assert ("readings", "retained") not in lines(plant(kept))


@pytest.mark.parametrize(("of_topic", "days"), [("10m", 7 - 10 / 1440), ("2d", 5), ("7d", None)])
def test_a_subscription_pays_for_what_it_keeps_beyond_its_topic(of_topic: str, days: float | None) -> None:
    kept = TOPICS.replace("10m", of_topic, 1).replace(
        "topic: readings\n", "topic: readings\n    retain_acked_messages: true\n"
    )
    found = lines(plant(kept)).get(("readings-job", "acknowledged and retained"))
    assert (found and found.quantity) == (days and pytest.approx(days * GIB_A_DAY))


def test_those_that_subscribe_by_themselves_are_delivered_to() -> None:
    read = TOPICS.replace("10m\n", "10m\n    consumers: [{name: store, lookup: {key: topic}}]\n", 1)
    assert lines(plant(read))["readings", "delivered to store"].quantity == pytest.approx(TIB_A_MONTH)


def test_what_gets_nothing_is_told_and_not_priced() -> None:
    found = gaps(plant(TOPICS), usage(0))
    assert set(found) == {("readings", "messages"), ("readings-job", "messages")}
