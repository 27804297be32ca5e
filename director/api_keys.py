"""API keys, for machines of one's own: a file of their hashes, never of the keys.

python -m director.api_keys anna        # prints a new key once, and the line for the file
"""

import argparse
import hashlib
import hmac
import os
import secrets
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from director.authentication import Identity, Unauthenticated, bearer
from director.errors import Misconfigured
from director.policy import IdentityName
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


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m director.api_keys", description="Make an API key.")
    parser.add_argument("name", help="whose it is, as the policy calls them")
    name = parser.parse_args(argv).name
    key = new_key()
    print(key)  # noqa: T201
    print(f"- {{name: {name}, sha256: {hashed(key)}}}", file=sys.stderr)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
