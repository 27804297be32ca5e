"""A published message, and the Publish requests they come in."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.pubsub_v1.types import pubsub as types

from localcloud.pubsub import wire
from localcloud.rpc import invalid_argument, pb

PublishRequest = pb(types.PublishRequest)
PubsubMessage = pb(types.PubsubMessage)
ReceivedMessage = pb(types.ReceivedMessage)

OVERHEAD = 32  # at most so many bytes stand around a message in a response

# cloud.google.com/pubsub/quotas#resource_limits
MOST_MESSAGES = 1000
LARGEST_REQUEST = 10_000_000
MOST_ATTRIBUTES = 100
LONGEST_KEY = 256
LONGEST_VALUE = 1024
LONGEST_ORDERING_KEY = 1024
WIDEST_CHARACTER = 4  # bytes of UTF-8


class Message(NamedTuple):
    """One message, shared by all subscriptions.

    `number` is its id and gives the order of publishing, `published` is in seconds since 1970,
    `field` the encoded message framed as wire.framed does it.
    """

    number: int
    published: float
    ordering_key: str
    field: bytes

    def decoded(self) -> Any:
        return ReceivedMessage.FromString(self.field).message


def _split_publish_request() -> Any:
    """PublishRequest with its messages left as bytes, which is the same on the wire."""
    file = descriptor_pb2.FileDescriptorProto(name="localcloud/publish.proto", package="localcloud", syntax="proto3")
    message = file.message_type.add(name="SplitPublishRequest")
    field = descriptor_pb2.FieldDescriptorProto
    message.field.add(name="messages", number=2, type=field.TYPE_BYTES, label=field.LABEL_REPEATED)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("localcloud.SplitPublishRequest"))


_SplitPublishRequest = _split_publish_request()


class Publication:
    """A PublishRequest, decoded once; stands in as the request type of Publish."""

    def __init__(self, encoded: bytes) -> None:
        request = PublishRequest.FromString(encoded)
        self._encoded = encoded
        self.topic: str = request.topic
        self.contents: Sequence[Any] = request.messages

    @classmethod
    def FromString(cls, encoded: bytes) -> "Publication":
        return cls(encoded)

    def SerializeToString(self) -> bytes:
        return self._encoded

    def bodies(self) -> Sequence[bytes]:
        return _SplitPublishRequest.FromString(self._encoded).messages  # type: ignore[no-any-return]

    def check(self) -> None:
        """Raises INVALID_ARGUMENT for what Pub/Sub does not take; one bad message refuses all of them."""
        if len(self._encoded) > LARGEST_REQUEST:
            raise _too_large("request_size", len(self._encoded), LARGEST_REQUEST)
        if not self.contents:
            raise invalid_argument(
                "The value for message_count is too small. You passed 0 in the request, but the minimum value is 1."
            )
        if len(self.contents) > MOST_MESSAGES:
            raise _too_large("message_count", len(self.contents), MOST_MESSAGES)
        reserved_possible = b"goog" in self._encoded
        for content, body in zip(self.contents, self.bodies(), strict=True):
            _check_message(content, len(body), reserved_possible)
        ordering_key = self.contents[0].ordering_key
        if any(content.ordering_key != ordering_key for content in self.contents):
            raise invalid_argument(  # the service's own words are not known
                "All messages in a publish request must specify the same ordering_key value. "
                "Refer to https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1#pubsubmessage "
                "for more information."
            )


def published(contents: Iterable[Any], bodies: Iterable[bytes], number: int, nanoseconds: int) -> list[Message]:
    """The messages with ids from `number` on, all published at one time (since 1970)."""
    seconds, time = nanoseconds / 1e9, wire.publish_time(nanoseconds)
    return [
        Message(number, seconds, content.ordering_key, wire.framed_as_published(body, number, time))
        for number, (content, body) in enumerate(zip(contents, bodies, strict=True), number)
    ]


def republished(encoded: bytes) -> tuple[str, list[Message]]:
    """Topic and messages of a PublishRequest whose messages have their ids and times."""
    publication = Publication(encoded)
    return publication.topic, [
        Message(int(content.message_id), _seconds(content.publish_time), content.ordering_key, wire.framed(body))
        for content, body in zip(publication.contents, publication.bodies(), strict=True)
    ]


def _seconds(timestamp: Any) -> float:
    return timestamp.ToNanoseconds() / 1e9  # type: ignore[no-any-return]


def _check_message(content: Any, size: int, reserved_possible: bool) -> None:
    attributes = content.attributes
    data_size = len(content.data)
    if not (data_size or attributes):
        raise invalid_argument(
            "One or more messages in the publish request is empty. "
            "Each message must contain either non-empty data, or at least one attribute. "
            "Refer to https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1#pubsubmessage "
            "for more information."
        )
    if len(attributes) > MOST_ATTRIBUTES:
        raise _too_large("attribute_count", len(attributes), MOST_ATTRIBUTES)
    if len(content.ordering_key) * WIDEST_CHARACTER > LONGEST_ORDERING_KEY:
        _check_ordering_key(content.ordering_key)
    # Reading attributes one by one is slow, and most messages are far from any limit: ask for bounds first.
    attributes_size = size - data_size
    if reserved_possible or attributes_size > LONGEST_VALUE or _may_have_long_key(attributes, attributes_size):
        _check_attributes(attributes)


def _may_have_long_key(attributes: Any, size: int) -> bool:
    return size > LONGEST_KEY and max(map(len, attributes), default=0) * WIDEST_CHARACTER > LONGEST_KEY


def _check_attributes(attributes: Any) -> None:
    for key, value in attributes.items():
        if key.startswith("goog"):
            raise invalid_argument(f'The attribute key "{key}" is not valid: keys must not begin with "goog".')
        if len(key) * WIDEST_CHARACTER > LONGEST_KEY and len(key.encode()) > LONGEST_KEY:
            raise _too_long("key", key, len(key.encode()), LONGEST_KEY)
        if len(value) * WIDEST_CHARACTER > LONGEST_VALUE and len(value.encode()) > LONGEST_VALUE:
            raise _too_long("value", key, len(value.encode()), LONGEST_VALUE)


def _check_ordering_key(ordering_key: str) -> None:
    size = len(ordering_key.encode())
    if size > LONGEST_ORDERING_KEY:
        raise _too_large("ordering_key_size", size, LONGEST_ORDERING_KEY)


def _too_large(name: str, value: int, most: int) -> Exception:
    return invalid_argument(
        f"The value for {name} is too large. You passed {value} in the request, but the maximum value is {most}."
    )


def _too_long(part: str, key: str, size: int, most: int) -> Exception:
    return invalid_argument(
        f'The attribute "{key}" in the request has a {part} that is too long. The length is {size} bytes, but the '
        f"maximum allowed is {most}. Refer to https://cloud.google.com/pubsub/quotas for more information."
    )
