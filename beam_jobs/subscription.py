"""A Pub/Sub subscription pulled in raw bytes: messages stay serialised, exactly as they travel on.

`PullResponse` is read through a message type of ours that has the same fields on the wire but keeps each message as
bytes.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.pubsub_v1.types import AcknowledgeRequest, ModifyAckDeadlineRequest, PullRequest

from beam_jobs.errors import of_status

log = logging.getLogger(__name__)

SERVICE = "/google.pubsub.v1.Subscriber/"
PULL_MESSAGES = 1_000
PULL_SECONDS, CALL_SECONDS = 30.0, 20.0
IDS_PER_REQUEST = 1_000  # a request may hold 512 KiB; real ack ids have some 200 bytes

# How a subscription with exactly-once delivery answers for an ack id that is no longer valid.
LEASE_ENDED = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION)

_PullRequest: Any = type(PullRequest.pb(PullRequest()))
_F = descriptor_pb2.FieldDescriptorProto


def _raw_pull_response() -> Any:
    """PullResponse with `received_messages.message` as bytes instead of PubsubMessage: the same on the wire."""
    file = descriptor_pb2.FileDescriptorProto(name="iot_dataflows/pull.proto", package="iot_dataflows", syntax="proto3")
    received = file.message_type.add(name="ReceivedMessage")
    received.field.add(name="ack_id", number=1, type=_F.TYPE_STRING, label=_F.LABEL_OPTIONAL)
    received.field.add(name="message", number=2, type=_F.TYPE_BYTES, label=_F.LABEL_OPTIONAL)
    response = file.message_type.add(name="PullResponse")
    response.field.add(
        name="received_messages",
        number=1,
        type=_F.TYPE_MESSAGE,
        type_name=".iot_dataflows.ReceivedMessage",
        label=_F.LABEL_REPEATED,
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("iot_dataflows.PullResponse"))


_PullResponse = _raw_pull_response()


@dataclass(frozen=True, slots=True)
class Received:
    """A message on loan, and the id to give it back with."""

    ack_id: str
    message: bytes


class Subscription:
    """Calls on one subscription. Raises RetryLater or Misconfigured."""

    def __init__(self, channel: grpc.Channel, name: str) -> None:
        self.name = name
        self._pull = _call(channel, "Pull", PullRequest, _PullResponse.FromString)
        self._acknowledge = _call(channel, "Acknowledge", AcknowledgeRequest)
        self._modify = _call(channel, "ModifyAckDeadline", ModifyAckDeadlineRequest)

    def pull(self, most: int = PULL_MESSAGES, wait: bool = True) -> list[Received]:
        """At most `most` messages; none where the service has none for a while, or now without `wait`."""
        request = _PullRequest(
            subscription=self.name, max_messages=min(most, PULL_MESSAGES), return_immediately=not wait
        )
        try:
            response = self._pull(request, timeout=PULL_SECONDS)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:  # how an idle subscription may answer
                return []
            raise self._error(error) from error
        return [Received(one.ack_id, one.message) for one in response.received_messages]

    def acknowledge(self, ack_ids: Sequence[str]) -> None:
        """A lease that has ended meanwhile is no error: that message comes again."""
        for part in _parts(ack_ids):
            request = AcknowledgeRequest.pb(AcknowledgeRequest(subscription=self.name, ack_ids=part))
            try:
                self._acknowledge(request, timeout=CALL_SECONDS)
            except grpc.RpcError as error:
                if error.code() not in LEASE_ENDED:
                    raise self._error(error) from error
                log.warning("leases on %s ended before the acknowledgement: %s", self.name, error.details())

    def extend(self, ack_ids: Sequence[str], seconds: int) -> None:
        """Keeps the loan for `seconds` from now; 0 gives the messages back at once."""
        for part in _parts(ack_ids):
            request = ModifyAckDeadlineRequest(subscription=self.name, ack_ids=part, ack_deadline_seconds=seconds)
            try:
                self._modify(ModifyAckDeadlineRequest.pb(request), timeout=CALL_SECONDS)
            except grpc.RpcError as error:
                raise self._error(error) from error

    def _error(self, error: grpc.RpcError) -> Exception:
        return of_status(error.code().name, self.name, error.details() or "")


def _call(channel: grpc.Channel, method: str, request_type: Any, decode: Any = None) -> Any:
    encode = type(request_type.pb(request_type())).SerializeToString
    return channel.unary_unary(SERVICE + method, encode, decode)


def _parts(ack_ids: Sequence[str]) -> list[Sequence[str]]:
    return [ack_ids[start : start + IDS_PER_REQUEST] for start in range(0, len(ack_ids), IDS_PER_REQUEST)]
