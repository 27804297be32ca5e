"""CRC32C and MD5 of contents, and the proof that a client's own agree."""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import google_crc32c

from localcloud.storage.errors import invalid


@dataclass(frozen=True, slots=True)
class Digests:
    """Base64 of the big-endian CRC32C, and of the MD5, which composed objects have not."""

    crc32c: str
    md5: str | None

    def prove(self, claims: Mapping[str, str]) -> None:
        """Raises HttpError 400 when a claim `crc32c` or `md5` is not what the bytes gave."""
        claimed = claims.get("crc32c")
        if claimed and claimed != self.crc32c:
            raise invalid(f'Provided CRC32C "{claimed}" doesn\'t match calculated CRC32C "{self.crc32c}".')
        claimed = claims.get("md5")
        if claimed and claimed != self.md5:
            raise invalid(f'Provided MD5 hash "{claimed}" doesn\'t match calculated MD5 hash "{self.md5}".')


def digests(pieces: Iterable[bytes]) -> Digests:
    crc, md5 = 0, hashlib.md5(usedforsecurity=False)
    for piece in pieces:
        crc = google_crc32c.extend(crc, piece)
        md5.update(piece)
    return Digests(_base64(crc.to_bytes(4, "big")), _base64(md5.digest()))


def resource_claims(resource: Mapping[str, object]) -> dict[str, str]:
    """What an object resource sent with an upload says of its content."""
    fields = {"crc32c": resource.get("crc32c"), "md5": resource.get("md5Hash")}
    return {kind: str(claim) for kind, claim in fields.items() if claim}


def header_claims(headers: Mapping[str, str]) -> dict[str, str]:
    """What `X-Goog-Hash: crc32c=…,md5=…` and `Content-MD5` say."""
    claims = {"md5": headers["Content-MD5"]} if "Content-MD5" in headers else {}
    for part in headers.get("X-Goog-Hash", "").split(","):
        kind, equals, claim = part.strip().partition("=")
        if equals:
            claims[kind] = claim
    return claims


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
