"""Messages that are published to a topic for one of its subscriptions alone. PUBLIC, no imports.

The subscription's filter takes what is addressed to nobody on its topic, and what is addressed to it. An address names
the topic as well, because attributes stay with a message: on the topic behind the next job it is nobody's address.
Retries of dead letters and replays of the archive go this way.
"""

RETRY_TO, RETRY_ATTEMPT = "retry.to", "retry.attempt"  # attributes: whom a message is for, and which try it is


def address(pubsub_topic: str, subscription: str) -> str:
    """What `retry.to` says, of full names."""
    return f"{_id(pubsub_topic)}/{_id(subscription)}"


def retry_filter(pubsub_topic: str, subscription: str) -> str:
    """The filter that a subscription needs, so that it sees nothing that is meant for another.

    cloud.google.com/pubsub/docs/subscription-message-filter; keys with dots stand in quotes.
    """
    key = f'attributes."{RETRY_TO}"'
    return f'NOT hasPrefix({key}, "{_id(pubsub_topic)}/") OR {key} = "{address(pubsub_topic, subscription)}"'


def holds(found: str, wanted: str) -> bool:
    """Whether a subscription's filter contains the wanted one, however it is spaced."""
    return wanted in " ".join(found.split())


def _id(name: str) -> str:
    return name.rpartition("/")[2]
