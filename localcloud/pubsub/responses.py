"""What is sent to subscribers, as bytes: messages are copied in, not encoded again."""

from collections.abc import Iterable

from google.pubsub_v1.types import pubsub as types

from localcloud.pubsub import wire
from localcloud.pubsub.lanes import Delivery
from localcloud.rpc import pb

# The stock client takes no response above 4 MiB; a single larger message still goes out, alone.
LARGEST_RESPONSE = 3_900_000

StreamingPullResponse = pb(types.StreamingPullResponse)


def pull_response(deliveries: Iterable[Delivery], with_attempts: bool) -> bytes:
    parts: list[bytes] = []
    for delivery in deliveries:
        attempt = delivery.failures + 1 if with_attempts else 0
        parts += wire.received_message(delivery.ack_id, delivery.message.field, attempt)
    return b"".join(parts)


def streaming_pull_response(deliveries: Iterable[Delivery], with_attempts: bool, properties: bytes) -> bytes:
    return pull_response(deliveries, with_attempts) + properties


def properties(exactly_once: bool, ordered: bool) -> bytes:
    """The rest of a StreamingPullResponse: what the client has to know of the subscription."""
    response = StreamingPullResponse()
    response.subscription_properties.exactly_once_delivery_enabled = exactly_once
    response.subscription_properties.message_ordering_enabled = ordered
    return response.SerializeToString()  # type: ignore[no-any-return]
