"""All of it in one: made by the director, written by Pub/Sub itself, found by the desk, back at the stage."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bridge import envelope
from director.addressing import retry_filter
from director.conductor.cli import main
from director.provisioning.clients import Clients
from localcloud.cloud import LocalCloud

PROJECT = f"desk-trip-{os.getpid()}"
STAGES = """\
      topics:
        - {name: enriched}
        - name: dead-letters
          producers: [{name: warehouse, lookup: {key: dead_letter_topic}}]
      subscriptions:
        - name: enriched-warehouse
          topic: enriched
          filter: 'NOT hasPrefix(attributes."retry.to", "enriched/") OR attributes."retry.to" = "enriched/enriched-warehouse"'
          consumer_service: {name: warehouse, lookup: {key: subscription}}
        - name: enriched-archive
          topic: enriched
          filter: 'NOT hasPrefix(attributes."retry.to", "enriched/") OR attributes."retry.to" = "enriched/enriched-archive"'
        - name: dead-letters-bigquery
          topic: dead-letters
          bigquery: {table: dead_letters, write_metadata: true}
"""  # noqa: E501
DOCUMENT = f"""\
name: plant
project_id: {PROJECT}
region: europe-west1
location: EU
dataflows:
  air:
    services:
      warehouse: {{service_account: warehouse-sa}}
    resources:
{STAGES}
      bigquery_datasets:
        - name: telemetry
      bigquery_tables:
        - name: dead_letters
          dataset: telemetry
          time_partitioning_field: publish_time
          schema:
            - {{name: subscription_name, type: STRING}}
            - {{name: message_id, type: STRING}}
            - {{name: publish_time, type: TIMESTAMP}}
            - {{name: data, type: BYTES}}
            - {{name: attributes, type: JSON}}
        - name: dead_letter_decisions
          dataset: telemetry
          time_partitioning_field: decided_at
          schema:
            - {{name: message_id, type: STRING, mode: REQUIRED}}
            - {{name: decision, type: STRING, mode: REQUIRED}}
            - {{name: decided_at, type: TIMESTAMP, mode: REQUIRED}}
            - {{name: decided_by, type: STRING}}
            - {{name: target, type: STRING}}
            - {{name: note, type: STRING}}
"""
PAYLOADS = (b"", b"\x00\xff\xfe", bytes(range(256)), "é🌡".encode(), b'{"a": 1.0}', b"x" * 300_000)


@pytest.fixture
def google(cloud: LocalCloud) -> Iterator[Clients]:
    with Clients.open(PROJECT) as clients:
        yield clients


def test_what_a_stage_buried_is_back_at_it_byte_for_byte(
    google: Clients,
    letter: Callable[..., bytes],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    eventually: Callable[..., None],
) -> None:
    file = tmp_path / "architecture.yaml"
    file.write_text(DOCUMENT)
    where = ["--architecture", str(file)]
    assert main(["apply", str(file)]) == 0
    warehouse, archive = (f"projects/{PROJECT}/subscriptions/enriched-{stage}" for stage in ("warehouse", "archive"))
    subscription = google.subscriber.get_subscription(subscription=warehouse)
    assert subscription.filter == retry_filter(subscription.topic, warehouse)
    sent = [letter(warehouse, data=data, **{"ce-id": f"id-{n}", "mqtt.up.ü": "ø\n"}) for n, data in enumerate(PAYLOADS)]
    dead = f"projects/{PROJECT}/topics/dead-letters"
    google.publisher.publish(topic=dead, messages=[envelope.parse(one) for one in sent])
    capsys.readouterr()

    def listed() -> int:
        assert main(["dead-letters", "list", "--json", *where]) == 0
        return len(json.loads(capsys.readouterr().out)["letters"])

    eventually(lambda: listed() == len(PAYLOADS))
    assert main(["dead-letters", "retry", "--stage", "warehouse", *where]) == 0
    assert capsys.readouterr().out == f"{len(PAYLOADS)} retried\n"
    assert listed() == 0
    answer = google.subscriber.pull(subscription=warehouse, max_messages=100)
    back = {one.message.attributes["ce-id"]: one.message for one in answer.received_messages}
    assert {message_id: message.data for message_id, message in back.items()} == {
        f"id-{number}": data for number, data in enumerate(PAYLOADS)
    }
    assert dict(back["id-0"].attributes) == {
        "ce-specversion": "1.0",
        "ce-id": "id-0",
        "ce-subject": "device-1",
        "mqtt.up.ü": "ø\n",
        "retry.to": "enriched/enriched-warehouse",
        "retry.attempt": "2",
    }
    with pytest.deprecated_call():  # the one way to see that there is nothing
        request = {"subscription": archive, "max_messages": 100, "return_immediately": True}
        assert not google.subscriber.pull(request=request).received_messages
