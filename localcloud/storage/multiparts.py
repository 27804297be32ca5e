"""`multipart/related` uploads: the object's resource and its bytes in one request body.

Source: https://cloud.google.com/storage/docs/json_api/v1/how-tos/multipart-upload
"""

import json
from dataclasses import dataclass
from email.message import Message
from typing import Any

from localcloud.storage.errors import invalid


@dataclass(frozen=True, slots=True)
class Multipart:
    resource: dict[str, Any]
    content_type: str
    data: bytes


def multipart(content_type: str, body: bytes) -> Multipart:
    """Raises HttpError 400 when the body is not two well-formed parts."""
    first, second = _parts(_boundary(content_type), body)
    return Multipart(json_object(first[1]), first_value(second[0], b"content-type"), second[1])


def json_object(text: bytes) -> dict[str, Any]:
    """A request body that must be a JSON object, or empty. Raises HttpError 400."""
    try:
        value = json.loads(text) if text.strip() else {}
    except ValueError as error:
        raise invalid(f"Parse Error: {error}") from error
    if not isinstance(value, dict):
        raise invalid("Parse Error: a JSON object is expected")
    return value


def first_value(head: bytes, name: bytes) -> str:
    for line in head.split(b"\r\n"):
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip().decode("latin-1")
    return ""


def _boundary(content_type: str) -> bytes:
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_param("boundary")
    if not isinstance(boundary, str) or not boundary:
        raise invalid("Multipart upload without a boundary in its Content-Type")
    return boundary.encode()


def _parts(boundary: bytes, body: bytes) -> list[tuple[bytes, bytes]]:
    """Head and content of the two parts; the content of the second is everything up to the last boundary."""
    mark = b"--" + boundary
    start = body.find(mark)
    middle = body.find(b"\r\n" + mark, start + len(mark))
    end = body.rfind(b"\r\n" + mark + b"--")
    if not 0 <= start < middle < end:
        raise invalid("Multipart upload body is not two parts between boundaries")
    return [
        _head_and_content(body[start + len(mark) + 2 : middle]),
        _head_and_content(body[middle + 2 + len(mark) + 2 : end]),
    ]


def _head_and_content(part: bytes) -> tuple[bytes, bytes]:
    if part.startswith(b"\r\n"):
        return b"", part[2:]
    head, separator, content = part.partition(b"\r\n\r\n")
    if not separator:
        raise invalid("Multipart upload with a part that has no header")
    return head, content
