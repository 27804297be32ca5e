"""Cloud Scheduler in documents: jobs that publish a message, call an address, or call a service of the dataflow."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError, model_validator

from director.documents.regions import Region
from director.documents.specs import schedules
from director.documents.specs.accounts import ServiceAccountReference
from director.documents.specs.resource import Resource
from director.names import JobName, ServiceAccountName
from director.strict import Duration, Strict, between

WITH_BODY = ("POST", "PUT", "PATCH")
_ACCOUNT = TypeAdapter(ServiceAccountName)
_SET_BY_GOOGLE = ("host", "content-length", "user-agent")
_SET_BY_GOOGLE_TOO = ("x-google-", "x-appengine-", "x-cloudscheduler")


class Retry(Strict):
    """How often a run that failed is tried again, and after which pauses; by Google's defaults not at all."""

    max_attempts: Annotated[int, Field(ge=0, le=5)] = 0
    max_duration: Duration = timedelta(0)
    min_backoff: Annotated[Duration, between("1s", "1d")] = timedelta(seconds=5)
    max_backoff: Annotated[Duration, between("1s", "1d")] = timedelta(hours=1)
    max_doublings: Annotated[int, Field(ge=1, le=16)] = 5

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_backoff > self.max_backoff:
            raise ValueError("min_backoff is above max_backoff; swap them")
        return self


def set_by_google(header: str) -> bool:
    """Whether Cloud Scheduler sets this header, by lower-case name, whatever is asked for."""
    return header in _SET_BY_GOOGLE or header.startswith(_SET_BY_GOOGLE_TOO)


def _headers(headers: dict[str, str]) -> dict[str, str]:
    """By lower-case name, as HTTP knows them."""
    lower = {name.lower(): value for name, value in headers.items()}
    for name, value in lower.items():
        if name == "authorization":
            raise ValueError("Authorization is no header to write down; name the service_account to call as")
        if set_by_google(name):
            raise ValueError(f"{name!r} is set by Cloud Scheduler itself; remove it")
        if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum() or not value.isprintable():
            raise ValueError(f"{name[:40]!r} is no HTTP header on one line; correct it")
    if len(lower) < len(headers):
        raise ValueError("names a header twice (HTTP ignores case); keep one")
    return lower


class HttpCall(Strict):
    """A request; as `service_account` it carries an OpenID Connect token, for `audience` or else for the address."""

    uri: Annotated[str, Field(pattern=r"^https://[^\s]+$", max_length=2083)]
    method: Literal["POST", "GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"] = "POST"
    headers: Annotated[dict[str, str], AfterValidator(_headers)] = Field(default_factory=dict)
    body: str = ""
    service_account: ServiceAccountReference | None = None
    audience: str | None = None

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self.body and self.method not in WITH_BODY:
            raise ValueError(f"body: a {self.method} has none; use POST, PUT or PATCH")
        if self.audience is not None and self.service_account is None:
            raise ValueError("audience: it is part of a token, which needs a service_account; add that or remove it")
        return self


class SchedulerJob(Resource):
    """A job that runs on a schedule, and does one of three things.

    It publishes `data` with `attributes` to `topic`, one of the dataflow; or it makes the call that `http` describes;
    or it posts `message_body` to `target_service`, whose address is known only once that is deployed, as
    `service_account` (`<job>-sa` unless named).
    """

    name: JobName
    description: Annotated[str, Field(max_length=500)] = ""
    region: Region | None = None
    schedule: Annotated[str, AfterValidator(schedules.schedule)]
    time_zone: Annotated[str, AfterValidator(schedules.time_zone)] = "Etc/UTC"
    paused: bool = False
    retry: Retry = Retry()
    attempt_deadline: Annotated[Duration, between("15s", "30m")] | None = None
    topic: str | None = None
    data: str = ""
    attributes: dict[str, str] = Field(default_factory=dict)
    http: HttpCall | None = None
    target_service: str | None = None
    service_account: ServiceAccountReference | None = None
    message_body: str = ""

    @property
    def caller(self) -> str:
        """Who calls `target_service`."""
        return self.service_account or f"{self.name}-sa"

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        given = [name for name in ("topic", "http", "target_service") if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none of them"
            raise ValueError(f"has {found}; name one of topic, http and target_service")
        for name, of in (
            ("data", "topic"),
            ("attributes", "topic"),
            ("service_account", "target_service"),
            ("message_body", "target_service"),
        ):
            if getattr(self, name) and of not in given:
                raise ValueError(f"{name}: it belongs to {of}; remove it" + _where(name, given[0]))
        if self.topic is not None and self.attempt_deadline is not None:
            raise ValueError("attempt_deadline: Cloud Scheduler has none for topics; remove it")
        if self.topic is not None and not (self.data or self.attributes):
            raise ValueError("data: Pub/Sub takes no empty message; add data or attributes")
        return self

    @model_validator(mode="after")
    def _legal_caller(self) -> Self:
        if self.target_service is not None and self.service_account is None:
            try:
                _ACCOUNT.validate_python(self.caller)
            except ValidationError as error:
                raise ValueError(
                    f"service_account: {self.caller!r} can be no account; name the one to call as"
                ) from error
        return self


def _where(name: str, target: str) -> str:
    return ", or write http.service_account" if (name, target) == ("service_account", "http") else ""
