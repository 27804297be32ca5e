"""Plain classes become gRPC services: methods, errors, faults and raw bytes, over a real channel."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue

from localcloud.faults import Fault, Faults
from localcloud.rpc import RAW, RpcError, RpcService, bidi, not_found, resource_of, server_stream, unary


class Named:
    """A request type of one's own: it only has to decode and encode itself."""

    def __init__(self, name: str) -> None:
        self.name = name

    @classmethod
    def FromString(cls, encoded: bytes) -> "Named":
        return cls(encoded.decode())

    def SerializeToString(self) -> bytes:
        return self.name.encode()


class Words(RpcService):
    service = "test.Words"
    short = "words"

    def __init__(self, faults: Faults) -> None:
        super().__init__(faults)
        self.heard: list[str] = []

    @unary(StringValue)
    async def Upper(self, request: Any) -> Any:
        self.heard.append(request.value)
        return StringValue(value=request.value.upper())

    @unary(RAW)
    async def Mirror(self, request: bytes) -> bytes:
        return request

    @unary(Named)
    async def Find(self, request: Named) -> bytes:
        raise not_found(f"no {request.name}")

    @unary(RAW)
    async def Explain(self, request: bytes) -> bytes:
        raise RpcError(grpc.StatusCode.ABORTED, "see trailers", (("details-bin", b"\x00\x01"),))

    @server_stream(StringValue)
    async def Letters(self, request: Any) -> AsyncIterator[Any]:
        for letter in request.value:
            yield StringValue(value=letter)

    @bidi(Named)
    async def Echo(self, requests: AsyncIterator[Named]) -> AsyncIterator[bytes]:
        async for request in requests:
            yield request.SerializeToString()


class Served:
    def __init__(self) -> None:
        self.faults = Faults()
        self.words = Words(self.faults)
        self.address = ""

    async def run(self, ready: "asyncio.Future[None]", stop: asyncio.Event) -> None:
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((self.words.handler(),))
        self.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        ready.set_result(None)
        await stop.wait()
        await server.stop(grace=0)


@pytest.fixture
def served() -> Served:
    return Served()


def over_the_wire(served: Served, scenario: Any) -> Any:
    """What `scenario(channel)` answers, with `served` running beside it."""

    async def run() -> Any:
        ready, stop = asyncio.get_running_loop().create_future(), asyncio.Event()
        server = asyncio.create_task(served.run(ready, stop))
        await ready
        async with grpc.aio.insecure_channel(served.address) as channel:
            answer = await asyncio.wait_for(scenario(channel), timeout=20)
        stop.set()
        await server
        return answer

    return asyncio.run(run())


def failure(served: Served, method: str, request: bytes = b"") -> grpc.aio.AioRpcError:
    async def scenario(channel: Any) -> grpc.aio.AioRpcError:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await channel.unary_unary(f"/test.Words/{method}")(request)
        return raised.value

    error: grpc.aio.AioRpcError = over_the_wire(served, scenario)
    return error


def test_a_unary_method_gets_and_answers_messages(served: Served) -> None:
    async def scenario(channel: Any) -> bytes:
        answer: bytes = await channel.unary_unary("/test.Words/Upper")(StringValue(value="abc").SerializeToString())
        return answer

    assert StringValue.FromString(over_the_wire(served, scenario)).value == "ABC"


def test_raw_requests_and_answers_pass_untouched(served: Served) -> None:
    async def scenario(channel: Any) -> Any:
        return await channel.unary_unary("/test.Words/Mirror")(b"\xff\x00 no protobuf")

    assert over_the_wire(served, scenario) == b"\xff\x00 no protobuf"


def test_streams_flow_both_ways(served: Served) -> None:
    async def scenario(channel: Any) -> list[bytes]:
        def requests() -> Iterator[bytes]:
            yield from (b"one", b"two")

        letters = channel.unary_stream("/test.Words/Letters")(StringValue(value="ab").SerializeToString())
        echo = channel.stream_stream("/test.Words/Echo")(requests())
        return [each async for each in letters] + [each async for each in echo]

    first, second, *echoed = over_the_wire(served, scenario)
    assert [StringValue.FromString(first).value, StringValue.FromString(second).value] == ["a", "b"]
    assert echoed == [b"one", b"two"]


def test_a_bidi_call_without_requests_ends_well(served: Served) -> None:
    async def scenario(channel: Any) -> list[bytes]:
        return [each async for each in channel.stream_stream("/test.Words/Echo")(iter(()))]

    assert over_the_wire(served, scenario) == []


def test_an_error_becomes_a_status_with_its_trailers(served: Served) -> None:
    error = failure(served, "Find", b"needle")
    assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "no needle")
    explained = failure(served, "Explain")
    assert explained.code() is grpc.StatusCode.ABORTED
    assert dict(explained.trailing_metadata())["details-bin"] == b"\x00\x01"


def test_an_unknown_method_is_unimplemented(served: Served) -> None:
    assert failure(served, "Sing").code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize(("when", "heard"), [("before", []), ("after", ["abc"])])
def test_a_fault_strikes_before_or_after_the_effect(served: Served, when: Any, heard: list[str]) -> None:
    served.faults.add(Fault(method="words.Upper", when=when, code="DEADLINE_EXCEEDED", message="too late"))
    error = failure(served, "Upper", StringValue(value="abc").SerializeToString())
    assert (error.code(), error.details()) == (grpc.StatusCode.DEADLINE_EXCEEDED, "too late")
    assert served.words.heard == heard


def test_a_reset_looks_like_a_cut_connection(served: Served) -> None:
    served.faults.add(Fault(action="reset"))
    assert failure(served, "Mirror").code() is grpc.StatusCode.UNAVAILABLE


def test_a_fault_can_name_the_resource_of_a_stream_s_first_request(served: Served) -> None:
    served.faults.add(Fault(method="words.Echo.open", resource="mine"))

    async def scenario(channel: Any) -> tuple[list[bytes], grpc.StatusCode]:
        echo = channel.stream_stream("/test.Words/Echo")
        other = [each async for each in echo(iter([b"other"]))]
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            [each async for each in echo(iter([b"mine"]))]
        return other, raised.value.code()

    assert over_the_wire(served, scenario) == ([b"other"], grpc.StatusCode.UNAVAILABLE)


def test_the_resource_of_a_request_is_the_first_naming_field() -> None:
    assert resource_of(Named("n")) == "n"
    assert resource_of(StringValue(value="x")) == ""
