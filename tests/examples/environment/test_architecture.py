"""The example as the director makes it: what Pub/Sub, BigQuery and Cloud Storage do among themselves."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from beam_jobs.enrichment.rollups import rollup
from beam_jobs.enrichment.tallies import Group, Reading, Tally
from bridge import envelope
from director.addressing import retry_filter
from director.documents.loading import load
from director.provisioning.clients import Clients
from director.provisioning.provisioner import Provisioner
from director.resources.catalogue import providers, wanted
from director.retries import Retries
from localcloud.cloud import LocalCloud, in_thread

ARCHITECTURE = Path(__file__).parents[3] / "examples" / "environment" / "architecture.yaml"
DATASET = "local-project.telemetry"
START = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)

Eventually = Callable[..., None]


@pytest.fixture(scope="module")
def made() -> Iterator[LocalCloud]:
    """The whole example on a cloud of its own."""
    with in_thread() as cloud:
        yield cloud


@pytest.fixture
def clients(made: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clients]:
    for name, value in made.variables().items():
        monkeypatch.setenv(name, value)
    with Clients.open("local-project") as opened:
        blueprint = load(ARCHITECTURE)
        report = Provisioner(providers(opened, blueprint), Retries()).apply(wanted(blueprint, "environment"))
        assert [outcome for outcome in report if not outcome.good] == []
        yield opened


def publish(clients: Clients, topic: str, data: bytes, attributes: Mapping[str, str]) -> str:
    name = f"projects/local-project/topics/{topic}"
    return str(
        clients.publisher.publish(topic=name, messages=[{"data": data, "attributes": attributes}]).message_ids[0]
    )


def rows(clients: Clients, query: str) -> Sequence[Mapping[str, Any]]:
    return [dict(row.items()) for row in clients.bigquery.query_and_wait(query)]


def pulled(clients: Clients, subscription: str) -> list[bytes]:
    name = f"projects/local-project/subscriptions/{subscription}"
    found = clients.subscriber.pull(subscription=name, max_messages=100).received_messages
    if found:
        clients.subscriber.acknowledge(subscription=name, ack_ids=[each.ack_id for each in found])
    return [each.message.data for each in found]


def test_dead_letters_lie_in_bigquery_with_their_bytes_and_reason(clients: Clients, eventually: Eventually) -> None:
    attributes = {"dead_letter.reason": "schema", "dead_letter.stage": "warehouse", "ce-id": "1"}
    number = publish(clients, "dead-letters", b"\x00\xff", attributes)
    query = f"SELECT message_id, data, attributes FROM {DATASET}.dead_letters"  # noqa: S608 - own names
    eventually(lambda: rows(clients, query))
    assert rows(clients, query) == [{"message_id": number, "data": b"\x00\xff", "attributes": attributes}]
    by_reason = f"{query} WHERE JSON_VALUE(attributes, '$.\"dead_letter.reason\"') = 'schema'"
    assert len(rows(clients, by_reason)) == 1


@pytest.mark.parametrize(
    ("topic", "subscriptions"),
    [("ingestion", ["ingestion-enrichment"]), ("enriched", ["enriched-warehouse", "enriched-archive"])],
)
def test_what_is_tried_again_reaches_only_whom_it_is_for(
    clients: Clients, topic: str, subscriptions: Sequence[str]
) -> None:
    publish(clients, topic, b"plain", {"ce-id": "1"})
    publish(clients, topic, b"tried again further up", {"ce-id": "2", "retry.to": "elsewhere/somebody"})
    for subscription in (*subscriptions, "nobody"):
        publish(clients, topic, subscription.encode(), {"ce-id": "3", "retry.to": f"{topic}/{subscription}"})
    for subscription in subscriptions:
        found = pulled(clients, subscription)
        assert sorted(found) == sorted([b"plain", b"tried again further up", subscription.encode()])


def test_the_filters_are_those_that_the_desk_of_dead_letters_asks_for() -> None:
    filters = {
        one.name: (one.topic, one.filter)
        for one in load(ARCHITECTURE).architecture.dataflows["environment"].resources.subscriptions
        if one.filter
    }
    assert len(filters) == 3
    assert all(retry_filter(topic, name) == text for name, (topic, text) in filters.items())


def test_each_message_shows_once_as_it_was_first_written(clients: Clients) -> None:
    common = {"device": "device-0001", "event_time": datetime.now(UTC).isoformat()}
    copies = [
        {**common, "ce_id": name, "written_at": f"2026-01-02T12:00:0{second}Z", "location": str(second)}
        for name, second in (("a", 2), ("a", 1), ("b", 3))
    ]
    assert clients.bigquery.insert_rows_json(f"{DATASET}.environment", copies) == []
    query = f"SELECT ce_id, location FROM {DATASET}.environment_once ORDER BY ce_id"  # noqa: S608 - own names
    assert rows(clients, query) == [{"ce_id": "a", "location": "1"}, {"ce_id": "b", "location": "3"}]


def test_rollups_become_rows_and_their_panes_are_added_up_once(clients: Clients, eventually: Eventually) -> None:
    group = Group("device-1", "temperature", "2026-01-02T12:00:00Z", "2026-01-02T12:01:00Z", keeps=True)

    def pane(*readings: tuple[float, int]) -> tuple[bytes, Mapping[str, str]]:
        micros = int(START.timestamp()) * 1_000_000
        tally = Tally.of([Reading(value, micros + second * 1_000_000, False, second) for value, second in readings])
        made = envelope.parse(rollup(group, tally, "//pubsub.googleapis.com/projects/p/subscriptions/s"))
        return made.data, dict(made.attributes)

    first, second = pane((20.5, 1), (19.0, 5)), pane((21.0, 3), (18.5, 9))
    for data, attributes in (first, second, first):
        publish(clients, "rollups", data, attributes)
    count = f"SELECT COUNT(*) AS count FROM {DATASET}.rollup_messages"  # noqa: S608 - own names
    eventually(lambda: rows(clients, count) == [{"count": 3}])
    assert rows(clients, f"SELECT * FROM {DATASET}.rollup_windows") == [  # noqa: S608 - own names
        {
            "device": "device-1",
            "field": "temperature",
            "window_start": START,
            "window_end": START.replace(minute=1),
            "count": 4,
            "sum": 79.0,
            "min": 18.5,
            "max": 21.0,
            "mean": 19.75,
            "last": 18.5,
            "last_time": START.replace(second=9),
            "late": 0,
            "panes": 2,
        }
    ]


def test_dead_letters_are_archived_with_their_metadata(
    made: LocalCloud, clients: Clients, eventually: Eventually
) -> None:
    publish(clients, "dead-letters", json.dumps({"a": 1}).encode(), {"ce-id": "9"})

    def archived() -> bool:
        made.clock.advance(60)
        return any(True for _ in clients.storage.list_blobs("environment-archive-dead-letters", prefix="environment/"))

    eventually(archived)


def test_the_enrichment_hears_of_changed_devices(clients: Clients) -> None:
    blueprint = load(ARCHITECTURE)
    config = blueprint.configurations["environment", "enrichment"].config
    assert config["invalidation_topic"] == "projects/local-project/topics/invalidations"
    reader = "projects/local-project/subscriptions/hears-changes"
    clients.subscriber.create_subscription(name=reader, topic=config["invalidation_topic"])
    clients.firestore.collection("devices").document("device-0001").delete()
    Provisioner(providers(clients, blueprint), Retries()).apply(wanted(blueprint, "environment"))
    (told,) = clients.subscriber.pull(subscription=reader, max_messages=10).received_messages
    assert told.message.attributes["invalidation.key"] == "device-0001"
