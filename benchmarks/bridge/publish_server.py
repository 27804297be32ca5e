"""Pub/Sub's Publish and nothing else, as cheap as Python allows: the same server for every contender of the race.

It counts the messages of a request by walking over its fields (no object is built), answers one id for each and keeps
nothing. That costs about 1 us a message in requests of 1,000, where localcloud's full server costs about 6 us: at
100,000/s that would be more than half of one of two cores, and the server would be what is measured. For latency and
for checking content it keeps requests with the time at which they came, from `Record` until `Recorded`, and looks into
them only then.

`python -m benchmarks.bridge.publish_server PORT` prints a line when it listens on loopback.
"""

import asyncio
import json
import re
import sys
import time
from typing import Any

import grpc

from localcloud.ports import HOST

PUBLISHER, OBSERVER = "google.pubsub.v1.Publisher", "benchmarks.Observer"
LARGEST_REQUEST = 64 << 20
FIRST_ID = 10**15
MESSAGES = 0x12  # field 2 of a PublishRequest
STAMP = re.compile(rb"sent\W+(\d{19})\W+serial\W+(\d+)")  # as sent, and as text inside another JSON document


class Received:
    """What was published since the start."""

    def __init__(self) -> None:
        self.messages = 0
        self.requests = 0
        self.kept: list[tuple[int, bytes]] | None = None

    async def publish(self, request: bytes, context: Any) -> bytes:
        if self.kept is not None:
            self.kept.append((time.time_ns(), request))
        first = FIRST_ID + self.messages
        self.messages += messages_in(request)
        self.requests += 1
        return b"".join([b"\x0a\x10%d" % number for number in range(first, FIRST_ID + self.messages)])

    async def count(self, request: bytes, context: Any) -> bytes:
        return json.dumps({"messages": self.messages, "requests": self.requests}).encode()

    async def record(self, request: bytes, context: Any) -> bytes:
        self.kept = []
        return b""

    async def recorded(self, request: bytes, context: Any) -> bytes:
        kept, self.kept = self.kept or [], None
        return json.dumps(content(kept)).encode()


def messages_in(request: bytes) -> int:
    """How many messages a serialised PublishRequest holds."""
    messages, position, end = 0, 0, len(request)
    while position < end:
        messages += request[position] == MESSAGES
        length, shift, position = request[position + 1], 7, position + 2
        if length > 127:
            length &= 127
            while request[position] > 127:
                length |= (request[position] & 127) << shift
                shift, position = shift + 7, position + 1
            length |= request[position] << shift
            position += 1
        position += length
    return messages


def content(kept: list[tuple[int, bytes]]) -> dict[str, Any]:
    """Nanoseconds from device to here by serial number (first copies), and the attributes that all messages have."""
    from google.pubsub_v1.types import PublishRequest

    parse = PublishRequest.pb(PublishRequest()).FromString
    delays: dict[int, int] = {}
    names: set[str] | None = None
    for came, request in kept:
        for message in parse(request).messages:
            stamp = STAMP.search(message.data)
            if stamp:
                delays.setdefault(int(stamp[2]), came - int(stamp[1]))
                names = set(message.attributes) if names is None else names & set(message.attributes)
    return {"delays": sorted(delays.items()), "attributes": sorted(names or ())}


def service(name: str, methods: dict[str, Any]) -> "grpc.GenericRpcHandler[Any, Any]":
    handlers = {method: grpc.unary_unary_rpc_method_handler(call) for method, call in methods.items()}
    return grpc.method_handlers_generic_handler(name, handlers)


async def serve(port: int) -> None:
    received = Received()
    sizes = [("grpc.max_receive_message_length", LARGEST_REQUEST), ("grpc.max_send_message_length", LARGEST_REQUEST)]
    server = grpc.aio.server(options=sizes)
    observed = {"Count": received.count, "Record": received.record, "Recorded": received.recorded}
    server.add_generic_rpc_handlers((service(PUBLISHER, {"Publish": received.publish}), service(OBSERVER, observed)))
    server.add_insecure_port(f"{HOST}:{port}")
    await server.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
