"""The bridge one writes first: paho with manual acknowledgement and the stock PublisherClient, ack on its future.

python naive.py PORT CLIENT_ID PUBSUB_TOPIC HOLD_SECONDS
"""

import sys
import uuid
from datetime import UTC, datetime
from typing import Any

import paho.mqtt.client as mqtt
from google.cloud import pubsub_v1

FILTER = "sites/+/+"


def main(port: int, client_id: str, pubsub_topic: str, hold: float) -> None:
    publisher = pubsub_v1.PublisherClient(pubsub_v1.types.BatchSettings(max_messages=1_000, max_latency=hold))
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False, manual_ack=True)

    def subscribe(client: mqtt.Client, *_: Any) -> None:
        client.subscribe(FILTER, qos=1)

    def publish(client: mqtt.Client, _: Any, message: mqtt.MQTTMessage) -> None:
        future = publisher.publish(pubsub_topic, message.payload, **attributes(message))
        future.add_done_callback(lambda done: done.exception() or client.ack(message.mid, message.qos))

    client.on_connect, client.on_message = subscribe, publish
    client.connect("127.0.0.1", port)
    client.loop_forever()


def attributes(message: mqtt.MQTTMessage) -> dict[str, str]:
    """The platform's envelope, as one would write it down."""
    _, site, device = message.topic.split("/")
    now = datetime.now(UTC).isoformat()
    return {
        "ce-specversion": "1.0",
        "ce-type": "iot.telemetry",
        "ce-id": str(uuid.uuid4()),
        "ce-source": "mqtt://broker/routes/telemetry",
        "ce-subject": device,
        "ce-time": now,
        "content-type": "application/json",
        "mqtt.topic": message.topic,
        "mqtt.qos": str(message.qos),
        "mqtt.received_at": now,
        "capture.site": site,
        "capture.device": device,
    }


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4]))
