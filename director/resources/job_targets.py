"""What a Cloud Scheduler job does when it runs, as documents and as Google say it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from google.cloud.scheduler_v1.types import Job

from director.documents.specs.scheduler import set_by_google
from director.provisioning.base import Verdict

UNSAID = ("content-type", "application/octet-stream")  # what Cloud Scheduler says of a body where nobody does


@dataclass(frozen=True, slots=True)
class Message:
    """What is published, and where."""

    pubsub_topic: str
    data: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """What is called, and as whom; headers by lower-case name."""

    uri: str
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    account: str = ""
    audience: str = ""


@dataclass(frozen=True, slots=True)
class Another:
    """A target that documents do not know."""

    kind: str


Target = Message | Call | Another


def aimed(live: Target, wanted: Target | None) -> Verdict | None:
    """What is said may be long, and nobody's business: the plan names what differs. None is an address unknown yet."""
    if wanted is None or live == wanted:
        return None
    if type(live) is not type(wanted):
        reason = "does something of another kind, which cannot be changed; delete the job and apply again"
        return Verdict("refuse", reason)
    differing = [each.name for each in fields(wanted) if getattr(live, each.name) != getattr(wanted, each.name)]
    return Verdict("update", f"another {', '.join(differing)}")


def target_of(job: Any) -> Target:
    if "pubsub_target" in job:
        message = job.pubsub_target
        return Message(message.topic_name, _text(message.data), dict(message.attributes))
    if "http_target" not in job:
        return Another("app_engine_http_target" if "app_engine_http_target" in job else "none")
    call = job.http_target
    if "oauth_token" in call:
        return Another("http_target with an OAuth token")
    account = call.oidc_token.service_account_email
    audience = call.oidc_token.audience or (call.uri if account else "")
    headers = asked_for(call.headers)
    return Call(call.uri, call.http_method.name, headers, _text(call.body), account, audience)


def set_target(job: Job, target: Target) -> None:
    if isinstance(target, Message):
        data = target.data.encode()
        job.pubsub_target = {"topic_name": target.pubsub_topic, "data": data, "attributes": target.attributes}
    elif isinstance(target, Call):
        job.http_target = _call(target)


def mask_of(target: Target) -> str:
    return "pubsub_target" if isinstance(target, Message) else "http_target"


def asked_for(headers: Mapping[str, str]) -> dict[str, str]:
    """Without those that Cloud Scheduler sets itself."""
    lower = ((name.lower(), value) for name, value in headers.items())
    return {name: value for name, value in lower if not set_by_google(name) and (name, value) != UNSAID}


def _call(call: Call) -> dict[str, Any]:
    found = {"uri": call.uri, "http_method": call.method, "headers": call.headers, "body": call.body.encode()}
    if call.account:
        found["oidc_token"] = {"service_account_email": call.account, "audience": call.audience}
    return found


def _text(data: bytes) -> str:
    return data.decode(errors="surrogateescape")
