"""Everything of Firestore's service; what is not here says so."""

from collections.abc import AsyncIterator
from typing import Any

import grpc

from localcloud.firestore.listen_rpcs import ListenRpcs
from localcloud.rpc import RAW, RpcError, bidi, server_stream


class FirestoreRpcs(ListenRpcs):
    @server_stream(RAW)
    async def ExecutePipeline(self, request: bytes) -> AsyncIterator[bytes]:
        raise _unsupported("ExecutePipeline")
        yield b""  # makes this a stream

    @bidi(RAW)
    async def Write(self, requests: AsyncIterator[Any]) -> AsyncIterator[bytes]:
        raise _unsupported("Write")
        yield b""  # makes this a stream


def _unsupported(name: str) -> RpcError:
    return RpcError(grpc.StatusCode.UNIMPLEMENTED, f"localcloud's Firestore does not support {name}")
