"""One AppendRows call: requests go out one after the other, answers come back in the same order.

The client library's AppendRowsStream is not used: its futures poll for their result with growing pauses, which takes
half a second a request, and it breaks after minutes of idleness.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

import grpc
from google.cloud.bigquery_storage_v1 import types

from bridge import envelope

APPEND_ROWS = "/google.cloud.bigquery.storage.v1.BigQueryWrite/AppendRows"

_Request: Any = type(types.AppendRowsRequest.pb(types.AppendRowsRequest()))
_Data: Any = type(types.AppendRowsRequest.ProtoData.pb(types.AppendRowsRequest.ProtoData()))
_Response: Any = type(types.AppendRowsResponse.pb(types.AppendRowsResponse()))


class Lost(Exception):
    """The connection, or the service behind it, did not answer; `status` is a gRPC status name."""

    def __init__(self, status: str, details: str, timed_out: bool = False) -> None:
        super().__init__(f"{status}: {details}")
        self.status = status
        self.details = details
        self.timed_out = timed_out


def append_request(start: bytes, schema: bytes, rows: Sequence[bytes]) -> bytes:
    """A serialised `AppendRowsRequest`: its other fields, the writer's schema as a `ProtoData`, and the rows.

    Put together by hand: protobuf would copy every row twice, which takes half as long as encoding it.

        AppendRowsRequest = field 4: ProtoData    ProtoData = field 2: ProtoRows    ProtoRows = field 1: row, repeated
    """
    framed = [b""] * (2 * len(rows))
    framed[::2] = [b"\x0a" + envelope.length(len(row)) for row in rows]
    framed[1::2] = rows
    size = sum(map(len, framed))
    head = b"\x12" + envelope.length(size)
    return b"".join((start, b"\x22", envelope.length(len(schema) + len(head) + size), schema, head, *framed))


class Connection:
    """An open call on the default stream of a table. Used by one thread at a time."""

    def __init__(self, channel: grpc.Channel, stream: str, descriptor: Any) -> None:
        first = _Request(write_stream=stream)
        schema = _Data()
        schema.writer_schema.proto_descriptor.CopyFrom(descriptor)
        self._start, self._schema = first.SerializeToString(), schema.SerializeToString()  # of the first request only
        self._requests: SimpleQueue[Any] = SimpleQueue()
        call: Any = channel.stream_stream(APPEND_ROWS, None, _Response.FromString)
        metadata = (("x-goog-request-params", f"write_stream={stream}"),)
        self._responses: Any = call(iter(self._requests.get, None), metadata=metadata)
        self._timed_out = False
        self._used = time.monotonic()
        self.proven = False  # it has carried rows

    @property
    def idle_seconds(self) -> float:
        return time.monotonic() - self._used

    def send(self, rows: Sequence[bytes]) -> None:
        self._requests.put(append_request(self._start, self._schema, rows))
        self._start = self._schema = b""

    def answer(self) -> Any:
        """The response to the oldest request that has none yet. Raises Lost."""
        try:
            response = next(self._responses)
        except grpc.RpcError as error:
            raise Lost(error.code().name, error.details() or "", self._timed_out) from error
        except StopIteration as error:
            raise Lost("UNAVAILABLE", "the service closed the connection") from error
        self._used = time.monotonic()
        return response

    @contextmanager
    def limited(self, seconds: float) -> Iterator[None]:
        """Gives the call up where the block takes longer: answers have no deadline of their own."""
        watchdog = threading.Timer(seconds, self._give_up)
        watchdog.daemon = True
        watchdog.start()
        try:
            yield
        finally:
            watchdog.cancel()

    def close(self) -> None:
        self._requests.put(None)
        self._responses.cancel()

    def _give_up(self) -> None:
        self._timed_out = True
        self._responses.cancel()
