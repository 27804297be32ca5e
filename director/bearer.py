"""Who a service is, to show to the director: an API key or an ID token. Light: requests only.

DIRECTOR_API_KEY_FILE names a file with an API key. DIRECTOR_AUDIENCE is for a process on Google Cloud: it gets an ID
token of its service account made out to that audience from the metadata server
(https://cloud.google.com/docs/authentication/get-id-token#metadata-server). With neither, nobody is shown.
"""

import base64
import binascii
import json
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import requests

METADATA = "http://metadata.google.internal"
PATH = "/computeMetadata/v1/instance/service-accounts/default/identity"
TIMEOUT = 5.0  # seconds
SPARE = 120.0  # seconds before its end that a token is replaced


def from_environment() -> str | None:
    """Raises OSError, which says what is wrong with what the environment names."""
    file, audience = os.environ.get("DIRECTOR_API_KEY_FILE"), os.environ.get("DIRECTOR_AUDIENCE")
    if file:
        return api_key(Path(file))
    return _tokens.token(audience) if audience else None


def api_key(file: Path) -> str:
    """Read on every use, so that a new one needs no restart. Raises OSError."""
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise PermissionError(f"{file} may be read by others; run chmod 600 on it")
    return file.read_text().strip()


class IdentityTokens:
    """Tokens of the machine's own service account, each kept until shortly before its end."""

    def __init__(self, server: str = METADATA, clock: Callable[[], float] = time.time) -> None:
        self._server = server
        self._clock = clock
        self._kept: dict[str, tuple[str, float]] = {}

    def token(self, audience: str) -> str:
        """Raises OSError (requests' own errors are some)."""
        token, end = self._kept.get(audience, ("", 0.0))
        if self._clock() + SPARE < end:
            return token
        query = {"audience": audience, "format": "full"}
        response = requests.get(
            f"{self._server}{PATH}", params=query, headers={"Metadata-Flavor": "Google"}, timeout=TIMEOUT
        )
        response.raise_for_status()
        token = response.text.strip()
        self._kept[audience] = token, _end(token)
        return token


def _end(token: str) -> float:
    """When it expires; 0 where that cannot be read, so that it is used once."""
    try:
        payload = token.split(".")[1]
        return float(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["exp"])
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
        return 0.0


_tokens = IdentityTokens()
