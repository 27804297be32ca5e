"""What a download answers with: which bytes, under which headers, unpacked or as stored. Pure.

Source: https://cloud.google.com/storage/docs/transcoding and RFC 9110 section 14
"""

import re
from dataclasses import dataclass
from typing import Any

from localcloud.storage.errors import range_not_satisfiable
from localcloud.storage.model import StoredObject
from localcloud.storage.resources import etag
from localcloud.storage.times import http_date

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True, slots=True)
class Delivery:
    """`length` bytes from `start` on; `unpack` means gunzip all of them instead."""

    status: int
    start: int
    length: int
    unpack: bool
    headers: dict[str, str]


def delivery(item: StoredObject, wanted: str | None, accept_encoding: str) -> Delivery:
    """`wanted` is the Range header. Raises HttpError 416 for a range beyond the end."""
    packed = item.settings.get("contentEncoding") == "gzip"
    if packed and not _accepts_gzip(accept_encoding) and "no-transform" not in item.settings.get("cacheControl", ""):
        headers = {**_headers(item), "Warning": "214 UploadServer gunzipped", "Vary": "Accept-Encoding"}
        return Delivery(200, 0, item.size, True, headers)
    headers = {**_headers(item), "X-Goog-Hash": _hashes(item), "Accept-Ranges": "bytes"}
    if "contentEncoding" in item.settings:
        headers["Content-Encoding"] = item.settings["contentEncoding"]
    first, last = byte_range(wanted, item.size)
    if (first, last) == (0, item.size - 1) and not _RANGE.fullmatch(wanted or ""):
        return Delivery(200, 0, item.size, False, headers)
    headers["Content-Range"] = f"bytes {first}-{last}/{item.size}"
    return Delivery(206, first, last - first + 1, False, headers)


def byte_range(wanted: str | None, size: int) -> tuple[int, int]:
    """First and last byte of a Range header; all of them without one, or with one that is not understood."""
    match = _RANGE.fullmatch(wanted or "")
    if not match or match.groups() == ("", ""):
        return 0, size - 1
    first, last = match.groups()
    if not first:
        first, last = str(max(0, size - int(last))), ""
    if int(first) >= size or (last and int(last) < int(first)):
        raise range_not_satisfiable()
    return int(first), min(int(last), size - 1) if last else size - 1


def _accepts_gzip(accept_encoding: str) -> bool:
    for choice in accept_encoding.lower().split(","):
        coding, _, weight = choice.partition(";")
        if coding.strip() in ("gzip", "*") and weight.replace(" ", "") not in ("q=0", "q=0.0"):
            return True
    return False


def _hashes(item: StoredObject) -> str:
    return f"crc32c={item.crc32c}" + (f",md5={item.md5}" if item.md5 else "")


def _headers(item: StoredObject) -> dict[str, str]:
    settings: dict[str, Any] = item.settings
    headers = {
        "Content-Type": settings.get("contentType", "application/octet-stream"),
        "ETag": etag(item.generation, item.metageneration),
        "Last-Modified": http_date(item.updated),
        "X-Goog-Generation": str(item.generation),
        "X-Goog-Metageneration": str(item.metageneration),
        "X-Goog-Storage-Class": settings["storageClass"],
        "X-Goog-Stored-Content-Encoding": settings.get("contentEncoding", "identity"),
        "X-Goog-Stored-Content-Length": str(item.size),
    }
    for header, name in (
        ("Cache-Control", "cacheControl"),
        ("Content-Disposition", "contentDisposition"),
        ("Content-Language", "contentLanguage"),
    ):
        if name in settings:
            headers[header] = settings[name]
    return headers
