"""Sends what a download plan says, large contents piece by piece."""

import asyncio
import gzip
import zlib

from aiohttp import web

from localcloud.rest import HttpError
from localcloud.storage.contents import PIECE, Reader
from localcloud.storage.downloads import Delivery


async def served(request: web.Request, plan: Delivery, reader: Reader) -> web.StreamResponse:
    """Closes the reader."""
    try:
        if plan.unpack:
            return web.Response(status=plan.status, headers=plan.headers, body=await _unpacked(plan, reader))
        if plan.length <= PIECE:
            body = reader.at(plan.start, plan.length)
            return web.Response(status=plan.status, headers=plan.headers, body=body)
        return await _streamed(request, plan, reader)
    finally:
        reader.close()


async def _unpacked(plan: Delivery, reader: Reader) -> bytes:
    try:
        return await asyncio.to_thread(lambda: gzip.decompress(reader.at(0, plan.length)))
    except (OSError, EOFError, zlib.error) as error:
        message = f"The object says contentEncoding gzip, but its content is not: {error}"
        raise HttpError(500, "backendError", message) from error


async def _streamed(request: web.Request, plan: Delivery, reader: Reader) -> web.StreamResponse:
    response = web.StreamResponse(status=plan.status, headers=plan.headers)
    response.content_length = plan.length
    await response.prepare(request)
    position, end = plan.start, plan.start + plan.length
    while position < end:
        piece = await asyncio.to_thread(reader.at, position, min(PIECE, end - position))
        await response.write(piece)
        position += len(piece)
    return response
