"""What a job does when it runs: it publishes to Pub/Sub here, or calls an address of this machine."""

import ipaddress
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import grpc
from google.pubsub_v1.types import PublishRequest, PublishResponse
from google.rpc.status_pb2 import Status

from localcloud.rpc import pb
from localcloud.scheduler.messages import HttpMethod

SECONDS = 30.0  # for a publish
_PUBLISH = "/google.pubsub.v1.Publisher/Publish"
_Request, _Response = pb(PublishRequest), pb(PublishResponse)


class Attempts:
    """`address` tells where gRPC answers here: a job publishes over the wire, so that Pub/Sub's faults hold for it."""

    def __init__(self, address: Callable[[], str]) -> None:
        self._address = address

    async def make(self, job: Any) -> Any:
        """One attempt, and what came of it."""
        if job.HasField("pubsub_target"):
            return await self._published(job.pubsub_target)
        if not _here(job.http_target.uri):
            return _status("FAILED_PRECONDITION", "localcloud calls addresses of this machine only")
        return await _called(job)

    async def _published(self, target: Any) -> Any:
        message = {"data": target.data, "attributes": dict(target.attributes)}
        request = _Request(topic=target.topic_name, messages=[message])
        try:
            async with grpc.aio.insecure_channel(self._address()) as channel:
                call = channel.unary_unary(_PUBLISH, _Request.SerializeToString, _Response.FromString)
                await call(request, timeout=SECONDS)
        except grpc.aio.AioRpcError as error:
            return _status(error.code().name, error.details() or "")
        return Status()


async def _called(job: Any) -> Any:
    """Without a token: there is nobody here to sign one. Where a redirect leads, nobody has looked."""
    target = job.http_target
    headers = {**target.headers, "X-CloudScheduler": "true", "X-CloudScheduler-JobName": job.name.rpartition("/")[2]}
    timeout = aiohttp.ClientTimeout(job.attempt_deadline.ToTimedelta().total_seconds())
    method = HttpMethod(target.http_method).name
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(
                method, target.uri, data=target.body or None, headers=headers, allow_redirects=False
            ) as response,
        ):
            await response.read()
    except TimeoutError:
        return _status("DEADLINE_EXCEEDED", "no answer before the attempt's deadline")
    except (aiohttp.ClientError, OSError) as error:
        return _status("UNAVAILABLE", f"{type(error).__name__}: {error}")
    return Status() if response.status < 300 else _status("UNKNOWN", f"HTTP {response.status}")


def _here(uri: str) -> bool:
    host = urlsplit(uri).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _status(code: str, message: str) -> Any:
    return Status(code=grpc.StatusCode[code].value[0], message=message)
