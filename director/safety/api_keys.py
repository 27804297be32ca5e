"""API keys, for machines of one's own: a file of their hashes, never of the keys.

python -m director api-key anna        # prints a new key once, and the line for the file
"""

import hashlib
import hmac
import os
import secrets
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from director.errors import Misconfigured
from director.safety.authentication import Identity, Unauthenticated, bearer
from director.safety.policy import IdentityName
from director.strict import Strict, load

PREFIX = "director_"  # by which scanners of repositories can know one
RANDOM_BYTES = 32
SHORTEST = len(PREFIX) + 43  # characters: 32 bytes in base64


class ApiKey(Strict):
    """Whose key it is, and the SHA-256 of it. A key is random throughout, so no slow hash is needed."""

    name: IdentityName
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ApiKeyFile(Strict):
    """What the file holds."""

    keys: Annotated[tuple[ApiKey, ...], Field(min_length=1, max_length=1000)]

    @model_validator(mode="after")
    def _distinct(self) -> "ApiKeyFile":
        hashes = [key.sha256 for key in self.keys]
        if len(set(hashes)) < len(hashes):
            raise ValueError("keys: one key stands there twice; make another for each name")
        return self


class ApiKeys:
    """Keys given as `Authorization: Bearer director_...`."""

    def __init__(self, keys: Sequence[ApiKey]) -> None:
        self._keys = tuple(keys)

    @classmethod
    def of(cls, file: Path) -> "ApiKeys":
        """Raises Misconfigured for a file that others may read or write, DocumentError for what is wrong in it."""
        try:
            status = file.stat()
        except OSError as error:
            raise Misconfigured(f"--api-keys {file} cannot be read ({error.strerror}); name a file of yours") from error
        if status.st_uid not in (os.geteuid(), 0) or stat.S_IMODE(status.st_mode) & 0o177:
            raise Misconfigured(f"--api-keys {file} is open to others; run `chmod 600 {file}`, as its owner")
        return cls(load(file, ApiKeyFile).keys)

    @property
    def names(self) -> frozenset[str]:
        return frozenset(key.name for key in self._keys)

    def identify(self, authorization: str | None) -> Identity:
        """Looks at every key, so that the time it takes tells nothing of any."""
        given = bearer(authorization)
        digest = hashed(given)
        found = ""
        for key in self._keys:
            if hmac.compare_digest(key.sha256, digest):
                found = key.name
        if not found or len(given) < SHORTEST or not given.startswith(PREFIX):
            raise Unauthenticated("an API key that nobody has")
        return Identity(found, "api_key")


def new_key() -> str:
    return PREFIX + secrets.token_urlsafe(RANDOM_BYTES)


def hashed(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def minted(name: str) -> tuple[str, str]:
    """A new key, and the line of a key file that knows it by its hash alone."""
    key = new_key()
    return key, f"- {{name: {name}, sha256: {hashed(key)}}}"
