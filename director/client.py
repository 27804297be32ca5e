"""How services and people ask the director. PUBLIC, light: requests only.

    director = DirectorClient("http://127.0.0.1:8080")
    configuration = director.register("environment", "bridge")  # waits until all resources are there

Calls are repeated with full jitter while the director cannot be reached or may answer better later. Everything it is
asked is safe to repeat.
"""

import ipaddress
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import requests

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 8.0  # seconds


class DirectorError(Exception):
    """Base of what a client raises; the message says what to do."""


class BadAddress(DirectorError, ValueError):
    """An address that is none, or under which configuration would travel in plain text over a network."""


class DirectorUnavailable(DirectorError):
    """No answer, or none of use, within the budget."""


class DirectorRefused(DirectorError):
    """The director's answer is no: `code` says why, `details` what of, in its own words."""

    def __init__(self, message: str, status: int, code: str, details: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.details = details


@dataclass(frozen=True, slots=True)
class Configuration:
    """One service's own: `config` is for it to parse."""

    project: str
    dataflow: str
    service: str
    config: Mapping[str, Any]


class DirectorClient:
    """`timeout` bounds one attempt and `budget` all of them, in seconds; neither bounds a long `apply` that runs."""

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 30.0,
        budget: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        rng: Callable[[], float] = random.random,
    ) -> None:
        """Raises BadAddress."""
        self._url = _checked(url)
        self._timeout = timeout
        self._budget = budget
        self._clock, self._sleep, self._random = clock, sleep, rng
        self._session = requests.Session()
        self._session.trust_env = not _on_this_machine(url)  # no proxy between us and ourselves

    def configuration(self, dataflow: str, service: str) -> Configuration:
        """What the director keeps for the service. Raises DirectorUnavailable, DirectorRefused."""
        return self._configuration("GET", f"{_service(dataflow, service)}/config", patient=False)

    def register(self, dataflow: str, service: str) -> Configuration:
        """The start-up handshake: waits within the budget until all that the service is linked to is there.

        Raises DirectorRefused with the missing resources in its details, DirectorUnavailable.
        """
        return self._configuration("POST", f"{_service(dataflow, service)}:verify", patient=True)

    def plan(self, dataflow: str) -> Mapping[str, Any]:
        """`changes`: what an apply would do. Raises DirectorUnavailable, DirectorRefused."""
        return self._ask("POST", f"{_dataflow(dataflow)}:plan")

    def apply(self, dataflow: str) -> Mapping[str, Any]:
        """`resources`: what became of each. Raises DirectorRefused with the same where some are not as wanted."""
        return self._ask("POST", f"{_dataflow(dataflow)}:apply", timeout=600.0)

    def verify(self, dataflow: str) -> Mapping[str, Any]:
        """Raises DirectorRefused with the `changes` that are due where the dataflow is not as wanted."""
        return self._ask("POST", f"{_dataflow(dataflow)}:verify")

    def _configuration(self, method: str, path: str, patient: bool) -> Configuration:
        answer = self._ask(method, path, patient=patient)
        try:
            return Configuration(answer["project"], answer["dataflow"], answer["service"], dict(answer["config"]))
        except (KeyError, TypeError, ValueError) as error:
            raise DirectorUnavailable(f"{self._url} answers, but not as a director does; check the address") from error

    def _ask(self, method: str, path: str, patient: bool = False, timeout: float | None = None) -> Mapping[str, Any]:
        end = self._clock() + self._budget
        attempt = 0
        while True:
            try:
                return self._attempt(method, path, timeout or self._timeout)
            except DirectorError as error:
                pause = self._random() * min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(attempt, 16))
                if not _may_pass(error, patient) or self._clock() + pause >= end:
                    raise
            self._sleep(pause)
            attempt += 1

    def _attempt(self, method: str, path: str, timeout: float) -> Mapping[str, Any]:
        try:
            response = self._session.request(method, f"{self._url}{path}", timeout=timeout, allow_redirects=False)
        except requests.RequestException as error:
            message = (
                f"the director at {self._url} does not answer ({type(error).__name__}); start it, or check the address"
            )
            raise DirectorUnavailable(message) from error
        answer = _object(response)
        if response.status_code == 200 and answer is not None:
            return answer
        error_of = answer.get("error") if answer else None
        if answer is None or not isinstance(error_of, dict):
            message = f"{self._url} answers {response.status_code}, but not as a director does; check the address"
            raise DirectorUnavailable(message)
        code, why = str(error_of.get("code", "")), str(error_of.get("message", ""))
        raise DirectorRefused(f"the director says {code}: {why}", response.status_code, code, answer)


def _may_pass(error: DirectorError, patient: bool) -> bool:
    if not isinstance(error, DirectorRefused):
        return True
    return error.status in (429, 503) or error.code == "busy" or (patient and error.code == "not_ready")


def _object(response: requests.Response) -> dict[str, Any] | None:
    try:
        answer = response.json()
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _dataflow(dataflow: str) -> str:
    return f"/v1/dataflows/{quote(dataflow, safe='')}"


def _service(dataflow: str, service: str) -> str:
    return f"{_dataflow(dataflow)}/services/{quote(service, safe='')}"


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise BadAddress(f"{url!r} is no address of a director; write http://127.0.0.1:PORT or https://HOST")
    if parts.scheme == "http" and not _on_this_machine(url):
        raise BadAddress(f"{url!r} would send configuration in plain text over a network; use https")
    return url.rstrip("/")


def _on_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
