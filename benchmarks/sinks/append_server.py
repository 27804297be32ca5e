"""BigQuery's Storage Write API as far as a writer needs it, keeping nothing: the writer is what is measured.

`python -m benchmarks.sinks.append_server PORT` prints a line when it listens on loopback.
"""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.cloud.bigquery_storage_v1 import types

from benchmarks.sinks.mapping import COLUMNS
from localcloud.ports import HOST

SERVICE = "google.cloud.bigquery.storage.v1.BigQueryWrite"
OBSERVER = "benchmarks.Rows"
COUNT = f"/{OBSERVER}/Count"
LARGEST_REQUEST = 64 << 20
_TYPES = {"FLOAT64": "DOUBLE"}
_Request = type(types.AppendRowsRequest.pb(types.AppendRowsRequest()))


class Table:
    """Counts rows."""

    def __init__(self) -> None:
        self.rows = 0

    def append(self, requests: Iterator[Any], context: Any) -> Iterator[bytes]:
        answer = types.AppendRowsResponse.serialize(types.AppendRowsResponse(append_result={}))
        for request in requests:
            self.rows += len(request.proto_rows.rows.serialized_rows)
            yield answer

    def stream(self, request: bytes, context: Any) -> bytes:
        fields = [{"name": one.name, "type_": _TYPES.get(one.type, one.type), "mode": one.mode} for one in COLUMNS]
        return bytes(types.WriteStream.serialize(types.WriteStream(table_schema={"fields": fields})))

    def count(self, request: bytes, context: Any) -> bytes:
        return b"%d" % self.rows


def serve(port: int) -> Any:
    table = Table()
    server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.max_receive_message_length", LARGEST_REQUEST)])
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(
                SERVICE,
                {
                    "AppendRows": grpc.stream_stream_rpc_method_handler(table.append, _Request.FromString),
                    "GetWriteStream": grpc.unary_unary_rpc_method_handler(table.stream),
                },
            ),
            grpc.method_handlers_generic_handler(OBSERVER, {"Count": grpc.unary_unary_rpc_method_handler(table.count)}),
        )
    )
    server.add_insecure_port(f"{HOST}:{port}")
    server.start()
    return server


if __name__ == "__main__":
    running = serve(int(sys.argv[1]))
    print("listening", flush=True)
    running.wait_for_termination()
