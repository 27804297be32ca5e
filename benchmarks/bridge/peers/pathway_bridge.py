"""Pathway's MQTT reader and Pub/Sub writer, with the persistence that makes its reader at-least-once.

    python pathway_bridge.py PORT CLIENT_ID PROJECT TOPIC FOLDER HOLD_MILLISECONDS

Its reader hands on the payload only, so topic and captures are not in what it publishes.
"""

import sys

import pathway as pw  # type: ignore[import-not-found]  # it has an environment of its own
from google.cloud import pubsub_v1


def main(port: str, client_id: str, project: str, topic: str, folder: str, hold: str) -> None:
    batches = pubsub_v1.types.BatchSettings(max_messages=1_000, max_latency=int(hold) / 1_000)
    publisher = pubsub_v1.PublisherClient(batches)
    table = pw.io.mqtt.read(
        f"mqtt://127.0.0.1:{port}/?client_id={client_id}",
        "sites/+/+",
        qos=1,
        format="raw",
        autocommit_duration_ms=int(hold),
        name="devices",
    )
    pw.io.pubsub.write(table, publisher, project, topic)
    pw.run(
        monitoring_level=pw.MonitoringLevel.NONE,
        persistence_config=pw.persistence.Config(
            pw.persistence.Backend.filesystem(folder), snapshot_interval_ms=int(hold)
        ),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
