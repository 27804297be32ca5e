"""Google's public keys: asked for rarely, by one thread at a time, and kept while they cannot be asked for again."""

import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import requests

from director.errors import Unavailable

GOOGLE = "https://www.googleapis.com/oauth2/v1/certs"
TIMEOUT = 5.0  # seconds one attempt may take
FRESH_AT_LEAST, FRESH_AT_MOST = 300.0, 86_400.0  # seconds, whatever the answer says of itself
LAST_GOOD = 86_400.0  # seconds beyond their freshness that keys are used while no newer ones can be had
BETWEEN_ATTEMPTS = 10.0  # seconds: neither a failure nor an unknown key makes us ask more often

log = logging.getLogger(__name__)


class KeysUnreachable(Unavailable):
    """No keys to check a token with. Nothing is wrong with the token for all we know."""


class Certificates:
    """X.509 certificates in PEM by key id, as `url` publishes them."""

    def __init__(self, url: str = GOOGLE, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._clock = clock
        self._asking = threading.Lock()
        self._known: Mapping[str, str] = {}
        self._fresh_until = self._good_until = self._next_attempt = float("-inf")

    def of(self, key: str) -> str | None:
        """None where there is no such key. Raises KeysUnreachable where nobody can tell."""
        if self._due(key):
            with self._asking:
                if self._due(key):  # those who waited find what the first has brought
                    self._ask()
        if self._clock() >= self._good_until:
            raise KeysUnreachable(f"no certificates from {self._url}")
        return self._known.get(key)

    def _due(self, key: str) -> bool:
        """A key nobody knows may be a new one: Google's change every few days."""
        now = self._clock()
        return now >= self._next_attempt and (now >= self._fresh_until or key not in self._known)

    def _ask(self) -> None:
        try:
            response = requests.get(self._url, timeout=TIMEOUT, allow_redirects=False)
            if response.status_code != 200:
                raise ValueError(f"status {response.status_code}")
            self._known, lasting = _certificates(response.json()), _max_age(response.headers.get("Cache-Control", ""))
        except (requests.RequestException, ValueError) as error:
            log.warning("no new certificates from %s, the last ones are used: %s", self._url, error)
        else:
            self._fresh_until = self._clock() + lasting
            self._good_until = self._fresh_until + LAST_GOOD
        self._next_attempt = self._clock() + BETWEEN_ATTEMPTS


def _certificates(answer: Any) -> dict[str, str]:
    """Raises ValueError."""
    if not isinstance(answer, dict) or not answer:
        raise ValueError("no certificates in the answer")
    for key, certificate in answer.items():
        if not isinstance(certificate, str) or "BEGIN CERTIFICATE" not in certificate:
            raise ValueError(f"{key!r} is no certificate")
    return answer


def _max_age(cache_control: str) -> float:
    told = re.search(r"max-age=(\d{1,9})", cache_control)
    return min(max(float(told[1]) if told else 0.0, FRESH_AT_LEAST), FRESH_AT_MOST)
