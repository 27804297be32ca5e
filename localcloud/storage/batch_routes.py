"""The door for many small requests in one: a `multipart/mixed` body of HTTP requests.

Source: https://cloud.google.com/storage/docs/batch
"""

from email.message import Message
from email.parser import BytesParser
from typing import Any

from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from localcloud.rest import HttpError, RestService, route
from localcloud.storage.errors import invalid

_MOST_PARTS = 1000
_BOUNDARY = "localcloud_batch"


class PartRequest:
    """One request of a batch, as routes and the router see requests."""

    def __init__(self, whole: web.Request, method: str, url: URL, headers: CIMultiDict[str], body: bytes) -> None:
        self.method, self.rel_url, self.query, self.headers = method, url.relative(), url.query, headers
        self.path = self.rel_url.path
        self.scheme, self.host, self.transport = whole.scheme, whole.host, whole.transport
        self.match_info: Any = {}
        self._body = body

    async def read(self) -> bytes:
        return self._body


class BatchRoutes(RestService):
    short = "storage"

    @route("POST", "/batch/storage/v1", "batch")
    async def batch(self, request: web.Request) -> web.Response:
        """Each part goes through the router, and meets faults, as if it had come alone."""
        parts = _parts(request.headers.get("Content-Type", ""), await request.read())
        answers = [_answer(part, await _response(_part_request(request, part), request.app)) for part in parts]
        body = b"".join(b"--%s\r\n%s\r\n" % (_BOUNDARY.encode(), answer) for answer in answers)
        return web.Response(
            body=body + b"--%s--\r\n" % _BOUNDARY.encode(),
            headers={"Content-Type": f"multipart/mixed; boundary={_BOUNDARY}"},
        )


def _parts(content_type: str, body: bytes) -> list[Message]:
    message = BytesParser().parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    parts = message.get_payload()
    if not message.is_multipart() or not isinstance(parts, list):
        raise invalid("A batch is a multipart/mixed body.")
    if len(parts) > _MOST_PARTS:
        raise invalid(f"The batch has {len(parts)} requests, more than {_MOST_PARTS}.")
    return [part for part in parts if isinstance(part, Message)]


def _part_request(whole: web.Request, part: Message) -> PartRequest:
    text = part.get_payload(decode=True)
    line, _, rest = (text if isinstance(text, bytes) else b"").partition(b"\n")
    words = line.decode().split()
    if len(words) < 2:
        raise invalid("A part of the batch has no request line.")
    request = BytesParser().parsebytes(rest)
    body = request.get_payload(decode=True)
    headers = CIMultiDict((name, str(value)) for name, value in request.items())
    return PartRequest(whole, words[0], URL(words[1], encoded=True), headers, body if isinstance(body, bytes) else b"")


async def _response(request: PartRequest, app: web.Application) -> web.Response:
    """The router and the routes ask of a request no more than a part has."""
    match: Any = await app.router.resolve(request)  # type: ignore[arg-type]
    request.match_info = match
    try:
        answer = await match.handler(request)
    except web.HTTPException as error:
        return HttpError(error.status, "notFound", error.reason).response()
    if not isinstance(answer, web.Response):
        raise invalid("Downloads cannot be part of a batch.")
    return answer


def _answer(part: Message, response: web.Response) -> bytes:
    head = ["Content-Type: application/http"]
    if part["Content-ID"]:
        head.append(f"Content-ID: <response-{part['Content-ID'].strip('<>')}>")
    head += ["", f"HTTP/1.1 {response.status} {response.reason}", f"Content-Type: {response.content_type}", ""]
    body = response.body if isinstance(response.body, bytes) else b""
    return "\r\n".join(head).encode() + b"\r\n" + body
