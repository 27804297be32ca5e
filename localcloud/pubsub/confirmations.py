"""How subscribers with exactly-once delivery learn which ack ids counted.

Source: cloud.google.com/pubsub/docs/exactly-once-delivery.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import grpc
from google.rpc import code_pb2, error_details_pb2, status_pb2

from localcloud.pubsub.responses import StreamingPullResponse
from localcloud.rpc import RpcError

_INVALID = (
    "Some acknowledgement ids in the request were invalid. This could be because the acknowledgement ids have expired "
    "or the acknowledgement ids were malformed."
)


def invalid_ack_ids(unknown: Iterable[str]) -> RpcError:
    """The error of a unary call; its details name each ack id."""
    info = error_details_pb2.ErrorInfo(
        reason="EXACTLY_ONCE_ACKID_FAILURE",
        domain="pubsub.googleapis.com",
        metadata=dict.fromkeys(unknown, "PERMANENT_FAILURE_INVALID_ACK_ID"),
    )
    status = status_pb2.Status(code=code_pb2.INVALID_ARGUMENT, message=_INVALID)
    status.details.add().Pack(info)
    trailers = (("grpc-status-details-bin", status.SerializeToString()),)
    return RpcError(grpc.StatusCode.INVALID_ARGUMENT, _INVALID, trailers)


def acknowledged(ack_ids: Sequence[str], unknown: Sequence[str]) -> bytes:
    """The response on a stream to acknowledgements."""
    response = StreamingPullResponse()
    _fill(response.acknowledge_confirmation, ack_ids, unknown)
    return response.SerializeToString()  # type: ignore[no-any-return]


def extended(ack_ids: Sequence[str], unknown: Sequence[str]) -> bytes:
    """The response on a stream to changed deadlines."""
    response = StreamingPullResponse()
    _fill(response.modify_ack_deadline_confirmation, ack_ids, unknown)
    return response.SerializeToString()  # type: ignore[no-any-return]


def _fill(confirmation: Any, ack_ids: Sequence[str], unknown: Sequence[str]) -> None:
    invalid = set(unknown)
    confirmation.ack_ids.extend(ack_id for ack_id in ack_ids if ack_id not in invalid)
    confirmation.invalid_ack_ids.extend(unknown)
