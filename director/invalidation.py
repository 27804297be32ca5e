"""Changes to a register told to those who cache it: one Pub/Sub message for each document. PUBLIC, light imports.

The message has no data; its attributes name the collection and the document, and when the change was made by
Firestore's clock (`update_time` of the write). What was read before that time is out of date.
"""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime

from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.types import PubsubMessage

log = logging.getLogger(__name__)

COLLECTION = "invalidation.collection"
KEY = "invalidation.key"
UPDATED_AT = "invalidation.updated_at"  # RFC 3339 with microseconds, UTC
MESSAGES_PER_REQUEST = 1_000
PUBLISH_SECONDS = 20.0


def invalidation(collection: str, key: str, updated_at: datetime) -> dict[str, str]:
    """The attributes of a message that tells of one change."""
    moment = updated_at.astimezone(UTC)
    return {COLLECTION: collection, KEY: key, UPDATED_AT: f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"}


class Invalidations:
    """Publishes changes to `pubsub_topic`, after they were made."""

    def __init__(self, publisher: PublisherClient, pubsub_topic: str) -> None:
        self._publisher = publisher
        self._topic = pubsub_topic

    def publish(self, collection: str, changes: Mapping[str, datetime]) -> None:
        """Tells of `changes`: when each document was changed.

        Where Pub/Sub does not take them, they are logged and go untold: the change itself is made, and caches see it
        when what they have is past its time.
        """
        messages = [PubsubMessage(attributes=invalidation(collection, key, at)) for key, at in changes.items()]
        for start in range(0, len(messages), MESSAGES_PER_REQUEST):
            part = messages[start : start + MESSAGES_PER_REQUEST]
            try:
                self._publisher.publish(topic=self._topic, messages=part, timeout=PUBLISH_SECONDS)
            except (GoogleAPICallError, RetryError) as error:
                log.error("%d changes of %s go untold on %s: %s", len(part), collection, self._topic, error)
