"""How services and people ask the director. PUBLIC, light: requests only.

    director = DirectorClient("http://127.0.0.1:8080")  # who we are: see `bearer`
    configuration = director.register("environment", "bridge")  # waits until all resources are there

Calls are repeated with full jitter while the director cannot be reached or may answer better later. Everything it is
asked is safe to repeat.
"""

import ipaddress
import random
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import requests

from director import bearer

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 8.0  # seconds
NOT_MODIFIED = 304
ARCHITECTURE = "/v1/architecture"


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
    """One service's own: `config` is for it to parse, `environment` are variables, DIRECTOR_URL among them."""

    project: str
    dataflow: str
    service: str
    config: Mapping[str, Any]
    environment: Mapping[str, str] = field(default_factory=dict)


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
        token: Callable[[], str | None] = bearer.from_environment,
    ) -> None:
        """`token` gives the ID token or API key of each call, None for none. Raises BadAddress."""
        self._url = _checked(url)
        self._timeout = timeout
        self._budget = budget
        self._clock, self._sleep, self._random = clock, sleep, rng
        self._token = token
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

    def watch(self, dataflow: str, service: str, wait: float = 30.0) -> Iterator[Configuration]:
        """The configuration now, and each other one within about a second of its coming into force; without end.

        Raises DirectorUnavailable, and DirectorRefused: `bad_request` is said by a director that is too old for it.
        """
        path = f"{_service(dataflow, service)}/config?{urlencode({'wait': wait})}"
        known: dict[str, str] = {}
        while True:
            began = self._clock()
            response = self._send("GET", path, wait + self._timeout, None, known)
            if response.status_code != NOT_MODIFIED:
                yield self._read_configuration(self._taken(response))
                known = {"If-None-Match": response.headers.get("ETag", "")}
            soon = began + 1.0 - self._clock()
            later = _seconds(response.headers.get("Retry-After")) * (0.5 + self._random())
            self._sleep(max(0.0, soon, later))

    def architecture(self, version: int | None = None) -> Mapping[str, Any]:
        """`version` and `files`: of the current one unless a number is given."""
        return self._ask("GET", ARCHITECTURE if version is None else f"{ARCHITECTURE}/versions/{version}")

    def versions(self, before: int | None = None, size: int = 100) -> Sequence[Mapping[str, Any]]:
        """The newest first, of those before a number."""
        asked = {"page_size": size} | ({} if before is None else {"page_token": before})
        found: Sequence[Mapping[str, Any]] = self._ask("GET", f"{ARCHITECTURE}/versions?{urlencode(asked)}")["versions"]
        return found

    def add_version(self, hub: str, files: Mapping[str, str], expected: int, comment: str = "") -> Mapping[str, Any]:
        """`version`: the one that is current now. Raises DirectorRefused: `conflict` where `expected` was not."""
        body = {"hub": hub, "files": dict(files), "comment": comment}
        return self._ask("POST", ARCHITECTURE, body=body, headers={"If-Match": f'"{expected}"'})

    def restore_version(self, version: int, expected: int, comment: str = "") -> Mapping[str, Any]:
        """The same with the texts of an old version."""
        body = {"version": version, "comment": comment}
        return self._ask("POST", f"{ARCHITECTURE}:rollback", body=body, headers={"If-Match": f'"{expected}"'})

    def plan(self, dataflow: str, purpose: str = "apply") -> Mapping[str, Any]:
        """`changes`: what that would do (apply, teardown or rollback); `hash`. Raises as the others."""
        return self._ask("POST", f"{_dataflow(dataflow)}:plan", body={} if purpose == "apply" else {"purpose": purpose})

    def apply(self, dataflow: str, plan_hash: str | None = None) -> Mapping[str, Any]:
        """`resources`: what became of each. Raises DirectorRefused with the same where some are not as wanted.

        With `plan_hash` nothing is done but what that plan has shown.
        """
        return self._operate(f"{_dataflow(dataflow)}:apply", {} if plan_hash is None else {"plan_hash": plan_hash})

    def teardown(self, dataflow: str, plan_hash: str, confirmed: Iterable[str] = ()) -> Mapping[str, Any]:
        """Deletes what that plan has shown; with its data, what is `confirmed` by name. Raises as `apply` does."""
        return self._operate(f"{_dataflow(dataflow)}:teardown", {"plan_hash": plan_hash, "confirmed": list(confirmed)})

    def rollback(self, dataflow: str, plan_hash: str, confirmed: Iterable[str] = ()) -> Mapping[str, Any]:
        """Brings back what was last applied whole, as that plan has shown it. Raises as `apply` does."""
        return self._operate(f"{_dataflow(dataflow)}:rollback", {"plan_hash": plan_hash, "confirmed": list(confirmed)})

    def operation(self, operation: str, wait: float = 0.0) -> Mapping[str, Any]:
        """What became of it so far; waits up to `wait` seconds (at most 30) for its end."""
        path = f"/v1/operations/{quote(operation, safe='')}"
        return self._ask("GET", f"{path}:wait?{urlencode({'timeout': wait})}" if wait else path, timeout=60.0)

    def operations_of(self, request_id: str) -> Sequence[Mapping[str, Any]]:
        """Those of one call, or of one command by its id, the newest first."""
        answer = self._ask("GET", f"/v1/operations?{urlencode({'request_id': request_id})}")
        found = answer.get("operations")
        return found if isinstance(found, list) else []

    def cancel(self, operation: str) -> Mapping[str, Any]:
        """Ends it after the resources it is at."""
        return self._ask("POST", f"/v1/operations/{quote(operation, safe='')}:cancel")

    def verify(self, dataflow: str) -> Mapping[str, Any]:
        """Raises DirectorRefused with the `changes` that are due where the dataflow is not as wanted."""
        return self._ask("POST", f"{_dataflow(dataflow)}:verify")

    def _configuration(self, method: str, path: str, patient: bool) -> Configuration:
        return self._read_configuration(self._ask(method, path, patient=patient))

    def _read_configuration(self, answer: Mapping[str, Any]) -> Configuration:
        try:
            environment = {"DIRECTOR_URL": self._url, **answer.get("environment", {})}  # older directors have none
            return Configuration(
                answer["project"], answer["dataflow"], answer["service"], dict(answer["config"]), environment
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DirectorUnavailable(f"{self._url} answers, but not as a director does; check the address") from error

    def _operate(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """However often it is asked for on the way, it is begun once."""
        return self._ask("POST", path, timeout=600.0, body=body, headers={"Idempotency-Key": uuid.uuid4().hex})

    def _ask(
        self,
        method: str,
        path: str,
        patient: bool = False,
        timeout: float | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any]:
        end = self._clock() + self._budget
        attempt = 0
        while True:
            try:
                return self._attempt(method, path, timeout or self._timeout, body, headers)
            except DirectorError as error:
                pause = self._random() * min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(attempt, 16))
                if not _may_pass(error, patient) or self._clock() + pause >= end:
                    raise
            self._sleep(pause)
            attempt += 1

    def _attempt(
        self,
        method: str,
        path: str,
        timeout: float,
        body: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
    ) -> Mapping[str, Any]:
        return self._taken(self._send(method, path, timeout, body, headers))

    def _send(
        self,
        method: str,
        path: str,
        timeout: float,
        body: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
    ) -> requests.Response:
        try:
            return self._session.request(
                method,
                f"{self._url}{path}",
                json=body or None,
                headers={**(headers or {}), **self._who()},
                timeout=timeout,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            message = (
                f"the director at {self._url} does not answer ({type(error).__name__}); start it, or check the address"
            )
            raise DirectorUnavailable(message) from error

    def _taken(self, response: requests.Response) -> Mapping[str, Any]:
        answer = _object(response)
        if response.status_code in (200, 202) and answer is not None:
            return answer
        if answer is None or not isinstance(answer.get("code"), str) or response.status_code < 400:
            message = f"{self._url} answers {response.status_code}, but not as a director does; check the address"
            raise DirectorUnavailable(message)
        code, why = answer["code"], str(answer.get("message", ""))
        raise DirectorRefused(f"the director says {code}: {why}", response.status_code, code, answer)

    def _who(self) -> dict[str, str]:
        try:
            token = self._token()
        except OSError as error:
            raise DirectorUnavailable(f"no token to show to the director at {self._url}: {error}") from error
        return {"Authorization": f"Bearer {token}"} if token else {}


def _seconds(text: str | None) -> float:
    return float(text) if text and text.isascii() and text.isdigit() else 0.0


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
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # brackets that do not close, a port that is no number or too large
        sound = False
    if not sound or parts.query or parts.fragment:
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
