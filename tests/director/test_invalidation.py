"""A change to a register is told in attributes; where it cannot be, that is logged and nothing fails."""

import logging
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from director.documents.loading import load
from director.invalidation import Invalidations, invalidation
from director.provisioning.clients import Clients
from director.resources.catalogue import providers, wanted
from director.strict import DocumentError
from localcloud.cloud import LocalCloud
from localcloud.faults import Fault

AT = datetime(2026, 1, 2, 3, 4, 5, 6, UTC)
TOPIC = "projects/test-project/topics/device-changes"


def test_a_change_names_collection_document_and_time() -> None:
    expected = {
        "invalidation.collection": "devices",
        "invalidation.key": "d-1",
        "invalidation.updated_at": "2026-01-02T03:04:05.000006Z",
    }
    assert invalidation("devices", "d-1", AT) == expected
    assert invalidation("devices", "d-1", AT.astimezone(timezone(timedelta(hours=2)))) == expected


def test_a_collection_tells_its_changes_on_a_topic_of_its_dataflow(document: Path, clients: Clients) -> None:
    told = "        - name: devices\n          invalidation_topic: "
    text = document.read_text()
    document.write_text(text.replace("        - name: devices\n", told + "raedings\n"))
    with pytest.raises(DocumentError, match="invalidation_topic: no topic 'raedings' here; did you mean 'readings'"):
        load(document)
    document.write_text(text.replace("        - name: devices\n", told + "readings\n"))
    assert load(document).architecture.dataflows["air"].resources.firestore_collections[0].invalidation_topic
    seeded, project = providers(clients, load(document)), load(document).architecture.project_id
    topic, subscription = f"projects/{project}/topics/readings", f"projects/{project}/subscriptions/changes"
    clients.publisher.create_topic(name=topic)
    clients.subscriber.create_subscription(name=subscription, topic=topic)
    collection = next(one for one in wanted(load(document), "air") if one.kind == "firestore_collections")
    seeded["firestore_collections"].create(collection)
    received = clients.subscriber.pull(subscription=subscription, max_messages=10, timeout=10).received_messages
    assert sorted(one.message.attributes["invalidation.key"] for one in received) == ["d-1", "d-2"]


def test_each_document_is_a_message_however_many_there_are(clients: Clients) -> None:
    clients.publisher.create_topic(name=TOPIC)
    subscription = "projects/test-project/subscriptions/device-changes"
    clients.subscriber.create_subscription(name=subscription, topic=TOPIC)
    Invalidations(clients.publisher, TOPIC).publish("devices", {f"d-{number}": AT for number in range(2_500)})
    keys: set[str] = set()
    while len(keys) < 2_500:
        received = clients.subscriber.pull(subscription=subscription, max_messages=1_000, timeout=10).received_messages
        keys |= {one.message.attributes["invalidation.key"] for one in received}
        clients.subscriber.acknowledge(subscription=subscription, ack_ids=[one.ack_id for one in received])
    assert keys == {f"d-{number}" for number in range(2_500)}


def test_what_cannot_be_told_is_logged(clients: Clients, cloud: LocalCloud, caplog: pytest.LogCaptureFixture) -> None:
    cloud.faults.add(Fault(method="pubsub.Publish", code="PERMISSION_DENIED"))
    with caplog.at_level(logging.ERROR):
        Invalidations(clients.publisher, TOPIC).publish("devices", {"d-1": AT})
    assert "1 changes of devices go untold" in caplog.text
