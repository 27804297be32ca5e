"""What Pub/Sub costs: each byte when it is published and for each subscription, and what topics keep. Pure."""

from collections.abc import Iterator
from datetime import timedelta

from director.documents.specs.pubsub import Subscription, Topic
from director.estimate.charges import Charge, Item, Scene, Unpriced, tib_a_month
from director.estimate.units import GIB
from director.strict import written


def topic(scene: Scene, item: Item) -> Iterator[Charge | Unpriced]:
    spec: Topic = item.spec
    told = scene.flow.topics[spec.name]
    if not told.rate.messages:
        yield Unpriced("messages", told.why)
        return
    yield Charge("published", "pubsub.throughput_tib", tib_a_month(told.rate), str(told))
    retention = spec.message_retention_duration
    if retention:
        yield _stored("retained", told.rate.bytes, retention)
    for service in dict.fromkeys(link.name for link in spec.consumers):
        what = f"delivered to {service}"
        assumption = f"{told}; one subscription of its own"
        yield Charge(what, "pubsub.throughput_tib", tib_a_month(told.rate), assumption)


def subscription(scene: Scene, item: Item) -> Iterator[Charge | Unpriced]:
    spec: Subscription = item.spec
    told = scene.flow.topics[spec.topic]
    if not told.rate.messages:
        yield Unpriced("messages", f"nothing is assumed to come from topic {spec.topic}")
        return
    what, price = _delivery(spec)
    yield Charge(what, price, tib_a_month(told.rate), f"{told.rate}, all that topic {spec.topic} gets")
    beyond = spec.message_retention_duration - _retained(scene, spec.topic)
    if spec.retain_acked_messages and beyond > timedelta():
        yield _stored("acknowledged and retained", told.rate.bytes, beyond)


def _delivery(spec: Subscription) -> tuple[str, str]:
    if spec.bigquery:
        return "delivered to BigQuery", "pubsub.bigquery_export_tib"
    if spec.cloud_storage:
        return "delivered to Cloud Storage", "pubsub.storage_export_tib"
    return "pushed" if spec.push else "pulled", "pubsub.throughput_tib"


def _retained(scene: Scene, topic: str) -> timedelta:
    """What the topic keeps, subscriptions need not pay again."""
    spec: Topic = next(one for one in scene.resources.topics if one.name == topic)
    return spec.message_retention_duration or timedelta()


def _stored(what: str, bytes_per_second: float, retention: timedelta) -> Charge:
    quantity = bytes_per_second * retention.total_seconds() / GIB
    return Charge(what, "pubsub.storage_gib_month", quantity, f"the last {written(retention)}")
